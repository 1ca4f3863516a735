/** Statements, one after the other: branches are followed apart and joined again, loops are gone through twice. */
import { importedBy } from '../imports';
import { fieldOf, fieldsOf, partsOf, type Syntax } from '../syntax';
import { maskByName, merged, value, type Value } from '../values';
import type { Context, Names } from './context';
import { bind, evaluate, test } from './expressions';
import { withName, withoutGradient } from './names';
import { operated } from './operators';
import { withEntry } from './tables';

/** What a block gives back, and whether the statements behind it are reached. */
interface Outcome {
  readonly returned: readonly Value[];
  readonly ends: boolean;
}

const goesOn: Outcome = { returned: [], ends: false };
const deepest = 100;

/** Runs a block (or a module); returned values are of every `return` in it. */
export function run(block: Syntax | null, context: Context, nested = 0): Outcome {
  if (!block || nested > deepest) return goesOn;
  const returned: Value[] = [];
  for (const statement of block.children) {
    const outcome = step(statement, context, nested);
    returned.push(...outcome.returned);
    if (outcome.ends) return { returned, ends: true };
  }
  return { returned, ends: false };
}

function step(node: Syntax, context: Context, nested: number): Outcome {
  switch (node.type) {
    case 'expression_statement':
      for (const part of partsOf(node)) expression(part, context);
      return goesOn;
    case 'return_statement': {
      const [what] = partsOf(node);
      return { returned: what ? [evaluate(what, context)] : [], ends: true };
    }
    case 'assert_statement':
      test(partsOf(node)[0] ?? null, context);
      return goesOn;
    case 'raise_statement':
    case 'break_statement':
    case 'continue_statement':
      for (const part of partsOf(node)) evaluate(part, context);
      return { returned: [], ends: true };
    case 'if_statement':
      context.see('branched', { node });
      return branches(conditionals(node), hasElse(node), context, nested);
    case 'for_statement': {
      const over = evaluate(fieldOf(node, 'right'), context);
      const [one] = over.items ?? [];
      const begin = (): void => {
        bind(fieldOf(node, 'left'), one ?? value(), context);
      };
      return loop(fieldOf(node, 'body'), begin, context, nested);
    }
    case 'while_statement':
      test(fieldOf(node, 'condition'), context);
      return loop(fieldOf(node, 'body'), () => undefined, context, nested);
    case 'with_statement': {
      for (const clause of partsOf(node))
        if (clause.type === 'with_clause') for (const item of partsOf(clause)) evaluate(item, context);
      const isPlain = partsOf(node).some(
        (part) => part.type === 'with_clause' && withoutGradient.test(context.text(part)),
      );
      return run(fieldOf(node, 'body'), isPlain ? { ...context, noGradient: true } : context, nested + 1);
    }
    case 'try_statement': {
      const blocksOf = (of: Syntax): readonly Syntax[] => of.children.filter(({ type }) => type === 'block');
      const clauses = node.children.filter(({ type, field }) => field !== 'body' && type !== 'finally_clause');
      const tried = branches(
        [...fieldsOf(node, 'body'), ...clauses.flatMap(blocksOf)].map((block) => ({ condition: null, block })),
        true,
        context,
        nested,
      );
      const last = node.children.find(({ type }) => type === 'finally_clause');
      const behind = last ? run(blocksOf(last)[0] ?? null, context, nested + 1) : goesOn;
      return { returned: [...tried.returned, ...behind.returned], ends: tried.ends || behind.ends };
    }
    case 'match_statement': {
      const body = fieldOf(node, 'body') ?? node;
      return branches(
        body.children.map((each) => ({ condition: null, block: fieldOf(each, 'consequence') })),
        false,
        context,
        nested,
      );
    }
    case 'function_definition':
    case 'class_definition':
    case 'decorated_definition':
      define(node, context);
      return goesOn;
    case 'import_statement':
    case 'import_from_statement':
      imports(node, context);
      return goesOn;
    case 'block':
      return run(node, context, nested + 1);
    default:
      for (const part of partsOf(node)) evaluate(part, context);
      return goesOn;
  }
}

function expression(node: Syntax, context: Context): void {
  if (node.type === 'assignment') {
    const [target, source] = [fieldOf(node, 'left'), fieldOf(node, 'right')];
    if (!target || !source) return;
    const held = source.type === 'assignment' ? chained(source, context) : evaluate(source, context);
    assign(target, held, source, context);
    return;
  }
  if (node.type === 'augmented_assignment') {
    const [target, source] = [fieldOf(node, 'left'), fieldOf(node, 'right')];
    if (!target || !source) return;
    const operator = context.text(fieldOf(node, 'operator') ?? node).replace(/=$/, '');
    const [left, right] = [evaluate(target, context), evaluate(source, context)];
    bind(target, operated(operator, { node, left, right, leftNode: target, rightNode: source }, context), context);
    return;
  }
  evaluate(node, context);
}

/** `a = b = value` */
function chained(node: Syntax, context: Context): Value {
  expression(node, context);
  return evaluate(fieldOf(node, 'left'), context);
}

function assign(target: Syntax, held: Value, source: Syntax, context: Context): void {
  context.see('assigned', { node: target, target: context.text(target), value: held, valueNode: source });
  if (target.type !== 'subscript') {
    bind(target, held, context);
    return;
  }
  // `scores[mask] = -inf`
  const [whole, places] = [fieldOf(target, 'value'), fieldsOf(target, 'subscript')];
  if (!whole) return;
  const before = evaluate(whole, context);
  const at = places.map((place) => evaluate(place, context));
  if (before.entries) {
    bind(whole, withEntry(before, before.entries, at.length === 1 ? at[0] : undefined, held), context);
    return;
  }
  // `mask[:, at, at] = 0`, with `at` from `arange`.
  const isDiagonal = at.some(({ arange, id }, place) => arange && at.findIndex((one) => one.id === id) < place);
  const condition = at.find((place) => place.mask ?? place.rows ?? place.nanOf ?? place.asks);
  context.stored(target, before, condition ?? value(isDiagonal ? { eye: true } : {}), held, (after) => {
    bind(whole, after, context);
  });
}

interface Branch {
  readonly condition: Syntax | null;
  readonly block: Syntax | null;
}

function conditionals(node: Syntax): readonly Branch[] {
  const first = { condition: fieldOf(node, 'condition'), block: fieldOf(node, 'consequence') };
  const others = fieldsOf(node, 'alternative').map((other) => ({
    condition: fieldOf(other, 'condition'),
    block: fieldOf(other, 'consequence') ?? fieldOf(other, 'body'),
  }));
  return [first, ...others];
}

const hasElse = (node: Syntax): boolean => fieldsOf(node, 'alternative').some(({ type }) => type === 'else_clause');

/** Each branch from the same names; behind them holds what holds after each that goes on. */
function branches(all: readonly Branch[], complete: boolean, context: Context, nested: number): Outcome {
  const before = new Map(context.names);
  const attributes = new Map(context.attributes);
  const ends: { readonly names: Names; readonly attributes: Names }[] = [];
  const returned: Value[] = [];
  for (const { condition, block } of all) {
    restore(context.names, before);
    restore(context.attributes, attributes);
    test(condition, context);
    const outcome = run(block, context, nested + 1);
    returned.push(...outcome.returned);
    if (!outcome.ends) ends.push({ names: new Map(context.names), attributes: new Map(context.attributes) });
  }
  if (!complete) ends.push({ names: before, attributes });
  const [first, ...others] = ends;
  if (!first) return { returned, ends: true };
  restore(context.names, first.names);
  restore(context.attributes, first.attributes);
  for (const other of others) {
    mergeInto(context.names, other.names);
    mergeInto(context.attributes, other.attributes);
  }
  return { returned, ends: false };
}

function loop(body: Syntax | null, begin: () => void, context: Context, nested: number): Outcome {
  const returned: Value[] = [];
  // What the first round leaves is seen in the second; deep inside of others that is two to the power of the depth.
  for (let round = 0; round < (nested > 5 ? 1 : 2); round++) {
    const before = new Map(context.names);
    begin();
    returned.push(...run(body, context, nested + 1).returned);
    mergeInto(context.names, before);
  }
  return { returned, ends: false };
}

function restore(names: Names, to: ReadonlyMap<string, Value>): void {
  names.clear();
  for (const [name, held] of to) names.set(name, held);
}

function mergeInto(names: Names, other: ReadonlyMap<string, Value>): void {
  for (const [name, held] of other) {
    const mine = names.get(name);
    names.set(name, mine ? merged(mine, held) : held);
  }
}

function define(node: Syntax, context: Context): void {
  const definition = node.type === 'decorated_definition' ? fieldOf(node, 'definition') : node;
  const name = definition && fieldOf(definition, 'name');
  if (!definition || !name) return;
  context.names.set(context.text(name), value({ definition }));
  if (definition.type === 'function_definition') context.defined(definition);
}

/** `import torch.nn.functional as F`, `from torch import nn` */
function imports(node: Syntax, context: Context): void {
  for (const { name, path, isFrom } of importedBy(context.tree, node))
    context.names.set(name, isFrom && maskByName(name) ? withName(value(), name) : value({ path }));
}
