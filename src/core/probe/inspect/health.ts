/** Exact figures of one tensor, per sample: the focused second look. Runs beside the tensor. */
import type { TensorData } from '../../tensor';
import { floatsOf } from '../floats';
import { formatRanges } from '../../trace/ranges';

export interface HealthParams {
  readonly samples: number;
  readonly positions: number;
  /** Per kept element (row-major over the kept axes): its cell sample × positions + position, −1 for none. */
  readonly cell: Int32Array;
  /** Per axis of the tensor: its size and whether it is kept. */
  readonly axes: readonly { readonly size: number; readonly kept: boolean }[];
}

export interface SampleFigures {
  readonly nanAt: string;
  readonly nan: number;
  readonly posInf: number;
  readonly negInf: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly norm: number | null;
}

/**
 * Positions with NaN, +Inf, −Inf (always three separate counts); range and norm over the finite elements.
 * Axes that are not kept may have another size in this tensor (a rank has some of the heads); where the others do not
 * fit, nothing can be said, and the list is empty.
 */
export function health(tensor: TensorData, params: HealthParams): SampleFigures[] {
  const { dims } = tensor;
  if (dims.length !== params.axes.length || params.axes.some(({ size, kept }, i) => kept && size !== dims[i]))
    return [];
  const values = floatsOf(tensor);
  const cells = params.samples * params.positions;
  const seen = new Uint8Array(cells);
  const min = new Float64Array(params.samples).fill(Infinity);
  const max = new Float64Array(params.samples).fill(-Infinity);
  const squares = new Float64Array(params.samples);
  const finite = new Float64Array(params.samples);
  const keptAt = keptIndex(params.axes.map(({ kept }, i) => ({ size: dims[i] ?? 1, kept })));
  const inner = keptAt.inner;
  for (let row = 0, base = 0; base < values.length; row += 1, base += inner) {
    const cell = params.cell[keptAt.of(row)] ?? -1;
    if (cell < 0) continue;
    const sample = Math.floor(cell / params.positions);
    let bits = seen[cell] ?? 0;
    let low = min[sample] ?? 0;
    let high = max[sample] ?? 0;
    let sum = 0;
    let count = 0;
    for (let i = base; i < base + inner; i += 1) {
      const value = values[i] ?? 0;
      // Finite first: it is nearly all of them. NaN fails both comparisons.
      if (value > -Infinity && value < Infinity) {
        if (value < low) low = value;
        if (value > high) high = value;
        sum += value * value;
        count += 1;
      } else if (value === Infinity) bits |= 2;
      else if (value === -Infinity) bits |= 4;
      else bits |= 1;
    }
    seen[cell] = bits;
    min[sample] = low;
    max[sample] = high;
    squares[sample] = (squares[sample] ?? 0) + sum;
    finite[sample] = (finite[sample] ?? 0) + count;
  }
  return Array.from({ length: params.samples }, (_, sample): SampleFigures => {
    const has = (bit: number) => (position: number) => ((seen[sample * params.positions + position] ?? 0) & bit) !== 0;
    const count = (bit: number): number => {
      let n = 0;
      for (let p = 0; p < params.positions; p += 1) n += has(bit)(p) ? 1 : 0;
      return n;
    };
    const any = (finite[sample] ?? 0) > 0;
    return {
      nanAt: formatRanges(params.positions, has(1)),
      nan: count(1),
      posInf: count(2),
      negInf: count(4),
      min: any ? (min[sample] ?? null) : null,
      max: any ? (max[sample] ?? null) : null,
      norm: any ? Math.sqrt(squares[sample] ?? 0) : null,
    };
  });
}

/**
 * Walks a row-major tensor in runs of its trailing axes that are not kept. `of(row)` gives the place among the
 * kept elements of run number `row`; rows are asked for in order.
 */
export function keptIndex(axes: readonly { readonly size: number; readonly kept: boolean }[]): {
  readonly inner: number;
  of(row: number): number;
} {
  let split = axes.length;
  while (split > 0 && axes[split - 1]?.kept === false) split -= 1;
  const inner = axes.slice(split).reduce((size, axis) => size * axis.size, 1);
  const outer = axes.slice(0, split);
  // Strides among the kept elements; an axis that is not kept does not move.
  const strides = new Array<number>(outer.length).fill(0);
  let stride = 1;
  for (let i = outer.length - 1; i >= 0; i -= 1) {
    const axis = outer[i];
    if (!axis?.kept) continue;
    strides[i] = stride;
    stride *= axis.size;
  }
  const at = outer.map(() => 0);
  let index = 0;
  let asked = 0;
  return {
    inner,
    of(row) {
      for (; asked < row; asked += 1) {
        for (let i = outer.length - 1; i >= 0; i -= 1) {
          const size = outer[i]?.size ?? 1;
          const next = (at[i] ?? 0) + 1;
          const step = strides[i] ?? 0;
          if (next < size) {
            at[i] = next;
            index += step;
            break;
          }
          index -= step * (size - 1);
          at[i] = 0;
        }
      }
      return index;
    },
  };
}
