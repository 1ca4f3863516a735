/** Classes of a file, and which of their attributes are built from which of its other classes. */
import { everyNode, fieldOf, fieldsOf, partsOf, textOf, type PythonTree, type Syntax } from '../syntax';

export interface ClassOf {
  readonly name: string;
  readonly node: Syntax;
  /** Classes of this file that it derives from. */
  readonly bases: readonly string[];
  /** By attribute of `self` (and by key of a dict of modules): names of the classes that it may be, others' among them. */
  readonly attributes: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface ClassesOf {
  readonly tree: PythonTree;
  readonly classes: ReadonlyMap<string, ClassOf>;
  /** Functions outside of classes. */
  readonly functions: ReadonlyMap<string, Syntax>;
}

export function classesIn(tree: PythonTree): ClassesOf {
  const nodes = new Map<string, Syntax>();
  const functions = new Map<string, Syntax>();
  /** Names of the file that stand for one of several classes: `ATTENTION = {"eager": EagerAttention, …}`. */
  const choices = new Map<string, Syntax>();
  for (const statement of tree.root.children) {
    const node = statement.type === 'decorated_definition' ? fieldOf(statement, 'definition') : statement;
    const name = node && fieldOf(node, 'name');
    if (node?.type === 'class_definition' && name) nodes.set(textOf(tree, name), node);
    if (node?.type === 'function_definition' && name) functions.set(textOf(tree, name), node);
    for (const part of node?.type === 'expression_statement' ? node.children : []) {
      const [left, right] = [fieldOf(part, 'left'), fieldOf(part, 'right')];
      if (part.type === 'assignment' && left?.type === 'identifier' && right) choices.set(textOf(tree, left), right);
    }
  }
  const classesNamedIn = (expression: Syntax, followed: ReadonlySet<string>): readonly string[] =>
    [...everyNode(expression)].flatMap((node) => {
      if (node.type !== 'identifier') return [];
      const name = textOf(tree, node);
      if (nodes.has(name)) return [name];
      const choice = followed.has(name) ? undefined : choices.get(name);
      return choice ? classesNamedIn(choice, new Set([...followed, name])) : [];
    });
  const classes = new Map<string, ClassOf>();
  for (const [name, node] of nodes) {
    const attributes = new Map<string, Set<string>>();
    const add = (attribute: string, from: Syntax): void => {
      const known = attributes.get(attribute) ?? new Set<string>();
      for (const one of [...classesNamedIn(from, new Set()), ...calledIn(tree, from)]) known.add(one);
      attributes.set(attribute, known);
    };
    for (const part of everyNode(node)) {
      const [left, right] = [fieldOf(part, 'left'), fieldOf(part, 'right')];
      const attribute = part.type === 'assignment' && left && right ? attributeOfSelf(tree, left) : null;
      if (attribute !== null && right) {
        add(attribute, right);
        for (const pair of everyNode(right)) addKey(tree, pair, add);
      }
      if (part.type === 'call') addModule(tree, part, add);
    }
    const bases = fieldOf(node, 'superclasses');
    classes.set(name, { name, node, bases: bases ? classesNamedIn(bases, new Set()) : [], attributes });
  }
  return { tree, classes: new Map([...classes].map(([name, one]) => [name, withBases(one, classes)])), functions };
}

/** What its bases build is its own, too, unless it builds something else there. */
function withBases(own: ClassOf, classes: ReadonlyMap<string, ClassOf>): ClassOf {
  const attributes = new Map(own.attributes);
  const seen = new Set([own.name]);
  const waiting = [...own.bases];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const base = seen.has(name) ? undefined : classes.get(name);
    seen.add(name);
    if (!base) continue;
    for (const [attribute, built] of base.attributes) if (!attributes.has(attribute)) attributes.set(attribute, built);
    waiting.push(...base.bases);
  }
  return { ...own, attributes };
}

/** `self.name` */
export function attributeOfSelf(tree: PythonTree, node: Syntax): string | null {
  const [object, attribute] = [fieldOf(node, 'object'), fieldOf(node, 'attribute')];
  return node.type === 'attribute' && object && attribute && textOf(tree, object) === 'self'
    ? textOf(tree, attribute)
    : null;
}

/** Classes of other files: the names behind the last dot of what is called. */
const calledIn = (tree: PythonTree, expression: Syntax): readonly string[] =>
  [...everyNode(expression)].flatMap((node) => {
    const callee = node.type === 'call' ? fieldOf(node, 'function') : null;
    const name = callee?.type === 'attribute' ? fieldOf(callee, 'attribute') : callee;
    return name?.type === 'identifier' ? [textOf(tree, name)] : [];
  });

/** `nn.ModuleDict({"attn": Attention(…)})` */
function addKey(tree: PythonTree, pair: Syntax, add: (name: string, from: Syntax) => void): void {
  const [key, held] = [fieldOf(pair, 'key'), fieldOf(pair, 'value')];
  const name = pair.type === 'pair' && key?.type === 'string' ? stringOf(tree, key) : null;
  if (name !== null && held) add(name, held);
}

/** `self.add_module("attn", Attention(…))` */
function addModule(tree: PythonTree, call: Syntax, add: (name: string, from: Syntax) => void): void {
  const callee = fieldOf(call, 'function');
  if (!callee || !/^self\.(?:add_module|register_module)$/.test(textOf(tree, callee))) return;
  const [name, built] = partsOf(fieldOf(call, 'arguments') ?? call);
  const text = name?.type === 'string' ? stringOf(tree, name) : null;
  if (text !== null && built) add(text, built);
}

const stringOf = (tree: PythonTree, node: Syntax): string | null =>
  /^(["'])([^"'\\{}]*)\1$/.exec(textOf(tree, node))?.[2] ?? null;

/** Bodies that run when a module is called: its methods, those of its bases here, and functions of the file they call. */
export function bodiesOf(file: ClassesOf, { name }: ClassOf): readonly Syntax[] {
  const found = new Set<Syntax>();
  const waiting: Syntax[] = [];
  const add = (node: Syntax): void => {
    if (found.has(node)) return;
    found.add(node);
    waiting.push(node);
  };
  for (const method of methodsOf(file, name, new Set())) add(method);
  for (let body = waiting.shift(); body; body = waiting.shift())
    for (const node of everyNode(body)) {
      const called = node.type === 'identifier' ? file.functions.get(textOf(file.tree, node)) : undefined;
      if (called && found.size < mostBodies) add(called);
    }
  return [...found];
}

const mostBodies = 200;

function* methodsOf(file: ClassesOf, name: string, seen: Set<string>): Generator<Syntax> {
  const own = file.classes.get(name);
  if (!own || seen.has(name)) return;
  seen.add(name);
  for (const part of fieldsOf(own.node, 'body').flatMap(partsOf)) {
    const method = part.type === 'decorated_definition' ? fieldOf(part, 'definition') : part;
    // What is built there does not run when it is called.
    const called = method && fieldOf(method, 'name');
    if (method?.type === 'function_definition' && called && textOf(file.tree, called) !== '__init__') yield method;
  }
  for (const base of own.bases) yield* methodsOf(file, base, seen);
}
