/** Counts of NaN and infinities, smallest, largest and mean finite value of one tensor, within a deadline. */
import { fromHalf, type Stored } from './tensors';

export interface Figures {
  nan: number;
  posInf: number;
  negInf: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  /** Elements looked at, where the time did not allow all. */
  scanned?: number;
}

export const now = (): number =>
  typeof performance === 'object' && typeof performance.now === 'function' ? performance.now() : Date.now();

/** Elements between two looks at the clock. */
const piece = 1 << 16;

/** Element `i` as a number. */
export function numberAt({ kind, data }: Stored, i: number): number {
  const value = data[i] ?? 0;
  return kind === 'half' ? fromHalf(Number(value)) : Number(value);
}

/** @param deadline of `now()`; at least one piece is read */
export function figuresOf(stored: Stored, deadline: number): Figures {
  const { length } = stored.data;
  const all = { nan: 0, posInf: 0, negInf: 0, min: Infinity, max: -Infinity, sum: 0 };
  let from = 0;
  while (from < length && (from === 0 || now() <= deadline)) {
    const to = Math.min(length, from + piece);
    if (stored.kind === 'float') addFloats(all, stored.data as Float64Array, from, to);
    else addOthers(all, stored, from, to);
    from = to;
  }
  const finite = from - all.nan - all.posInf - all.negInf;
  return {
    nan: all.nan,
    posInf: all.posInf,
    negInf: all.negInf,
    min: finite > 0 ? all.min : null,
    max: finite > 0 ? all.max : null,
    mean: finite > 0 ? all.sum / finite : null,
    ...(from < length ? { scanned: from } : {}),
  };
}

interface Sums {
  nan: number;
  posInf: number;
  negInf: number;
  min: number;
  max: number;
  sum: number;
}

/** The plain loop over a typed array, which the engine compiles well. */
function addFloats(all: Sums, data: Float64Array, from: number, to: number): void {
  let { nan, posInf, negInf, min, max, sum } = all;
  for (let i = from; i < to; i += 1) {
    const value = data[i] ?? 0;
    if (value - value === 0) {
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
    } else if (value > 0) posInf += 1;
    else if (value < 0) negInf += 1;
    else nan += 1;
  }
  all.nan = nan;
  all.posInf = posInf;
  all.negInf = negInf;
  all.min = min;
  all.max = max;
  all.sum = sum;
}

function addOthers(all: Sums, stored: Stored, from: number, to: number): void {
  for (let i = from; i < to; i += 1) {
    const value = numberAt(stored, i);
    if (value - value === 0) {
      if (value < all.min) all.min = value;
      if (value > all.max) all.max = value;
      all.sum += value;
    } else if (value > 0) all.posInf += 1;
    else if (value < 0) all.negInf += 1;
    else all.nan += 1;
  }
}
