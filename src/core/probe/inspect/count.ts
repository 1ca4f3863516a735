import type { TensorData } from '../../tensor';
import { floatsOf } from '../floats';

export interface ElementCounts {
  readonly nan: number;
  readonly posInf: number;
  readonly negInf: number;
  /** Over the finite elements; `null` when there is none. */
  readonly min: number | null;
  readonly max: number | null;
}

/** NaN, +Inf and −Inf elements and the finite range of one tensor; integers and booleans are all finite. */
export function countElements(tensor: TensorData): ElementCounts {
  const values = floatsOf(tensor);
  let nan = 0;
  let posInf = 0;
  let negInf = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    // The finite case first: it is nearly all of them. A NaN fails both comparisons.
    if (value > -Infinity && value < Infinity) {
      if (value < min) min = value;
      if (value > max) max = value;
    } else if (value === Infinity) posInf += 1;
    else if (value === -Infinity) negInf += 1;
    else nan += 1;
  }
  const any = min <= max;
  return { nan, posInf, negInf, min: any ? min : null, max: any ? max : null };
}
