/** The numbers that a product, a sum or a norm put together for its first NaN element. Runs beside the tensors. */
import type { TensorData } from '../../tensor';
import { floatsOf, readerOf } from '../floats';
import { cellTable } from './cellTable';
import { coordinates } from './elementPath';
import type { LaneSpec } from './laneSpec';
import { laneOf } from './laneSpec';

export interface LanesParams {
  readonly cell: Int32Array;
  readonly axes: readonly { readonly size: number; readonly kept: boolean }[];
  readonly wanted: Uint8Array;
  readonly spec: LaneSpec;
  /** Shape of every operand. */
  readonly dims: readonly (readonly number[])[];
  /** Per operand: which of the request's tensors it is (0 is the output), −1 for one that is not handed over. */
  readonly tensors: readonly number[];
}

export interface Lane {
  readonly cell: number;
  /** Coordinates of the output element, and its place in row-major order. */
  readonly at: readonly number[];
  readonly index: number;
  readonly operands: readonly {
    /** Flat indices into the operand, term by term; null when the element reads none of it. */
    readonly indices: Float64Array | null;
    /** Null for an operand that was not handed over. */
    readonly values: Float64Array | null;
  }[];
}

/** @param tensors the output first. */
export function lanes(tensors: readonly TensorData[], params: LanesParams): Lane | null {
  const output = tensors[0];
  if (!output) return null;
  const values = floatsOf(output);
  const cellOf = cellTable(params);
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isNaN(values[i])) continue;
    const cell = cellOf(i);
    if (cell >= 0 && params.wanted[cell] !== 1) continue;
    const at = coordinates(i, output.dims);
    return { cell, at, index: i, operands: readLane(tensors, params, at) };
  }
  return null;
}

/** The terms of the element at `at`, with the values of those operands that are at hand. */
export function readLane(
  tensors: readonly TensorData[],
  { spec, dims, tensors: places }: Pick<LanesParams, 'spec' | 'dims' | 'tensors'>,
  at: readonly number[],
): Lane['operands'] {
  return laneOf(spec, at, dims).map((indices, i) => {
    const tensor = tensors[places[i] ?? -1];
    const element = tensor ? readerOf(tensor) : null;
    return {
      indices: indices ? Float64Array.from(indices) : null,
      values: indices && element ? Float64Array.from(indices, element) : null,
    };
  });
}
