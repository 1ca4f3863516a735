/** Expressions of Python, as what is known of their values. */
import type { Argument } from '../rules/types';
import { fieldOf, fieldsOf, partsOf, type Syntax } from '../syntax';
import { maskByName, merged, seenAs, value, withoutLogarithm, type Value, madeFrom, type Facts } from '../values';
import { attributeOf, callOf } from './calls';
import type { Context } from './context';
import { attributeOfSelf, withName } from './names';
import { numberOf } from './numbers';
import { binary, comparison, inverted, negated } from './operators';
import { entryOf, tableOf } from './tables';

/** Deeper nesting is no source that somebody wrote. */
const deepest = 200;

/** Dotted names that stand for libraries where a file does not say otherwise. */
const libraries: Readonly<Record<string, string>> = {
  torch: 'torch',
  F: 'torch.nn.functional',
  nn: 'torch.nn',
  np: 'numpy',
  math: 'math',
};

export function evaluate(node: Syntax | null, context: Context, nested = 0): Value {
  if (!node || nested > deepest || !context.mayGoOn()) return value();
  const deeper = (child: Syntax | null): Value => evaluate(child, context, nested + 1);
  const [first, second] = partsOf(node);
  switch (node.type) {
    case 'integer':
    case 'float': {
      const number = numberOf(context.text(node));
      return value(Number.isNaN(number) ? {} : signed(number));
    }
    case 'string':
    case 'concatenated_string':
      return value({ text: unquoted(context.text(node)) });
    case 'true':
      return value({ number: 1, sign: 'positive', unit: true });
    case 'false':
      return value({ number: 0, sign: 'nonnegative', unit: true });
    case 'identifier':
      return read(node, named(context.text(node), context), context);
    case 'attribute':
      return read(node, attributeOf(deeper(fieldOf(node, 'object')), node, context), context);
    case 'call':
      return callOf(node, deeper(fieldOf(node, 'function')), argumentsOf(node, deeper, context), context);
    case 'binary_operator':
      return binary(node, deeper(fieldOf(node, 'left')), deeper(fieldOf(node, 'right')), context);
    case 'unary_operator': {
      const operand = deeper(fieldOf(node, 'argument'));
      const operator = context.text(fieldOf(node, 'operator') ?? node);
      return operator === '-' ? negated(operand) : operator === '~' ? inverted(operand) : operand;
    }
    case 'not_operator':
      return inverted(deeper(fieldOf(node, 'argument')));
    case 'boolean_operator':
      return merged(deeper(fieldOf(node, 'left')), deeper(fieldOf(node, 'right')));
    case 'comparison_operator':
      return comparison(
        partsOf(node).map((part) => ({ node: part, value: deeper(part) })),
        fieldsOf(node, 'operators').map((operator) => context.text(operator)),
        context,
      );
    case 'conditional_expression': {
      // `a if test else b`
      const [then, condition, other] = partsOf(node);
      test(condition ?? null, context, nested + 1);
      return merged(deeper(then ?? null), deeper(other ?? null));
    }
    case 'named_expression': {
      const held = deeper(fieldOf(node, 'value'));
      bind(fieldOf(node, 'name'), held, context);
      return held;
    }
    case 'subscript':
      return element(deeper(fieldOf(node, 'value')), fieldsOf(node, 'subscript'), deeper);
    case 'parenthesized_expression':
    case 'await':
    case 'list_splat':
    case 'dictionary_splat':
      return deeper(first ?? null);
    case 'tuple':
    case 'list':
    case 'expression_list':
    case 'pattern_list':
    case 'set':
      return value({ items: partsOf(node).map(deeper) });
    case 'dictionary':
      return tableOf(node, deeper);
    case 'assignment':
      return deeper(fieldOf(node, 'right'));
    case 'lambda':
      // Its arguments are unknown names of its own; what it does with the others is seen.
      deeper(fieldOf(node, 'body'));
      return value();
    case 'list_comprehension':
    case 'generator_expression': {
      const parts = partsOf(node).filter(({ type }) => type !== 'for_in_clause' && type !== 'if_clause');
      const [one] = parts.map(deeper);
      // Of modules it is known what each of them is; of tensors, that they are several.
      return value(one?.builtFrom ? { items: [one] } : {});
    }
    case 'set_comprehension':
    case 'dictionary_comprehension':
      for (const part of partsOf(node)) if (part.type !== 'for_in_clause' && part.type !== 'if_clause') deeper(part);
      return value();
    case 'slice':
      for (const part of partsOf(node)) deeper(part);
      return value();
    default:
      if (first && !second) return deeper(first);
      return value();
  }
}

/** What something hangs on: a bare `if total` asks whether it is 0. */
export function test(node: Syntax | null, context: Context, nested = 0): void {
  if (!node || nested > deepest) return;
  const parts = partsOf(node);
  if (['not_operator', 'boolean_operator', 'parenthesized_expression'].includes(node.type))
    for (const part of parts) test(part, context, nested + 1);
  else {
    const held = evaluate(node, context, nested);
    if (node.type !== 'comparison_operator') context.asked.about(node, held);
  }
}

const signed = (number: number): Facts => ({
  number,
  sign: number > 0 ? 'positive' : number === 0 ? 'nonnegative' : 'any',
  unit: number >= 0 && number <= 1,
});

function read(node: Syntax, held: Value, context: Context): Value {
  if (held.mask) context.see('read', { node, mask: held.mask });
  return held;
}

function named(name: string, { names }: Context): Value {
  const held = names.get(name);
  if (held) return held;
  if (Object.hasOwn(libraries, name)) return value({ path: libraries[name] ?? name });
  const mask = maskByName(name);
  return value(mask ? { named: name, mask } : { path: name, named: name });
}

/** The text between quotes, prefixes left out. */
const unquoted = (text: string): string => /^[a-zA-Z]*("""|'''|"|')([^]*?)\1/.exec(text)?.[2] ?? '';

/** `x[:, None]` is x in another shape; of a list that is written out, `x[1]` is one of its parts. */
function element(held: Value, subscripts: readonly Syntax[], deeper: (node: Syntax) => Value): Value {
  const places = subscripts.map(deeper);
  if (held.entries) return entryOf(held, held.entries, places.length === 1 ? places[0] : undefined);
  if (held.oneOf) return held;
  const at = places.length === 1 ? places[0]?.number : undefined;
  if (held.items) {
    const [first] = held.items;
    const one = at === undefined ? undefined : held.items.at(at);
    // A list of layers, of which the first one stands for all.
    return one ?? (first?.builtFrom ? first : value());
  }
  if (held.path !== undefined || held.definition) return value();
  // `lengths[chosen]`: those that somebody chose.
  const isChosen = places.some(({ mask, asks }) => asks ?? (mask && mask.form !== 'additive'));
  // Single places of logarithms are those of what was drawn, which is open.
  const isSlice = subscripts.every(
    ({ type }, place) => /^(slice|ellipsis|none)$/.test(type) || places[place]?.number !== undefined,
  );
  if (!isSlice && held.zeroTimes) held.zeroTimes.handled = true;
  return withoutLogarithm(seenAs(held, isChosen ? { kept: true } : {}), !isSlice);
}

function argumentsOf(call: Syntax, deeper: (node: Syntax | null) => Value, context: Context): readonly Argument[] {
  const list = fieldOf(call, 'arguments');
  if (!list) return [];
  // `f(x for x in y)`
  if (list.type === 'generator_expression') return [{ name: null, node: list, value: deeper(list) }];
  return partsOf(list).map((node) => {
    if (node.type !== 'keyword_argument') return { name: null, node, value: deeper(node) };
    const [name, given] = [fieldOf(node, 'name'), fieldOf(node, 'value')];
    return { name: name && context.text(name), node: given ?? node, value: deeper(given) };
  });
}

/** Gives a name, an attribute of `self`, or the parts of a tuple their values. */
export function bind(target: Syntax | null, held: Value, context: Context): void {
  if (!target) return;
  const [first] = partsOf(target);
  switch (target.type) {
    case 'identifier':
      context.names.set(context.text(target), withName(held, context.text(target)));
      return;
    case 'attribute': {
      const name = attributeOfSelf(target, context);
      if (name !== null) context.attributes.set(name, withName(held, name));
      return;
    }
    case 'tuple_pattern':
    case 'list_pattern':
    case 'pattern_list':
    case 'tuple':
    case 'list':
    case 'expression_list':
      unpack(partsOf(target), held, context);
      return;
    case 'parenthesized_expression':
    case 'list_splat_pattern':
    case 'as_pattern_target':
      bind(first ?? null, value(), context);
      return;
    default:
  }
}

/** What stands behind a starred name is counted from the end. */
function unpack(targets: readonly Syntax[], held: Value, context: Context): void {
  const starred = targets.findIndex(({ type }) => type === 'list_splat_pattern' || type === 'list_splat');
  for (const [at, part] of targets.entries()) {
    const place = starred !== -1 && at > starred ? at - targets.length : at;
    bind(part, held.items ? (held.items.at(place) ?? value()) : madeFrom(held), context);
  }
}
