/** What the rows of a Softmax that gave NaN looked like. Runs beside its input. */
import type { JsonNumber } from '../../report';
import type { TensorData } from '../../tensor';
import { floatsOf } from '../floats';
import { jsonNumber } from '../../trace/jsonNumber';

export interface SoftmaxRowsParams {
  /** Cell per element of the kept axes, and which axes those are, as in `health`. */
  readonly cell: Int32Array;
  readonly axes: readonly { readonly size: number; readonly kept: boolean }[];
  /** The axis that Softmax normalises; rows run along it. */
  readonly axis: number;
  /** Cells whose rows are wanted: 1 per sample × positions + position. */
  readonly wanted: Uint8Array;
}

export interface SoftmaxRows {
  /** Rows looked at (per head), and how many of them are entirely −inf, hold +inf, hold NaN. */
  readonly rows: number;
  readonly allNegInf: number;
  readonly withPosInf: number;
  readonly withNaN: number;
  /** Wanted cells that have at least one row entirely −inf / with +inf. */
  readonly maskedCells: number;
  readonly overflowCells: number;
  /** The first wanted row: its cell, its length, its counts and some of its values. */
  readonly example: {
    readonly cell: number;
    readonly length: number;
    readonly negInf: number;
    readonly posInf: number;
    readonly nan: number;
    readonly values: readonly JsonNumber[];
  } | null;
}

const shownValues = 8;

export function softmaxRows(tensor: TensorData, params: SoftmaxRowsParams): SoftmaxRows {
  const values = floatsOf(tensor);
  const dims = tensor.dims;
  const length = dims[params.axis] ?? 1;
  const stride = dims.slice(params.axis + 1).reduce((a, b) => a * b, 1);
  const cellOfElement = cellTable(params);
  const masked = new Set<number>();
  const overflow = new Set<number>();
  let rows = 0;
  let allNegInf = 0;
  let withPosInf = 0;
  let withNaN = 0;
  let example: SoftmaxRows['example'] = null;
  const outer = length === 0 ? 0 : values.length / (length * stride);
  for (let block = 0; block < outer; block += 1) {
    for (let lane = 0; lane < stride; lane += 1) {
      const start = block * length * stride + lane;
      const cell = cellOfElement(start);
      if (cell < 0 || params.wanted[cell] !== 1) continue;
      let negInf = 0;
      let posInf = 0;
      let nan = 0;
      for (let k = 0; k < length; k += 1) {
        const value = values[start + k * stride] ?? 0;
        if (value === -Infinity) negInf += 1;
        else if (value === Infinity) posInf += 1;
        else if (Number.isNaN(value)) nan += 1;
      }
      rows += 1;
      if (negInf === length) {
        allNegInf += 1;
        masked.add(cell);
      }
      if (posInf > 0) {
        withPosInf += 1;
        overflow.add(cell);
      }
      if (nan > 0) withNaN += 1;
      example ??= {
        cell,
        length,
        negInf,
        posInf,
        nan,
        values: Array.from({ length: Math.min(length, shownValues) }, (_, k) =>
          jsonNumber(values[start + k * stride] ?? 0),
        ),
      };
    }
  }
  return { rows, allNegInf, withPosInf, withNaN, maskedCells: masked.size, overflowCells: overflow.size, example };
}

/** Cell of an element by its flat index, any axis order. */
export function cellTable(params: Pick<SoftmaxRowsParams, 'cell' | 'axes'>): (index: number) => number {
  const strides: number[] = [];
  const keptStrides: number[] = [];
  let stride = 1;
  let kept = 1;
  for (let i = params.axes.length - 1; i >= 0; i -= 1) {
    const axis = params.axes[i] ?? { size: 1, kept: false };
    strides[i] = stride;
    stride *= axis.size;
    keptStrides[i] = axis.kept ? kept : 0;
    if (axis.kept) kept *= axis.size;
  }
  return (index) => {
    let at = 0;
    for (const [i, axis] of params.axes.entries()) {
      at += (Math.floor(index / (strides[i] ?? 1)) % axis.size) * (keptStrides[i] ?? 0);
    }
    return params.cell[at] ?? -1;
  };
}
