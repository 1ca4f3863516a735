/**
 * Which positions are padding. Read from what the mask input *does* to the scores, not from what it is called:
 * one key of an otherwise uniform mask is flipped and the scores tell whether they still see it.
 */
import type { MaskPlane } from '../diagnose/maskPlane';
import { isMasked } from '../diagnose/maskPlane';
import { floatsOf } from '../probe/floats';
import type { TensorData } from '../tensor';
import { toFloat16Bits } from './half';
import { isFloat } from './numbers';
import { allocate, elementCount } from '../tensor';

/** `p` or `r` per position, one string per sample. */
export type Roles = readonly string[];

export interface Polarity {
  readonly input: string;
  /** The element that marks a real token. */
  readonly real: 0 | 1;
}

export interface PolarityTrial {
  /** Value of every element but the flipped key. */
  readonly fill: 0 | 1;
  /** Whether key `flippedKey` has the other value. */
  readonly flipped: boolean;
}

/** Four runs of the mask's own part of the graph; see `polarityFrom`. */
export const polarityTrials: readonly PolarityTrial[] = [
  { fill: 1, flipped: false },
  { fill: 1, flipped: true },
  { fill: 0, flipped: false },
  { fill: 0, flipped: true },
];

/** The key that is flipped: seen by every later query of a causal model. */
export const flippedKey = 0;

/**
 * A mask of the same type and shape with uniform elements, but for key 0 of every sample.
 *
 * @param values what a trial's 0 and 1 stand for: 0 and −∞ in an additive mask, the pad's id and another in ids.
 */
export function trialMask(
  mask: TensorData,
  trial: PolarityTrial,
  keyAxis: number,
  values: readonly [number, number] = [0, 1],
): TensorData {
  const data = allocate(mask.dtype, elementCount(mask.dims));
  const stride = elementCount(mask.dims.slice(keyAxis + 1));
  const size = mask.dims[keyAxis] ?? 1;
  for (let i = 0; i < data.length; i += 1) {
    const key = Math.floor(i / stride) % size;
    const value = values[trial.flipped && key === flippedKey ? (trial.fill === 1 ? 0 : 1) : trial.fill];
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(value);
    else data[i] = mask.dtype === 'float16' ? (toFloat16Bits([value])[0] ?? 0) : value;
  }
  return { dtype: mask.dtype, dims: mask.dims, data };
}

/** How many queries other than the key's own position see the flipped key. */
export function seenBy(planes: readonly MaskPlane[]): number {
  const queries = Math.max(...planes.map((plane) => plane.queries));
  const samples = Math.max(...planes.map((plane) => plane.samples));
  let seen = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    if (queries === 1) {
      // A mask of keys alone says the same for every query.
      seen += planes.some((plane) => isMasked(plane, sample, 0, flippedKey)) ? 0 : 1;
      continue;
    }
    for (let query = 1; query < queries; query += 1) {
      if (!planes.some((plane) => isMasked(plane, sample, query, flippedKey))) seen += 1;
    }
  }
  return seen;
}

/**
 * @param seen `seenBy` of each of `polarityTrials`, in order.
 * @returns which element means real, or null when neither (or both) switches a key off.
 */
export function polarityFrom(seen: readonly number[]): 0 | 1 | null {
  const [ones = 0, onesFlipped = 0, zeros = 0, zerosFlipped = 0] = seen;
  // Both comparisons survive a model that lets fully masked rows attend everywhere: there a uniform pad mask
  // sees all keys, and only the flip of one key among *real* ones switches it off.
  const oneIsReal = ones > onesFlipped;
  const zeroIsReal = zeros > zerosFlipped;
  if (oneIsReal === zeroIsReal) return null;
  return oneIsReal ? 1 : 0;
}

/**
 * A key is real where some query (in some head) may see it.
 *
 * @param isReal of one element.
 * @param axes places of batch and key in the mask, −1 for no batch axis.
 */
export function rolesFromMask(
  mask: TensorData,
  isReal: (value: number) => boolean,
  axes: { readonly batch: number; readonly position: number },
  samples: number,
): string[] {
  const positions = mask.dims[axes.position] ?? 0;
  const real = Array.from({ length: samples }, () => new Uint8Array(positions));
  const stride = (axis: number): number => elementCount(mask.dims.slice(axis + 1));
  const at = (i: number, axis: number): number => Math.floor(i / stride(axis)) % (mask.dims[axis] ?? 1);
  const values = isFloat(mask.dtype) ? floatsOf(mask) : mask.data;
  for (let i = 0; i < values.length; i += 1) {
    if (!isReal(Number(values[i]))) continue;
    const position = at(i, axes.position);
    for (const row of axes.batch >= 0 ? [real[at(i, axes.batch)]] : real) if (row) row[position] = 1;
  }
  return real.map((row) => Array.from(row, (bit) => (bit === 1 ? 'r' : 'p')).join(''));
}

export type PaddingSide = 'left' | 'right' | 'none' | 'both' | 'inside';

export function paddingSide(roles: string): PaddingSide {
  if (!roles.includes('p')) return 'none';
  if (!roles.includes('r')) return 'left';
  const left = roles.startsWith('p');
  const right = roles.endsWith('p');
  if (/rp+r/.test(roles)) return 'inside';
  return left && right ? 'both' : left ? 'left' : right ? 'right' : 'inside';
}

export const allReal = (samples: number, positions: number): string[] =>
  Array.from({ length: samples }, () => 'r'.repeat(positions));
