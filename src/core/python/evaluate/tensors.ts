/** What operations on tensors do to what is known of them. */
import type { Syntax } from '../syntax';
import {
  joinedMask,
  madeFrom,
  seenAs,
  value,
  withoutLogarithm,
  type Facts,
  type Mask,
  type MaskPart,
  type Sign,
  type Value,
} from '../values';
import type { Context } from './context';
import { fillOf, planesOf, writtenAs } from './numbers';

/** `a + b`: of two masks a mask, of anything else and a mask masked scores. */
export function sumOf(left: Value, right: Value): Value {
  const [a, b] = [asMask(left), asMask(right)];
  if (a && b) return value({ mask: joinedMask(a, b, true), ...(left.dtype !== undefined && { dtype: left.dtype }) });
  const mask = a ?? b;
  const other = a ? right : left;
  // A number added to a mask, or an offset.
  if (mask && other.number !== undefined) return value({ mask });
  if (mask) {
    const masks = [...(other.masks ?? []), mask];
    return value({
      masks,
      sign: 'any',
      ...(other.dtype !== undefined && { dtype: other.dtype }),
      ...(other.product && { product: other.product }),
    });
  }
  const small = [left, right].find((one) => isSmall(one));
  if (small) {
    const kept = small === left ? right : left;
    return madeFrom(kept, { kept: true, ...(kept.sign === 'nonnegative' && { sign: 'positive' as const }) });
  }
  const main = (left.masks ?? left.softmax ?? left.product) ? left : right;
  const sign = sumSign(left.sign, right.sign);
  return value({
    ...(main.masks && { masks: main.masks }),
    ...(main.softmax && { softmax: main.softmax }),
    ...(main.product && { product: main.product }),
    ...(main.dtype !== undefined && { dtype: main.dtype }),
    ...((left.arange ?? right.arange) && { arange: true }),
    ...(sign && { sign }),
  });
}

/** A mask, or a tensor that was filled with what closes places. */
function asMask(held: Value): Mask | null {
  if (held.mask) return held.mask;
  const fill = held.filled ? fillOf(held) : null;
  return fill === null
    ? null
    : {
        form: 'additive',
        fill,
        parts: new Set(['unknown']),
        planes: planesOf(held),
        guarded: false,
        fillsAt: [],
      };
}

/** An epsilon: a small positive number, or something called that. */
export const isSmall = ({ number, named, path }: Value): boolean =>
  (number !== undefined && number > 0 && number <= 0.1) ||
  /(^|\.|_)(eps|epsilon|tiny|smooth(ing)?|delta)($|_)/i.test(named ?? path ?? '');

const sumSign = (a: Sign | undefined, b: Sign | undefined): Sign | undefined =>
  a === undefined || b === undefined
    ? undefined
    : a === 'any' || b === 'any'
      ? 'any'
      : a === 'positive' || b === 'positive'
        ? 'positive'
        : 'nonnegative';

interface Operand {
  readonly node: Syntax;
  readonly value: Value;
}

/** `probabilities @ values` keeps where its NaN comes from. */
export function matrixProduct(one: Operand | undefined, other: Operand | undefined): Value {
  const [left, right] = [one?.value ?? value(), other?.value ?? value()];
  const softmax = left.softmax ?? right.softmax;
  const dtype = left.dtype ?? right.dtype;
  const summed = left.softmax ? other : one;
  return value({
    product: softmax ? 'probabilities' : 'plain',
    ...(softmax && { softmax }),
    ...(softmax && summed && { summed: { node: summed.node, cleared: summed.value.cleared === true } }),
    ...(dtype !== undefined && { dtype }),
    sign: 'any',
  });
}

/** `base ** exponent` */
export function powerOf(node: Syntax, base: Value, exponent: Value, baseNode: Syntax, context: Context): Value {
  const power = exponent.number;
  if (base.number !== undefined && power !== undefined) return value({ number: base.number ** power });
  if (power === undefined) return value();
  if (power === 2) return madeFrom(base, { square: true, sign: 'nonnegative' });
  if (Number.isInteger(power)) return value(base.sign === 'positive' ? { sign: 'positive' } : {});
  const operation = power === 0.5 ? 'sqrt' : power === -0.5 ? 'rsqrt' : 'pow';
  const asked = (): boolean => context.asked.hasSign(baseNode, base);
  context.see('domain', { node, operation, input: base, inputNode: baseNode, asked });
  return rooted(base);
}

/** The root of something: what is known of its being 0 stays. */
export const rooted = (held: Value): Value =>
  value({
    sign: held.sign === 'positive' ? 'positive' : 'nonnegative',
    ...(held.kept && { kept: true }),
    ...(held.spread === 'var' && { spread: 'std' as const }),
    ...((held.spread === 'mean-square' || held.sumOf?.square) && { spread: 'norm' as const }),
    ...(held.dtype !== undefined && { dtype: held.dtype }),
  });

/** Clamped from below by `low`. */
export function clampedFrom(held: Value, low: Value | undefined): Value {
  const at = low?.number;
  // A floor that has a name is one that somebody chose.
  const small = low !== undefined && (isSmall(low) || (at === undefined ? low.sign !== 'any' && !low.mask : at > 0));
  if (held.mask && low && fillOf(low))
    return seenAs(held, { filled: low, mask: { ...held.mask, planes: Math.min(held.mask.planes, 1), fill: 'lowest' } });
  if (held.masks && low && fillOf(low)) {
    const masks = held.masks.map((mask) => ({
      ...mask,
      planes: Math.min(mask.planes, 1),
      fill: mask.fill && ('lowest' as const),
    }));
    return seenAs(held, { masks });
  }
  return madeFrom(held, {
    ...(small ? { kept: true, sign: 'positive' as const } : at === 0 ? { sign: 'nonnegative' as const } : {}),
  });
}

/** A tensor full of one number; full of -inf it is a mask that is still closed everywhere. */
export function filledBy(fill: Value, at: Syntax): Facts {
  const how = fillOf(fill);
  return {
    filled: fill,
    ...(fill.sign && { sign: fill.sign }),
    ...((how === '-inf' || how === 'lowest') && {
      mask: {
        form: 'additive',
        fill: how,
        parts: new Set(['unknown']),
        planes: planesOf(fill),
        guarded: false,
        fillsAt: [at],
      },
    }),
  };
}

/** What is 0 or below was replaced by something else. */
export const replacedBelow = (held: Value, put: Value): Value =>
  madeFrom(held, {
    ...(put.sign === 'positive' || isSmall(put)
      ? { kept: true, sign: 'positive' as const }
      : put.sign === 'nonnegative' && { sign: 'nonnegative' as const }),
  });

/** The places of `condition` closed by `fill`: a mask from zeros, or masked scores. */
export function filledWhere(before: Value, condition: Value, fill: Value, at: Syntax): Value {
  const held = withoutLogarithm(before);
  if (held.zeroTimes) held.zeroTimes.handled = true;
  if (condition.nanOf) return cleanedOf(held);
  if (condition.rows) return opened(held);
  const how = fillOf(fill);
  if (how === null) {
    if (condition.asks?.low.includes(held.id)) return replacedBelow(held, fill);
    // `full[rows, places] = labels`, `full[:, allowed] = 0`
    const opens = fill.number === undefined || fill.number === 0;
    if (held.mask?.form === 'additive' && held.filled && !condition.mask && !condition.asks && opens && !fill.mask)
      return opened(held);
    // Closed rows or masked places put to 0: behind the softmax a guard, for a mask its diagonal or rows opened.
    if (held.softmax && held.product === undefined && fill.number === 0) held.softmax.guarded = true;
    if (held.mask && condition.eye) return opened(held);
    return condition.mask && fill.number === 0 ? madeFrom(held, { cleared: true }) : seenAs(held);
  }
  // What is no mask (the largest scores but a few, say) leaves something open, and so does a diagonal.
  const parts = (condition.eye ? null : condition.mask?.parts) ?? new Set<MaskPart>();
  const mask: Mask = {
    form: 'additive',
    fill: how,
    put: writtenAs(fill),
    parts,
    planes: planesOf(fill),
    guarded: condition.mask?.guarded ?? false,
    fillsAt: [at],
  };
  if (held.mask && held.mask.form !== 'bool' && !held.masks) {
    const joined = joinedMask({ ...held.mask, guarded: true }, mask, false);
    return seenAs(held, { mask: { ...joined, form: 'additive', guarded: mask.guarded && held.mask.guarded } });
  }
  if (held.filled || held.mask) return value({ mask, ...(held.dtype !== undefined && { dtype: held.dtype }) });
  return madeFrom(held, { masks: [...(held.masks ?? []), mask] });
}

/** Rows that are closed whole were opened. */
export function opened(held: Value): Value {
  if (held.softmax && held.product === undefined) held.softmax.guarded = true;
  return seenAs(held, {
    ...(held.mask && { mask: { ...held.mask, guarded: true } }),
    ...(held.masks && { masks: held.masks.map((mask) => ({ ...mask, guarded: true })) }),
  });
}

/** NaN was replaced: behind a softmax that is a guard. */
export function cleanedOf(held: Value): Value {
  if (held.softmax && held.product === undefined) held.softmax.guarded = true;
  if (held.zeroTimes) held.zeroTimes.handled = true;
  return withoutLogarithm(seenAs(held, { cleared: true }));
}

export const unknownMask = (form: Mask['form']): Mask => ({
  form,
  fill: null,
  parts: new Set(['unknown']),
  planes: 0,
  guarded: false,
  fillsAt: [],
});
