/** A stored mask [batch, position] that tells padding from real tokens, read only where somebody named it. */
import { fromBytes, type DType } from '../tensor';
import type { TensorEntry } from './types';

export interface StoredMask {
  readonly name: string;
  readonly samples: number;
  readonly positions: number;
  /** By sample × positions + position. */
  readonly isReal: (cell: number) => boolean;
}

/** 64 MB of int64: far more than any batch has. */
const mostMaskCells = 2 ** 23;

const kinds: readonly string[] = ['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'];
const isMaskType = (name: string): name is DType => kinds.includes(name);

/** Half a sentence on why it cannot be a mask, by its header; null where it can. */
export function whyNoMask({ type, dims, elements }: TensorEntry): string | null {
  if (!isMaskType(type.name)) return `it holds ${type.name}, and a mask holds whole numbers or bool`;
  if (dims.length !== 2) return `it has ${String(dims.length)} axes, and a mask has batch and position`;
  return elements > mostMaskCells ? 'it is too large' : null;
}

/** @param bytes all of its elements. @returns half a sentence where they are not 0 and 1 */
export function readMask(entry: TensorEntry, bytes: Uint8Array, inverted: boolean): StoredMask | string {
  const { type, dims, order, bigEndian, name } = entry;
  if (!isMaskType(type.name)) return 'it is no mask';
  const own = new Uint8Array(bytes);
  const width = type.bits / 8;
  if (bigEndian) for (let at = 0; at < own.length; at += width) own.subarray(at, at + width).reverse();
  const [samples = 0, positions = 0] = dims;
  const flags = new Uint8Array(samples * positions);
  let cell = 0;
  for (const value of fromBytes(type.name, own)) {
    const flag = Number(value);
    if (flag !== 0 && flag !== 1) return `it holds ${String(flag)}, and a mask holds 0 and 1`;
    const to = order === 'C' ? cell : (cell % samples) * positions + Math.floor(cell / samples);
    flags[to] = flag;
    cell++;
  }
  const real = inverted ? 0 : 1;
  return { name: name ?? '', samples, positions, isReal: (at) => flags[at] === real };
}
