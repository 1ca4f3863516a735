/**
 * The numbers that made a NaN: for the first NaN elements of a node's output, the elements of its inputs at the same
 * (broadcast) coordinates. Runs beside the tensors.
 */
import type { JsonNumber } from '../../report';
import type { TensorData } from '../../tensor';
import { floatsOf } from '../floats';
import { jsonNumber } from '../../trace/jsonNumber';
import { cellTable } from './softmaxRows';

export interface OperandsParams {
  readonly cell: Int32Array;
  readonly axes: readonly { readonly size: number; readonly kept: boolean }[];
  readonly wanted: Uint8Array;
  /** How many elements to show. */
  readonly limit: number;
}

export interface Operands {
  /** NaN elements in the wanted cells. */
  readonly nanElements: number;
  /** Wanted cells without any NaN element: a row-sum was NaN there, its elements are not. */
  readonly refutedCells: number;
  readonly examples: readonly {
    readonly cell: number;
    readonly at: readonly number[];
    /** One per input; null where the input does not broadcast to the output. */
    readonly inputs: readonly (JsonNumber | null)[];
  }[];
  /** Per input: how many of its elements are NaN, +Inf, −Inf. */
  readonly inputs: readonly {
    readonly nan: number;
    readonly posInf: number;
    readonly negInf: number;
    readonly elements: number;
  }[];
}

/** @param tensors the output first, then the inputs. */
export function operands(tensors: readonly TensorData[], params: OperandsParams): Operands {
  const [output, ...inputs] = tensors;
  if (!output) return { nanElements: 0, refutedCells: 0, examples: [], inputs: [] };
  const values = floatsOf(output);
  const inputValues = inputs.map(floatsOf);
  const cellOf = cellTable(params);
  const examples: Operands['examples'][number][] = [];
  const unseen = params.wanted.slice();
  let nanElements = 0;
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isNaN(values[i])) continue;
    const cell = cellOf(i);
    if (cell >= 0 && params.wanted[cell] !== 1) continue;
    nanElements += 1;
    // An element that belongs to no sample or position counts for all of them.
    if (cell >= 0) unseen[cell] = 0;
    else unseen.fill(0);
    if (examples.length >= params.limit) continue;
    const at = coordinates(i, output.dims);
    examples.push({
      cell,
      at,
      inputs: inputs.map((input, k) => {
        const index = broadcastIndex(at, input.dims);
        return index === null ? null : jsonNumber(inputValues[k]?.[index] ?? NaN);
      }),
    });
  }
  return {
    nanElements,
    refutedCells: unseen.reduce((count, wanted) => count + wanted, 0),
    examples,
    inputs: inputValues.map((data) => {
      let nan = 0;
      let posInf = 0;
      let negInf = 0;
      for (let i = 0; i < data.length; i += 1) {
        const value = data[i] ?? 0;
        if (Number.isNaN(value)) nan += 1;
        else if (value === Infinity) posInf += 1;
        else if (value === -Infinity) negInf += 1;
      }
      return { nan, posInf, negInf, elements: data.length };
    }),
  };
}

export function coordinates(index: number, dims: readonly number[]): number[] {
  const at: number[] = [];
  let rest = index;
  for (let i = dims.length - 1; i >= 0; i -= 1) {
    const size = dims[i] ?? 1;
    at[i] = rest % size;
    rest = Math.floor(rest / size);
  }
  return at;
}

/** Flat index of the element that broadcasting pairs with coordinates `at`; null where shapes do not broadcast. */
export function broadcastIndex(at: readonly number[], dims: readonly number[]): number | null {
  if (dims.length > at.length) return null;
  let index = 0;
  for (const [i, size] of dims.entries()) {
    const coordinate = at[i + at.length - dims.length] ?? 0;
    if (size !== 1 && coordinate >= size) return null;
    index = index * size + (size === 1 ? 0 : coordinate);
  }
  return index;
}
