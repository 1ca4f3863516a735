/** Operands of NaN elements against a reading of the definition, one element after the other. */
import { describe, expect, it } from 'vitest';
import { broadcastIndex, coordinates } from '../../../src/core/probe/inspect/elementPath';
import { operands } from '../../../src/core/probe/inspect/operands';
import type { OperandsParams } from '../../../src/core/probe/inspect/operands';
import type { TensorData } from '../../../src/core/tensor';

const drawn = (seed: number): (() => number) => {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};
const special = [0, -0, Infinity, -Infinity, NaN, 1, -1, 0.5, -0.5, 3, -3, 2.5, -2.5];

function tensorOf(dims: readonly number[], next: () => number, kind: 'float' | 'int64' | 'bool'): TensorData {
  const size = dims.reduce((a, b) => a * b, 1);
  const pick = (): number => special[Math.floor(next() * special.length)] ?? 0;
  const whole = (): number => Math.floor(next() * 5) - 2;
  if (kind === 'int64')
    return { dtype: 'int64', dims, data: BigInt64Array.from({ length: size }, () => BigInt(whole())) };
  if (kind === 'bool')
    return { dtype: 'bool', dims, data: Uint8Array.from({ length: size }, () => (next() < 0.5 ? 1 : 0)) };
  return { dtype: 'float32', dims, data: Float32Array.from({ length: size }, pick) };
}

const at = (tensor: TensorData, index: number): number => Number(tensor.data[index]);

/** What decides whether an operation is defined. */
function kindOf(value: number | null): string {
  if (value === null) return 'none';
  if (Number.isNaN(value) || value === 0 || Math.abs(value) === Infinity) return String(value + 0);
  return `${value < 0 ? '-' : '+'}${Number.isInteger(value) ? 'i' : 'f'}${Math.abs(value) > 1 ? '>' : '<'}`;
}

function byDefinition([output, ...inputs]: readonly TensorData[], params: OperandsParams) {
  const groups = new Map<string, { count: number; at: number[] }>();
  const examples: number[][] = [];
  let nanElements = 0;
  if (!output) throw new Error('no output');
  for (let i = 0; i < output.data.length; i += 1) {
    if (!Number.isNaN(at(output, i))) continue;
    const own = coordinates(i, output.dims);
    const kept = own.filter((_, axis) => params.axes[axis]?.kept === true);
    const sizes = params.axes.filter((axis) => axis.kept).map((axis) => axis.size);
    const cell = params.cell[kept.reduce((sum, coordinate, axis) => sum * (sizes[axis] ?? 1) + coordinate, 0)] ?? -1;
    if (cell >= 0 && params.wanted[cell] !== 1) continue;
    nanElements += 1;
    if (examples.length < params.limit) examples.push(own);
    const read = inputs.map((input) => {
      const offset = output.dims.length - input.dims.length;
      const fits = offset >= 0 && input.dims.every((size, i) => size === 1 || size === output.dims[i + offset]);
      const index = fits ? broadcastIndex(own, input.dims) : null;
      return index === null ? null : at(input, index);
    });
    const key = read.map(kindOf).join(' ');
    const group = groups.get(key);
    if (group) group.count += 1;
    else if (groups.size < 24) groups.set(key, { count: 1, at: own });
  }
  return { nanElements, examples, groups: [...groups.values()] };
}

describe('operands', () => {
  it.each(Array.from({ length: 60 }, (_, i) => i + 1))('seed %i', (seed) => {
    const next = drawn(seed);
    const rank = Math.floor(next() * 5);
    const dims = Array.from({ length: rank }, () => 1 + Math.floor(next() * 5));
    const kept = dims.map(() => next() < 0.5);
    const cells = dims.reduce((size, own, i) => (kept[i] === true ? size * own : size), 1);
    const inputs = Array.from({ length: Math.floor(next() * 4) }, () => {
      const shape = dims.slice(Math.floor(next() * (rank + 1))).map((size) => (next() < 0.3 ? 1 : size));
      const kind = next();
      return tensorOf(shape, next, kind < 0.7 ? 'float' : kind < 0.85 ? 'int64' : 'bool');
    });
    if (next() < 0.2) inputs.push(tensorOf([7, 3, 2], next, 'float'));
    const tensors = [tensorOf(dims, () => (next() < 0.6 ? 4.5 / special.length : next()), 'float'), ...inputs];
    const params: OperandsParams = {
      cell: Int32Array.from({ length: cells }, (_, i) => (next() < 0.1 ? -1 : i)),
      axes: dims.map((size, i) => ({ size, kept: kept[i] === true })),
      wanted: Uint8Array.from({ length: cells }, () => (next() < 0.7 ? 1 : 0)),
      limit: 3,
    };
    const found = operands(tensors, params);
    const expected = byDefinition(tensors, params);
    expect(found.nanElements).toBe(expected.nanElements);
    expect(found.examples.map((example) => example.at)).toEqual(expected.examples);
    expect(found.groups.map(({ count, at: place }) => ({ count, at: place }))).toEqual(expected.groups);
    expect(found.inputs).toEqual(
      inputs.map(({ data }) => {
        const values = Array.from(data, Number);
        const count = (test: (value: number) => boolean): number => values.filter(test).length;
        return {
          nan: count(Number.isNaN),
          posInf: count((value) => value === Infinity),
          negInf: count((value) => value === -Infinity),
          elements: values.length,
        };
      }),
    );
  });
});
