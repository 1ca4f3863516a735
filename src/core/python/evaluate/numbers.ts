/** Numbers as they are written, and what they are as the fill of a mask. */
import type { Fill, Mask, Value } from '../values';

/** Python's literal as a number; NaN where it is none. */
export function numberOf(text: string): number {
  const plain = text.replaceAll('_', '');
  return /^0[xob]/i.test(plain) || /^[\d.]/.test(plain) ? Number(plain) : Number.NaN;
}

/** Below this every type but float32 and bfloat16 is at its end. */
const lowestFrom = -1e30;

/** What a number closes a place of a mask with; null where it closes nothing. */
export function fillOf(held: Value | undefined): Fill {
  const of = held?.filled ?? held;
  if (!of) return null;
  if (of.lowest !== undefined) return 'lowest';
  if (of.number === undefined) return null;
  if (of.number === -Infinity) return '-inf';
  if (of.number <= lowestFrom) return 'lowest';
  return of.number <= -1000 ? 'finite' : null;
}

/** How much of a type's range a fill takes. */
export const planesOf = (held: Value | undefined): number => {
  const how = fillOf(held);
  return how === null || how === 'finite' ? 0 : 1 / ((held?.filled ?? held)?.over ?? 1);
};

export const isInfinite = (held: Value | undefined): boolean =>
  Math.abs((held?.filled ?? held)?.number ?? 0) === Infinity;

/** What a mask is filled with, without all else that is known of it. */
export function writtenAs(fill: Value): NonNullable<Mask['put']> {
  const { lowest, number } = fill.filled ?? fill;
  return { ...(lowest && { lowest }), ...(number !== undefined && { number }) };
}
