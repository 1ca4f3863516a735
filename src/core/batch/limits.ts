/** Bounds of a batch, far above what a diagnosis needs and low enough that a hostile file cannot fill the memory. */
import { NanoscopeError } from '../errors';
import { bytesPerElement } from '../tensor';
import type { DType } from '../tensor';

export const batchLimits = {
  /** Bytes of one tensor. */
  tensorBytes: 512 * 1024 * 1024,
  /** Bytes of all tensors of a batch, and of an archive when unpacked. */
  totalBytes: 1024 * 1024 * 1024,
  /** Tensors of a batch, and entries of an archive. */
  tensors: 4096,
  /** Axes of a tensor. NumPy has 64 at most. */
  rank: 32,
  /** Characters of a `.json` file: as text, numbers take many times their size. */
  jsonBytes: 128 * 1024 * 1024,
} as const;

/**
 * The number of elements of `dims`, checked before anything is allocated.
 * @throws NanoscopeError `code` when the shape is no shape or too large
 */
export function checkedCount(
  what: string,
  dtype: DType,
  dims: readonly number[],
  code: 'bad-input' | 'bad-inputs-file',
): number {
  if (dims.length > batchLimits.rank || dims.some((d) => !Number.isSafeInteger(d) || d < 0)) {
    throw new NanoscopeError(
      code,
      `${what} has the shape ${shapeText(dims.slice(0, batchLimits.rank))}, which is not the shape of a tensor.`,
      `A tensor has at most ${String(batchLimits.rank)} axes of whole sizes; write the file again.`,
    );
  }
  // A zero anywhere makes it empty, whatever the other sizes are.
  const count = dims.includes(0) ? 0 : dims.reduce((a, b) => a * b, 1);
  if (count * bytesPerElement(dtype) > batchLimits.tensorBytes) {
    throw new NanoscopeError(
      code,
      `${what} has the shape ${shapeText(dims)} (${dtype}), which is larger than ${megabytes(batchLimits.tensorBytes)}.`,
      'Use fewer samples or shorter ones.',
    );
  }
  return count;
}

export const megabytes = (bytes: number): string => `${String(Math.round(bytes / (1024 * 1024)))} MB`;

export const shapeText = (dims: readonly (number | string | null)[]): string =>
  `[${dims.map((d) => (d === null ? '?' : String(d))).join(', ')}]`;
