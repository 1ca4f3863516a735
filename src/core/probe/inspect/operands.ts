/**
 * The numbers that made a NaN: for the first NaN elements of a node's output, the elements of its inputs at the same
 * (broadcast) coordinates. Runs beside the tensors.
 */
import type { JsonNumber } from '../../report';
import type { TensorData } from '../../tensor';
import { floatsOf } from '../floats';
import { jsonNumber } from '../../trace/jsonNumber';
import { cellTable } from './cellTable';
import { broadcastIndex, coordinates } from './elementPath';

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
  readonly examples: readonly {
    readonly cell: number;
    readonly at: readonly number[];
    /** One per input; null where the input does not broadcast to the output. */
    readonly inputs: readonly (JsonNumber | null)[];
  }[];
  /** NaN elements by the kinds of their operands (zero, infinite, negative, …): how many, and the first of each. */
  readonly groups: readonly {
    readonly count: number;
    readonly cell: number;
    readonly at: readonly number[];
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

type Group = Operands['groups'][number];

/** More kinds of operands than any operator has ways to make NaN of. */
const mostGroups = 24;

/** What decides whether an operation is defined, without the very number. */
function kindOf(value: number | null): string {
  if (value === null) return '?';
  if (value === 0) return '0';
  if (!Number.isFinite(value)) return String(value);
  return `${value < 0 ? '-' : '+'}${Number.isInteger(value) ? 'i' : 'f'}${Math.abs(value) > 1 ? '>1' : ''}`;
}

/** @param tensors the output first, then the inputs. */
export function operands(tensors: readonly TensorData[], params: OperandsParams): Operands {
  const [output, ...inputs] = tensors;
  if (!output) return { nanElements: 0, examples: [], groups: [], inputs: [] };
  const values = floatsOf(output);
  const inputValues = inputs.map(floatsOf);
  const cellOf = cellTable(params);
  const examples: Operands['examples'][number][] = [];
  const groups = new Map<string, { -readonly [K in keyof Group]: Group[K] }>();
  let nanElements = 0;
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isNaN(values[i])) continue;
    const cell = cellOf(i);
    if (cell >= 0 && params.wanted[cell] !== 1) continue;
    nanElements += 1;
    const at = coordinates(i, output.dims);
    const read = inputs.map((input, k) => {
      const index = broadcastIndex(at, input.dims);
      return index === null ? null : (inputValues[k]?.[index] ?? NaN);
    });
    const kind = read.map(kindOf).join(' ');
    const group = groups.get(kind);
    if (group) group.count += 1;
    const show = examples.length < params.limit;
    if (group && !show) continue;
    const example = { cell, at, inputs: read.map((value) => (value === null ? null : jsonNumber(value))) };
    if (show) examples.push(example);
    if (!group && groups.size < mostGroups) groups.set(kind, { count: 1, ...example });
  }
  return {
    nanElements,
    examples,
    groups: [...groups.values()],
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
