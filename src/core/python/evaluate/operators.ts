/** `+ - * / ** & | ^ @`, comparisons and signs. */
import { fieldOf, type Syntax } from '../syntax';
import {
  joinedMask,
  logarithm,
  madeFrom,
  seenAs,
  value,
  type Facts,
  type LogOf,
  type Mask,
  type Value,
} from '../values';
import type { Context } from './context';
import { namesIn } from './names';
import { fillOf, isInfinite, planesOf, writtenAs } from './numbers';
import { filledBy, isSmall, matrixProduct, powerOf, sumOf } from './tensors';

export function binary(node: Syntax, left: Value, right: Value, context: Context): Value {
  const operator = context.text(fieldOf(node, 'operator') ?? node);
  const [leftNode, rightNode] = [fieldOf(node, 'left') ?? node, fieldOf(node, 'right') ?? node];
  return operated(operator, { node, left, right, leftNode, rightNode }, context);
}

export interface Operands {
  readonly node: Syntax;
  readonly left: Value;
  readonly right: Value;
  readonly leftNode: Syntax;
  readonly rightNode: Syntax;
}

/** @param operator without the `=` of an augmented assignment */
export function operated(operator: string, operands: Operands, context: Context): Value {
  const { node, left, right, leftNode } = operands;
  const numbers = arithmetic(operator, left.number, right.number);
  switch (operator) {
    case '+':
      if (numbers !== null) return number(numbers);
      context.see('added', { node, left, right });
      return sumOf(left, right);
    case '-':
      if (numbers !== null) return number(numbers);
      return difference(left, right);
    case '*':
      if (numbers !== null) return number(numbers);
      return multiplied(operands, context);
    case '/':
    case '//':
      if (numbers !== null) return number(numbers);
      return quotient(operands, context);
    case '**':
      return powerOf(node, left, right, leftNode, context);
    case '@':
      return matrixProduct({ node: leftNode, value: left }, { node: operands.rightNode, value: right });
    case '&':
    case '|':
    case '^':
      return logical(left, right);
    default:
      return value();
  }
}

function multiplied(operands: Operands, context: Context): Value {
  const { left, right, node } = operands;
  const made = product(left, right, node);
  const zeroTimes = left.logOf || right.logOf ? { handled: false } : null;
  context.see('multiplied', { ...operands, handled: () => zeroTimes?.handled === true });
  return zeroTimes ? seenAs(made, { zeroTimes }) : made;
}

function arithmetic(operator: string, left: number | undefined, right: number | undefined): number | null {
  if (left === undefined || right === undefined) return null;
  const result = {
    '+': left + right,
    '-': left - right,
    '*': left * right,
    '/': left / right,
    '//': Math.floor(left / right),
  }[operator];
  return result === undefined || Number.isNaN(result) ? null : result;
}

const number = (known: number): Value =>
  value({
    number: known,
    sign: known > 0 ? 'positive' : known === 0 ? 'nonnegative' : 'any',
    unit: known >= 0 && known <= 1,
  });

export const negated = (held: Value): Value =>
  held.number !== undefined
    ? number(-held.number)
    : held.highest !== undefined
      ? value({ lowest: held.highest, sign: 'any', ...(held.over !== undefined && { over: held.over }) })
      : held.path !== undefined || held.lowest !== undefined
        ? seenAs(held)
        : negative(held, {
            // Whoever takes the logarithm of a negated logarithm has numbers up to 1.
            ...(held.sign && held.named !== 'log' && { sign: 'any' as const }),
            ...(held.mask && { mask: held.mask }),
            ...(held.arange && { arange: true }),
            ...(held.risky && { risky: held.risky }),
            ...(isAtLeastZero(held) && { shifted: true }),
          });

/** Weights and their logarithms are 0 and infinite where they were. */
function negative({ id, logOf, softmax, product: summed, zeroTimes }: Value, facts: Facts): Value {
  if (zeroTimes) return value({ ...facts, zeroTimes });
  if (logOf?.own === id) return logarithm(facts, { ...logOf, negated: logOf.negated !== true });
  return value({ ...facts, ...(softmax && summed === undefined && { softmax }) });
}

/** What is not above 0 is where softmax puts its scores: exp of it does not overflow. */
const isAtLeastZero = ({ sign }: Value): boolean => sign === 'positive' || sign === 'nonnegative';

/** `~mask` closes what it left open; what it is of stays. */
export const inverted = (held: Value): Value => madeFrom(held);

interface Compared {
  readonly node: Syntax;
  readonly value: Value;
}

/** `a < b <= c` @param operators between the parts */
export function comparison(parts: readonly Compared[], operators: readonly string[], context: Context): Value {
  const asks = { low: [] as number[], high: [] as number[], withNumbers: [] as number[] };
  for (const [at, operator] of operators.entries()) {
    const [left, right] = [parts[at], parts[at + 1]];
    if (!left || !right) continue;
    for (const [one, bound, sign] of [
      [left, right.value, operator],
      [right, left.value, turned[operator] ?? operator],
    ] as const) {
      const side = sideOf(sign, bound);
      if (bound.number === 0 && (sign === '>=' || sign === '<')) context.asked.aboutSign(one.node);
      if (side === null || one.value.number !== undefined) continue;
      context.asked.about(one.node, one.value);
      asks[side].push(one.value.id);
      if (bound.number !== undefined) asks.withNumbers.push(one.value.id);
    }
  }
  return seenAs(maskCompared(parts, context), { truth: true, asks });
}

const turned: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** Whether a comparison with this bound holds for what is 0 or small (`x < eps`), or for all else; null: neither. */
function sideOf(operator: string, bound: Value): 'low' | 'high' | null {
  const { number: at } = bound;
  switch (operator) {
    case '==':
      return at === 0 ? 'low' : null;
    case '!=':
      return at === 0 ? 'high' : null;
    case '<':
    case '<=':
      return isSmall(bound) || at === 0 || (at === 1 && operator === '<') ? 'low' : null;
    case '>':
      return at === undefined || at >= 0 ? 'high' : null;
    case '>=':
      return at === undefined || at > 0 ? 'high' : null;
    default:
      return null;
  }
}

function maskCompared(parts: readonly Compared[], context: Context): Value {
  const [left, right] = [parts[0]?.value ?? value(), parts[1]?.value ?? value()];
  if (left.nanOf ?? right.nanOf) return left.nanOf ? left : right;
  if (left.rows === true || right.rows === true) return value({ rows: true, mask: bool('unknown') });
  if (left.belowLargest || right.belowLargest) return value({ belowLargest: true });
  const mask = left.mask ?? right.mask;
  if (mask) return value({ mask: { ...mask, form: 'bool', fill: null, planes: 0 } });
  // A comparison with -inf asks where a mask was laid on.
  const masked = left.masks?.length ? left.masks : right.masks;
  if (masked?.length && (isInfinite(left) || isInfinite(right) || fillOf(left) || fillOf(right)))
    return value({ mask: bool('unknown') });
  if (left.arange && right.arange) return value({ mask: bool('causal') });
  if (left.arange || right.arange) return value({ mask: bool('padding') });
  const texts = parts.map(({ node }) => context.text(node));
  if (texts.some((text) => /pad/i.test(text))) return value({ mask: bool('padding') });
  // `x != x` is how NaN is asked for without a name.
  if (parts.length > 1 && texts[0] === texts[1]) return value({ nanOf: left });
  return value();
}

const bool = (part: 'causal' | 'padding' | 'unknown'): Mask => ({
  form: 'bool',
  fill: null,
  parts: new Set([part]),
  planes: 0,
  guarded: false,
  fillsAt: [],
});

export function logical(left: Value, right: Value): Value {
  const opened = left.rows ?? left.eye ?? right.rows ?? right.eye ?? false;
  const [a, b] = [left.mask, right.mask];
  if (!a && !b) return left.rows || right.rows ? value({ rows: true }) : value();
  const closed = left.rows || left.eye ? b : right.rows || right.eye ? a : a && b ? joinedMask(a, b, false) : (a ?? b);
  const mask = closed ?? a ?? b;
  return value({
    ...(mask && { mask: opened ? { ...mask, guarded: true } : mask }),
    ...(left.nanOf && { nanOf: left.nanOf }),
    ...(right.nanOf && { nanOf: right.nanOf }),
  });
}

function difference(left: Value, right: Value): Value {
  const tensor = left.number === undefined ? left : right;
  if (left.maximumOf !== undefined && right.number === undefined)
    return value({ belowLargest: true, sign: 'nonnegative' });
  // `x - x_max`, where the maximum comes from elsewhere.
  const isMaximum = right.maximumOf === left.id || /(^|_)a?max(imum)?($|_)/i.test(right.named ?? '');
  if (isMaximum) return madeFrom(left, { shifted: true, sign: 'any' });
  if (left.number === 1 && right.mask) return madeFrom(right, { unit: true, sign: 'nonnegative' });
  if (left.number === 1 && right.unit) return value({ unit: true, sign: 'nonnegative' });
  if (left.number !== undefined && right.number !== undefined) return value();
  const unknown = left.number === undefined && right.number === undefined;
  return ofDivergence(left, right, {
    ...(tensor.masks && { masks: tensor.masks }),
    ...(tensor.mask && !unknown && { mask: tensor.mask }),
    ...(tensor.dtype !== undefined && { dtype: tensor.dtype }),
    ...(tensor.arange && { arange: true }),
    ...(mayRoundBelow(left, right) && { sign: 'any' as const }),
  });
}

/** `p * (logp - logq)`: what is -inf of masked weights stays so, unless the other logarithm may be -inf as well. */
function ofDivergence({ id, logOf }: Value, { logOf: other }: Value, facts: Facts): Value {
  const isMasked = (of: LogOf): boolean => of.site.masks.some(({ fill }) => fill === '-inf');
  const stays = logOf?.own === id && isMasked(logOf) && !(other && isMasked(other));
  return stays ? logarithm(facts, logOf) : value(facts);
}

/**
 * Differences that are not negative on paper and may round below 0, `mean(x²) - mean(x)²` and `1 - x²`, and those of
 * numbers of either sign. Of `high - low` nothing is known.
 */
const mayRoundBelow = (left: Value, right: Value): boolean =>
  left.sign === 'any' ||
  right.sign === 'any' ||
  (right.square === true &&
    (left.number === 1 || left.square === true || left.spread !== undefined || left.sumOf?.square === true));

/** What leaves a mask a mask: a number, a tensor of one number, zeros and ones. */
const isFactor = ({ number: known, filled, unit, truth, lowest, path }: Value): boolean =>
  known !== undefined || filled !== undefined || unit === true || truth === true || (lowest ?? path) !== undefined;

function product(left: Value, right: Value, node: Syntax): Value {
  const [scalar, tensor] = left.number !== undefined || left.lowest !== undefined ? [left, right] : [right, left];
  const fill = fillOf(scalar);
  // `full = ones_like(x) * -inf`
  if (tensor.filled?.number === 1 && scalar.number !== undefined && !tensor.masks)
    return value({ ...filledBy(scalar, node), ...(tensor.dtype !== undefined && { dtype: tensor.dtype }) });
  if (tensor.mask && isSmall(scalar)) return value({ named: 'eps', sign: 'nonnegative' });
  // `(1 - mask) * -10000`
  if (tensor.mask && fill !== null && (scalar.number !== undefined || scalar.lowest !== undefined))
    return value({
      mask: {
        ...tensor.mask,
        form: 'additive',
        fill,
        put: writtenAs(scalar),
        planes: planesOf(scalar),
        fillsAt: [node],
      },
    });
  if (left.mask && right.mask) return logical(left, right);
  const rows = left.rows ?? right.rows;
  const mask = left.mask ?? right.mask;
  if (mask && rows) return value({ mask: { ...mask, guarded: true } });
  const main =
    (left.masks ?? left.softmax ?? left.product ?? left.exp)
      ? left
      : (right.masks ?? right.softmax ?? right.product)
        ? right
        : left;
  const same = left.id === right.id;
  const signs = [left.sign, right.sign];
  return value({
    // What is masked is no mask: of `attentions * mask` the mask says little.
    ...(mask &&
      !main.softmax &&
      main.product === undefined &&
      !main.masks &&
      isFactor(left.mask ? right : left) && { mask }),
    ...(main.masks && { masks: main.masks }),
    ...(main.softmax && { softmax: main.softmax }),
    ...(main.product && { product: main.product }),
    // `exp(scores) * mask`
    ...(left.exp && (right.mask ?? right.unit) && { exp: left.exp }),
    ...(right.exp && (left.mask ?? left.unit) && { exp: right.exp }),
    ...(tensor.dtype !== undefined && { dtype: tensor.dtype }),
    ...((scalar.number ?? 0) < 0 && isAtLeastZero(tensor) && { shifted: true }),
    ...(left.unit && right.unit && { unit: true }),
    ...spreadOf(left, right),
    ...(same && { square: true, sign: 'nonnegative' as const }),
    ...(!same && signs.every((sign) => sign === 'positive') && { sign: 'positive' as const }),
    ...(!same &&
      signs.every((sign) => sign === 'positive' || sign === 'nonnegative') &&
      signs.includes('nonnegative') && { sign: 'nonnegative' as const }),
    ...(!same && signs.includes('any') && { sign: 'any' as const }),
  });
}

/** `a.norm() * b.norm()` is 0 where one of them is, and so is `a.norm() * 2`. */
function spreadOf(left: Value, right: Value): Facts {
  const [one, other] = left.number === undefined ? [left, right] : [right, left];
  if (one.spread === undefined || one.spread === 'count') return {};
  const isBoth = other.spread === one.spread;
  if (!isBoth && (other.number ?? 0) <= 0) return {};
  return { spread: one.spread, ...(one.kept && (!isBoth || other.kept === true) && { kept: true }) };
}

function quotient({ node, left, right, leftNode, rightNode }: Operands, context: Context): Value {
  const { sumOf, summedAt } = right;
  const bare = (of: Syntax): string =>
    context
      .text(of)
      .replace(/\s+/g, '')
      .replace(/^\((.*)\)$/, '$1');
  const isOwnSum = left.id === sumOf?.id || (summedAt !== undefined && bare(summedAt.input) === bare(leftNode));
  context.see('divided', {
    node,
    top: left,
    bottom: right,
    bottomNode: rightNode,
    isOwnSum,
    asked: () => context.asked.has(rightNode, right),
    settingUp: context.settingUp,
  });
  if ((left.lowest ?? left.highest) !== undefined && right.number !== undefined && right.number > 0)
    return seenAs(left, { over: (left.over ?? 1) * right.number });
  const asked = (): boolean => context.asked.has(rightNode, right);
  const { spread } = right;
  if (left.number !== undefined && spread && !right.kept && right.sign !== 'positive' && !context.settingUp)
    return value({ inverse: { at: node, spread, asked } });
  const names = namesIn(rightNode, context);
  return value({
    ...(left.masks && { masks: left.masks }),
    ...(left.softmax && { softmax: left.softmax }),
    ...(left.product && { product: left.product }),
    ...(left.dtype !== undefined && { dtype: left.dtype }),
    ...(left.mask && { mask: left.mask }),
    ...(left.belowLargest && { belowLargest: true }),
    ...(left.shifted && (right.number ?? 1) > 0 && { shifted: true }),
    ...(left.sumOf?.square && { spread: 'mean-square' as const }),
    ...(left.spread && right.number !== undefined && { spread: left.spread }),
    ...(left.kept && right.number !== undefined && { kept: true }),
    ...(left.sign && right.sign && left.sign !== 'any' && right.sign !== 'any' && { sign: 'nonnegative' as const }),
    ...(left.sign === 'any' && { sign: 'any' as const }),
    ...(right.number === undefined &&
    right.sign !== 'positive' &&
    !right.kept &&
    names.size > 0 &&
    !(left.truth && right.truth)
      ? { risky: { operation: 'a division', at: node, names, of: right.id } }
      : left.risky && { risky: left.risky }),
  });
}
