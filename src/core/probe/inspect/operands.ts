/**
 * The numbers that made a NaN: for the first NaN elements of a node's output, the elements of its inputs at the same
 * (broadcast) coordinates. Runs beside the tensors.
 */
import type { JsonNumber } from '../../report';
import type { TensorData } from '../../tensor';
import { floatsOf, isFloatTensor, readerOf } from '../floats';
import { jsonNumber } from '../../trace/jsonNumber';
import { cellTable } from './cellTable';
import { coordinates } from './elementPath';

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

/** What decides whether an operation is defined, without the very number: a small number above 0. */
function kindOf(value: number): number {
  if (value === 0) return 1;
  if (value === Infinity) return 2;
  if (value === -Infinity) return 3;
  if (Number.isNaN(value)) return 4;
  return 5 + (value < 0 ? 4 : 0) + (Number.isInteger(value) ? 2 : 0) + (Math.abs(value) > 1 ? 1 : 0);
}

/**
 * How far apart neighbours along each axis of the output lie in an input that broadcasts to it; null where it does
 * not.
 */
function stridesOf(dims: readonly number[], out: readonly number[]): number[] | null {
  const offset = out.length - dims.length;
  if (offset < 0 || dims.some((size, i) => size !== 1 && size !== out[i + offset])) return null;
  const strides = out.map(() => 0);
  let stride = 1;
  for (let i = dims.length - 1; i >= 0; i -= 1) {
    const size = dims[i] ?? 1;
    if (size !== 1) strides[i + offset] = stride;
    stride *= size;
  }
  return strides;
}

/** @param tensors the output first, then the inputs. */
export function operands(tensors: readonly TensorData[], params: OperandsParams): Operands {
  const [output, ...inputs] = tensors;
  if (!output) return { nanElements: 0, examples: [], groups: [], inputs: [] };
  const values = floatsOf(output);
  const readers = inputs.map((input) => readerOf(input));
  const strides = inputs.map((input) => stridesOf(input.dims, output.dims));
  const cellOf = cellTable(params);
  const examples: Operands['examples'][number][] = [];
  const groups = new Map<string, { -readonly [K in keyof Group]: Group[K] }>();
  let nanElements = 0;
  // A whole masked row may be NaN in every head: neighbours are mostly of one kind, which is then looked up once.
  const kinds = new Uint8Array(inputs.length);
  let last: { -readonly [K in keyof Group]: Group[K] } | null | undefined;
  const outer = output.dims.slice(0, -1);
  const length = output.dims.at(-1) ?? 1;
  /** Of the row that is looked at: where it begins in each input, and how far neighbours lie apart there. */
  const begins = new Int32Array(inputs.length);
  const steps = Int32Array.from(strides, (own) => own?.at(-1) ?? 0);
  const elementOf = (k: number, j: number): number | null =>
    strides[k] ? (readers[k]?.((begins[k] ?? 0) + j * (steps[k] ?? 0)) ?? NaN) : null;
  const along = params.axes.at(-1)?.kept === true;
  /** Kinds of the elements that the row reads in each input; 0 in one that does not broadcast. */
  const rowKinds = inputs.map(() => new Uint8Array(length));
  const run: Run = { end: 0, count: 0 };
  for (let start = 0; start < values.length; start += length) {
    let j = nextNaN(values, start, start + length) - start;
    if (j === length) continue;
    let cell = cellOf(start);
    if (!along && cell >= 0 && params.wanted[cell] !== 1) continue;
    const at = coordinates(start / length, outer);
    for (const [k, row] of rowKinds.entries()) {
      begins[k] = at.reduce((sum, coordinate, axis) => sum + coordinate * (strides[k]?.[axis] ?? 0), 0);
      const reader = readers[k];
      if (reader && strides[k]) kindsOf(reader, begins[k] ?? 0, steps[k] ?? 0, row);
    }
    for (; j < length; j = nextNaN(values, start + j + 1, start + length) - start) {
      if (along) cell = cellOf(start + j);
      if (cell >= 0 && params.wanted[cell] !== 1) continue;
      nanElements += 1;
      let same = last !== undefined;
      for (let k = 0; k < kinds.length; k += 1) {
        const kind = rowKinds[k]?.[j] ?? 0;
        if (kinds[k] === kind) continue;
        kinds[k] = kind;
        same = false;
      }
      const key = same ? '' : kinds.join(' ');
      const group = same ? last : groups.get(key);
      if (group) group.count += 1;
      last = group ?? null;
      const show = examples.length < params.limit;
      if (show || (!group && groups.size < mostGroups)) {
        const read = inputs.map((_, k) => elementOf(k, j));
        const example = {
          cell,
          at: output.dims.length === 0 ? [] : [...at, j],
          inputs: read.map((value) => (value === null ? null : jsonNumber(value))),
        };
        if (show) examples.push(example);
        if (!group && groups.size < mostGroups) {
          last = { count: 1, ...example };
          groups.set(key, last);
        }
      }
      if (along || examples.length < params.limit) continue;
      alike(values, start, j, rowKinds, kinds, run);
      nanElements += run.count;
      if (last) last.count += run.count;
      j = run.end;
    }
  }
  return { nanElements, examples, groups: [...groups.values()], inputs: inputs.map(countsOf) };
}

interface Run {
  /** The last element that was looked at. */
  end: number;
  /** NaN elements in it. */
  count: number;
}

/** NaN elements behind `from` in its row, up to the first with operands of another kind. Small, to be compiled soon. */
function alike(
  values: ArrayLike<number>,
  start: number,
  from: number,
  rowKinds: readonly Uint8Array[],
  kinds: Uint8Array,
  run: Run,
): void {
  const length = rowKinds[0]?.length ?? 0;
  let count = 0;
  let j = from + 1;
  for (; j < length; j += 1) {
    if (!Number.isNaN(values[start + j])) continue;
    let same = true;
    for (let k = 0; k < kinds.length; k += 1) same &&= rowKinds[k]?.[j] === kinds[k];
    if (!same) break;
    count += 1;
  }
  run.end = Math.max(from, j - 1);
  run.count = count;
}

/** Kinds of the elements from `begin` on, `step` apart. */
function kindsOf(read: (index: number) => number, begin: number, step: number, into: Uint8Array): void {
  if (step === 0) {
    into.fill(kindOf(read(begin)));
    return;
  }
  for (let j = 0; j < into.length; j += 1) into[j] = kindOf(read(begin + j * step));
}

function nextNaN(values: ArrayLike<number>, from: number, to: number): number {
  for (let i = from; i < to; i += 1) if (Number.isNaN(values[i])) return i;
  return to;
}

function countsOf(tensor: TensorData): Operands['inputs'][number] {
  let nan = 0;
  let posInf = 0;
  let negInf = 0;
  if (isFloatTensor(tensor)) {
    const values = floatsOf(tensor);
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? 0;
      if (value > -Infinity && value < Infinity) continue;
      if (value === Infinity) posInf += 1;
      else if (value === -Infinity) negInf += 1;
      else nan += 1;
    }
  }
  return { nan, posInf, negInf, elements: tensor.data.length };
}
