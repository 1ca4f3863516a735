/** One sample without its padding: the inputs that the unpadded reference is run with. */
import { kindOf } from '../batch/layout';
import type { InputSpec } from '../batch/types';
import type { Factor, TensorAxes } from '../onnx/axes/types';
import type { TensorData } from '../tensor';
import { allocate, elementCount } from '../tensor';

/** Positions of a sample that are real, by sequence. */
export type RealPositions = readonly (readonly number[])[];

export const realPositions = (roles: readonly (readonly string[])[], sample: number): number[][] =>
  roles.map((bySample) => {
    const own = bySample[sample] ?? '';
    return Array.from(own, (role, position) => (role === 'r' ? position : -1)).filter((position) => position >= 0);
  });

/**
 * Position ids that only number the columns, 0 1 2 …, for every sample alike: whoever feeds other columns numbers those.
 */
export function numbersColumns(name: string, { dtype, dims, data }: TensorData, axes: TensorAxes | undefined): boolean {
  const last = dims.length - 1;
  const width = dims[last] ?? 0;
  if (kindOf({ name, dtype, dims: null }) !== 'positions' || axes?.[last]?.[0]?.kind !== 'position') return false;
  return data.every((value: number | bigint, i: number) => Number(value) === i % width);
}

/**
 * Inputs of one sample alone: batch axes cut to that sample, repeated `copies` times; position axes cut to the real
 * positions. Position ids that number columns number those that are left.
 */
export function sampleAlone(
  inputs: Readonly<Record<string, TensorData>>,
  axes: ReadonlyMap<string, TensorAxes>,
  sample: number,
  real: RealPositions,
  copies: number,
): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => {
      const own = axes.get(name);
      const columns = numbersColumns(name, tensor, own);
      const rows = tensor.dims.map((size, axis): readonly number[] => {
        const factor = own?.[axis]?.[0];
        if (factor?.kind === 'batch' && size > 1) return Array.from({ length: copies }, () => sample);
        if (factor?.kind === 'batch') return Array.from({ length: copies }, () => 0);
        if (factor?.kind === 'position') return left(realRows(factor, real), columns);
        return Array.from({ length: size }, (_, i) => i);
      });
      return [name, take(tensor, rows)];
    }),
  );
}

/** Where the real positions of an axis stand on it: new tokens begin with the first position behind the past. */
export function realRows({ positions, sequence }: Factor, real: RealPositions): readonly number[] {
  const own = real[sequence] ?? [];
  if (positions === null) return own;
  const chosen = new Set(own);
  return Array.from(positions.keys()).filter((row) => chosen.has(positions[row] ?? -1));
}

/** The places that stay: the real ones, or as many from the first column on. */
export const left = (real: readonly number[], columns: boolean): readonly number[] =>
  columns ? real.map((_, column) => column) : real;

/** The elements at the given rows of every axis, row-major. */
export function take(tensor: TensorData, rows: readonly (readonly number[])[]): TensorData {
  const dims = rows.map((row) => row.length);
  const count = elementCount(dims);
  const data = allocate(tensor.dtype, count);
  const strides = tensor.dims.map((_, axis) => elementCount(tensor.dims.slice(axis + 1)));
  const at = rows.map(() => 0);
  for (let i = 0; i < count; i += 1) {
    let from = 0;
    for (const [axis, row] of rows.entries()) from += (row[at[axis] ?? 0] ?? 0) * (strides[axis] ?? 1);
    const element = tensor.data[from];
    if (element !== undefined) data[i] = element;
    for (let axis = rows.length - 1; axis >= 0; axis -= 1) {
      const next = (at[axis] ?? 0) + 1;
      if (next < (dims[axis] ?? 1)) {
        at[axis] = next;
        break;
      }
      at[axis] = 0;
    }
  }
  return { dtype: tensor.dtype, dims, data };
}

/**
 * Why a sample cannot be run alone, or null. A fixed batch dimension is filled by repetition; fixed lengths are not.
 *
 * @returns `copies`: how many times the sample must be repeated.
 */
export function whyNotAlone(
  specs: readonly InputSpec[],
  axes: ReadonlyMap<string, TensorAxes>,
  real: RealPositions,
): { readonly reason: string } | { readonly copies: number } {
  let copies = 1;
  for (const spec of specs) {
    const own = axes.get(spec.name);
    for (const [axis, size] of (spec.dims ?? []).entries()) {
      const factor = own?.[axis]?.[0];
      if (typeof size !== 'number' || !factor) continue;
      if (factor.kind === 'batch') copies = Math.max(copies, size);
      if (factor.kind === 'position' && realRows(factor, real).length !== size) {
        return {
          reason: `the model fixes ${spec.name} to ${String(size)} positions, so a sample without its padding does not fit`,
        };
      }
    }
  }
  return { copies };
}
