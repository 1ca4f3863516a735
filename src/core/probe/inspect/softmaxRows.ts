/** What the rows of a Softmax that gave NaN looked like. Runs beside its input. */
import type { JsonNumber } from '../../report';
import type { TensorData } from '../../tensor';
import { floatsOf, readerOf } from '../floats';
import { jsonNumber } from '../../trace/jsonNumber';
import { cellTable } from './cellTable';
import type { ElementPath } from './elementPath';
import { coordinates, flatIndex, follow } from './elementPath';
import type { Lane, LanesParams } from './lanes';
import { readLane } from './lanes';

export interface SoftmaxRowsParams {
  /** Cell per element of the kept axes, and which axes those are, as in `health`. */
  readonly cell: Int32Array;
  readonly axes: readonly { readonly size: number; readonly kept: boolean }[];
  /** The axis that Softmax normalises; rows run along it. */
  readonly axis: number;
  /** Cells whose rows are wanted: 1 per sample × positions + position. */
  readonly wanted: Uint8Array;
  /** What else to read of the rows shown: tensors of the request, by place, and how their elements are found. */
  readonly sources?: readonly { readonly tensor: number; readonly path: ElementPath }[];
  /** The product that the scores come from: its result among `sources`, and how its terms are found. */
  readonly product?: Pick<LanesParams, 'spec' | 'dims' | 'tensors'> & {
    readonly source: number;
    readonly path: ElementPath;
  };
}

/** One row, element by element. */
export interface RowLook {
  /** Entirely −inf, with +inf in it, or neither. */
  readonly kind: 'masked' | 'overflow' | 'other';
  readonly cell: number;
  /** Coordinates of the row's first element. */
  readonly at: readonly number[];
  readonly scores: Float64Array;
  /** In the order of `sources`; null where the path does not lead there. */
  readonly sources: readonly (Float64Array | null)[];
  /** The first key whose product is infinite, and the terms of it. */
  readonly product: { readonly key: number; readonly operands: Lane['operands'] } | null;
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
  /** The first row of each kind; empty unless `sources` were asked for. */
  readonly looks: readonly RowLook[];
}

const shownValues = 8;

/** @param tensors the scores first, then what `sources` and `product` speak of. */
export function softmaxRows(tensors: readonly TensorData[], params: SoftmaxRowsParams): SoftmaxRows {
  const tensor = tensors[0];
  if (!tensor) throw new Error('softmaxRows needs the scores');
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
  const looks = new Map<RowLook['kind'], RowLook>();
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
      const kind = negInf === length ? 'masked' : posInf > 0 ? 'overflow' : 'other';
      if (params.sources && !looks.has(kind)) looks.set(kind, lookAt(tensors, params, kind, cell, start));
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
  return {
    rows,
    allNegInf,
    withPosInf,
    withNaN,
    maskedCells: masked.size,
    overflowCells: overflow.size,
    example,
    looks: [...looks.values()],
  };
}

function lookAt(
  tensors: readonly TensorData[],
  params: SoftmaxRowsParams,
  kind: RowLook['kind'],
  cell: number,
  start: number,
): RowLook {
  const dims = tensors[0]?.dims ?? [];
  const at = coordinates(start, dims);
  const length = dims[params.axis] ?? 1;
  const keyAt = (key: number): number[] => at.map((own, axis) => (axis === params.axis ? key : own));
  const read = (tensor: TensorData | undefined, path: ElementPath): Float64Array | null => {
    if (!tensor) return null;
    const element = readerOf(tensor);
    const row = new Float64Array(length);
    for (let key = 0; key < length; key += 1) {
      const place = follow(path, keyAt(key));
      const index = place ? flatIndex(place, tensor.dims) : null;
      if (index === null) return null;
      row[key] = element(index);
    }
    return row;
  };
  const sources = (params.sources ?? []).map((source) => read(tensors[source.tensor], source.path));
  const { product } = params;
  const infinity = kind === 'overflow' ? Infinity : -Infinity;
  const key = product ? (sources[product.source]?.indexOf(infinity) ?? -1) : -1;
  const place = product && key >= 0 ? follow(product.path, keyAt(key)) : null;
  return {
    kind,
    cell,
    at,
    scores: read(tensors[0], []) ?? new Float64Array(0),
    sources,
    product: product && place ? { key, operands: readLane(tensors, product, place) } : null,
  };
}
