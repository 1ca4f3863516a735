/**
 * A whole file: its functions and methods, each as it is called from this file, or with unknown arguments where nothing
 * here calls it.
 */
import type { EventName, Events } from '../rules/types';
import { everyNode, fieldOf, partsOf, textOf, type PythonTree, type Syntax } from '../syntax';
import { merged, value, type SoftmaxSite, type Value } from '../values';
import { Asked } from './asked';
import type { Context, Names } from './context';
import { evaluate } from './expressions';
import { withName, withoutGradient } from './names';
import { run } from './statements';
import { filledWhere } from './tensors';

/** Calls in calls that are followed. */
const deepest = 8;
/** Expressions of one file that are looked at; those of 5,000 lines are some 100,000. */
const mostSteps = 3_000_000;
/** How often one function is followed into; later calls of it give something unknown. */
const mostCalls = 6;

export interface Watcher {
  see<Name extends EventName>(name: Name, event: Events[Name], from: Reached): void;
  softmax(site: SoftmaxSite, from: Reached): void;
}

/** The function that something happens in, and whether it was called from this file. */
export interface Reached {
  readonly definition: Syntax | null;
  readonly called: boolean;
}

export class PythonFile {
  private readonly calls = new Map<Syntax, number>();
  private readonly running = new Set<Syntax>();
  private readonly attributesOf = new Map<Syntax, Names>();
  private readonly methodsOf = new Map<Syntax, ReadonlyMap<string, Syntax>>();
  private readonly globals: Names = new Map();
  /** What a property gave the last time that it was followed. */
  private readonly properties = new Map<Syntax, Value>();
  /** Names of the function around a function, as they were left. */
  private readonly around = new Map<Syntax, Names>();
  private readonly askedAbout = new Set<number>();
  private steps = 0;

  constructor(
    private readonly tree: PythonTree,
    private readonly watcher: Watcher,
  ) {}

  /** Definitions that this file calls are told so; what was seen in them with unknown arguments counts for less. */
  get called(): ReadonlySet<Syntax> {
    return new Set(this.calls.keys());
  }

  /** Reads the file; between functions the caller may do something else. */
  *read(): Generator<void> {
    const { root } = this.tree;
    for (const node of root.children)
      if (node.type.endsWith('definition'))
        run({ ...root, children: [node] }, this.context(null, this.globals, 0, null, false));
    run(root, this.context(null, this.globals, 0, null, false));
    yield;
    const definitions = [...everyNode(root)].filter(({ type }) => type === 'function_definition');
    // Constructors first: the others see the attributes that they set.
    const [constructors, others] = [definitions.filter((node) => this.nameOf(node) === '__init__'), definitions];
    for (const definition of constructors) {
      // What a module is built with in this file says more than the names of its parameters.
      if (!this.calls.has(definition)) this.body(definition, new Map(), false, 0);
      yield;
    }
    for (const definition of others) {
      if (this.nameOf(definition) !== '__init__') this.body(definition, new Map(), false, 0);
      yield;
    }
  }

  private nameOf(definition: Syntax): string {
    const name = fieldOf(definition, 'name');
    return name ? textOf(this.tree, name) : '';
  }

  private context(
    owner: Syntax | null,
    names: Names,
    depth: number,
    definition: Syntax | null,
    called: boolean,
  ): Context {
    const reached: Reached = { definition, called };
    const text = (node: Syntax): string => textOf(this.tree, node);
    const context: Context = {
      tree: this.tree,
      names,
      attributes: owner ? this.attributes(owner) : new Map<string, Value>(),
      owner,
      depth,
      mayGoOn: () => this.steps++ < mostSteps,
      asked: new Asked(this.askedAbout, text),
      noGradient: definition !== null && isDecorated(definition, text, withoutGradient),
      settingUp: definition !== null && /^_*(init|reset)(ial|_|$)/.test(this.nameOf(definition)),
      text,
      see: (name, event) => {
        this.watcher.see(name, event, reached);
      },
      softmax: (site) => {
        this.watcher.softmax(site, reached);
      },
      stored: (node, held, condition, put, keep) => {
        this.watcher.see('filled', { node, input: held, condition, fill: put }, reached);
        if (condition.nanOf) this.watcher.see('cleaned', { node, input: held, inputNode: null }, reached);
        keep(filledWhere(held, condition, put, node));
      },
      defined: (inner) => {
        if (definition) this.around.set(inner, names);
      },
      methodOf: (of, name) => this.methodOf(of, name),
      heldBy: (of, name) => this.heldBy(of, name, depth),
      call: (target, given, named) => this.call(target, given, named, depth),
    };
    return context;
  }

  private attributes(owner: Syntax): Names {
    const known = this.attributesOf.get(owner);
    if (known) return known;
    const held: Names = new Map();
    this.attributesOf.set(owner, held);
    this.readClass(owner, held);
    return held;
  }

  /** `NEG_INF = float("-inf")` in the body of a class. */
  private readClass(owner: Syntax, held: Names): void {
    const body = fieldOf(owner, 'body');
    const assigned = (body ? partsOf(body) : []).filter(
      (part) => part.type === 'expression_statement' && partsOf(part).every(isConstant),
    );
    if (!body || assigned.length === 0) return;
    const names: Names = new Map(this.globals);
    // Rules have heard of nothing here: no tensor comes by.
    const quiet = { see: () => undefined, softmax: () => undefined };
    run({ ...body, children: assigned }, { ...this.context(null, names, 0, null, false), ...quiet });
    for (const [name, one] of names) if (this.globals.get(name) !== one && one.number !== -1) held.set(name, one);
  }

  /** An attribute that a constructor or the body of a class sets, or a property. */
  private heldBy(owner: Syntax, name: string, depth: number): Value | null {
    for (const one of this.withBases(owner)) {
      const held = this.attributes(one).get(name);
      if (held) return held;
      const method = this.methods(one).get(name);
      if (method) return this.isProperty(method) ? this.property(method, name, depth) : null;
    }
    return null;
  }

  private isProperty(method: Syntax): boolean {
    return isDecorated(method, (node) => textOf(this.tree, node), /property\s*$/);
  }

  private property(method: Syntax, name: string, depth: number): Value {
    const made = this.call(method, [], new Map(), depth);
    if (made) this.properties.set(method, made);
    const held = made ?? this.properties.get(method) ?? value();
    const isKnown = Object.keys(held).length > 1;
    return isKnown ? withName(held, name) : value({ path: `self.${name}`, named: name });
  }

  private methodOf(owner: Syntax, name: string): Syntax | null {
    for (const one of this.withBases(owner)) {
      const method = this.methods(one).get(name);
      if (method) return method;
    }
    return null;
  }

  /** A class and its bases of this file, in the order in which a name is looked for. */
  private *withBases(owner: Syntax, seen = new Set<Syntax>()): Generator<Syntax> {
    if (seen.has(owner)) return;
    seen.add(owner);
    yield owner;
    const bases = fieldOf(owner, 'superclasses');
    for (const base of bases ? partsOf(bases) : []) {
      const definition = this.globals.get(textOf(this.tree, base))?.definition;
      if (definition?.type === 'class_definition') yield* this.withBases(definition, seen);
    }
  }

  private methods(owner: Syntax): ReadonlyMap<string, Syntax> {
    const known = this.methodsOf.get(owner);
    if (known) return known;
    const body = fieldOf(owner, 'body');
    const found = new Map<string, Syntax>();
    for (const part of body ? partsOf(body) : []) {
      const definition = part.type === 'decorated_definition' ? fieldOf(part, 'definition') : part;
      if (definition?.type !== 'function_definition') continue;
      // What is stored by a setter is read by the property before it.
      const isSetter = isDecorated(definition, (node) => textOf(this.tree, node), /\.(setter|deleter)\s*$/);
      if (!isSetter) found.set(this.nameOf(definition), definition);
    }
    this.methodsOf.set(owner, found);
    return found;
  }

  private call(
    target: Syntax,
    given: readonly Value[],
    named: ReadonlyMap<string, Value>,
    depth: number,
  ): Value | null {
    if (target.type !== 'function_definition') return value();
    const times = this.calls.get(target) ?? 0;
    this.calls.set(target, times + 1);
    if (depth >= deepest || times >= mostCalls || this.running.has(target)) return null;
    const parameters = this.parameters(target);
    const values = new Map<string, Value>();
    for (const [at, held] of given.entries()) {
      const name = parameters[at]?.name;
      if (name !== undefined) values.set(name, held);
    }
    for (const [name, held] of named) values.set(name, held);
    return this.body(target, values, true, depth + 1);
  }

  /** What a function gives; parameters that are not given have their default, or what their names say. */
  private body(definition: Syntax, given: ReadonlyMap<string, Value>, called: boolean, depth: number): Value {
    const owner = ownerOf(definition);
    const names: Names = new Map([...this.globals, ...(this.around.get(definition) ?? [])]);
    const context = this.context(owner, names, depth, definition, called);
    for (const { name, standard } of this.parameters(definition)) {
      const held = given.get(name) ?? this.standard(standard, called, context);
      names.set(name, withName(held, name));
    }
    this.running.add(definition);
    try {
      const { returned } = run(fieldOf(definition, 'body'), context);
      const [first, ...others] = returned;
      return others.reduce((all, one) => merged(all, one), first ?? value());
    } finally {
      this.running.delete(definition);
    }
  }

  /** Where nobody calls it from here, a number that is the default is what it is called with, most of the time. */
  private standard(node: Syntax | null, called: boolean, context: Context): Value {
    const held = node ? evaluate(node, context) : value();
    // -1 stands for nothing.
    const isNumber =
      (held.number !== undefined && held.number !== -1 && node?.type !== 'true' && node?.type !== 'false') ||
      held.lowest;
    return called || isNumber ? held : value();
  }

  /** Names of parameters in order, that of the instance left out, and their defaults. */
  private parameters(definition: Syntax): readonly { readonly name: string; readonly standard: Syntax | null }[] {
    const list = fieldOf(definition, 'parameters');
    const all = (list ? partsOf(list) : []).flatMap((parameter) => {
      const identifier =
        parameter.type === 'identifier'
          ? parameter
          : (fieldOf(parameter, 'name') ?? partsOf(parameter).find(({ type }) => type === 'identifier'));
      return identifier ? [{ name: textOf(this.tree, identifier), standard: fieldOf(parameter, 'value') }] : [];
    });
    return ownerOf(definition) && /^(self|cls)$/.test(all[0]?.name ?? '') ? all.slice(1) : all;
  }
}

const isDecorated = (definition: Syntax, text: (node: Syntax) => string, by: RegExp): boolean =>
  definition.parent?.type === 'decorated_definition' &&
  partsOf(definition.parent).some((part) => part.type === 'decorator' && by.test(text(part)));

/** `NAME = …`, and `NAME: type = …` of a dataclass; what is switched on or off is a choice of whoever builds it. */
function isConstant(node: Syntax): boolean {
  const right = node.type === 'assignment' ? fieldOf(node, 'right') : null;
  return right !== null && !['true', 'false', 'none'].includes(right.type);
}

/** The class that a method is defined in. */
function ownerOf(definition: Syntax): Syntax | null {
  const around = definition.parent?.type === 'decorated_definition' ? definition.parent.parent : definition.parent;
  return around?.type === 'block' && around.parent?.type === 'class_definition' ? around.parent : null;
}
