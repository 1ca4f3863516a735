/** What every attention kernel is fed: five tokens, the first two of them padding, and NaN where it is asked for. */
import { normalWeights } from '../../models/random';
import type { TensorData } from '../../tensor';

export const tokens = 5;
export const pads = 2;
export const heads = 2;
/** Of a head. A multiple of 8, which GroupQueryAttention wants. */
export const width = 8;
const hidden = heads * width;

export interface Projections {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

export type NaNPlace = 'keys' | 'values' | 'both';

/** [tokens, heads · width] each. */
export function projections(nan: NaNPlace | null): Projections {
  const of = (name: string): Float32Array => normalWeights(1, `kernels.${name}`, tokens * hidden, 1, 0);
  const [q, k, v] = [of('q'), of('k'), of('v')];
  if (nan === 'keys' || nan === 'both') k.fill(NaN, 0, pads * hidden);
  if (nan === 'values' || nan === 'both') v.fill(NaN, 0, pads * hidden);
  return { q, k, v };
}

/** Causal order and padding together: `allowed(query, key)`. */
export const allowed = (query: number, key: number): boolean => key <= query && key >= pads;

const plane = <T>(value: (query: number, key: number) => T): T[] =>
  Array.from({ length: tokens * tokens }, (_, i) => value(Math.floor(i / tokens), i % tokens));

/** Inputs of `kernelModel`. */
export function kernelFeeds({ q, k, v }: Projections): Record<string, TensorData> {
  const three = (data: Float32Array): TensorData => ({ dtype: 'float32', dims: [1, tokens, hidden], data });
  return {
    q: three(q),
    k: three(k),
    v: three(v),
    allowed: { dtype: 'bool', dims: [1, 1, tokens, tokens], data: Uint8Array.from(plane((i, j) => +allowed(i, j))) },
    real: { dtype: 'int32', dims: [1, tokens], data: Int32Array.from({ length: tokens }, (_, i) => +(i >= pads)) },
  };
}
