/**
 * Which keys a query may attend to, as the mask says it: one bit per (sample, query, key), heads folded (a key is
 * masked if it is masked in every head).
 */
import type { TensorAxes } from '../onnx/axes/types';
import { axisSize } from '../onnx/axes/types';
import type { TensorData } from '../tensor';
import { elementCount } from '../tensor';
import { floatsOf } from '../probe/floats';

export interface MaskPlane {
  /** Each 1 where the mask says the same for all. */
  readonly samples: number;
  readonly queries: number;
  readonly keys: number;
  /** samples × queries × keys, 1 = masked. */
  readonly masked: Uint8Array;
}

export function isMasked(plane: MaskPlane, sample: number, query: number, key: number): boolean {
  const s = plane.samples === 1 ? 0 : sample;
  const q = plane.queries === 1 ? 0 : query;
  const k = plane.keys === 1 ? 0 : key;
  return plane.masked[(s * plane.queries + q) * plane.keys + k] === 1;
}

/**
 * Additive masks below this mask: −inf, the lowest finite values, −1e9, −1e4. Position biases that are added the
 * same way (ALiBi, T5) stay above it.
 */
export const maskedBelow = -5000;

/** How one axis of a mask is read: strides over samples, queries and keys by factor. */
export interface PlaneAxis {
  readonly factors: readonly { readonly size: number; readonly role: 'sample' | 'query' | 'key' | 'head' }[];
}

export interface PlaneParams {
  readonly kind: 'add' | 'where';
  /** `where`: scores are kept where the condition has this value. */
  readonly keepWhen: boolean;
  readonly axes: readonly PlaneAxis[];
}

/**
 * How to read a mask that is broadcast against scores with known axes.
 *
 * @param scores axes of the scores, with query and key told apart.
 * @param shape of the mask, broadcast to the right of the scores.
 */
export function planeAxes(scores: TensorAxes, shape: readonly number[]): PlaneAxis[] | null {
  const offset = scores.length - shape.length;
  if (offset < 0) return null;
  return shape.map((size, i): PlaneAxis => {
    const axis = scores[i + offset] ?? [];
    if (size === 1 || axisSize(axis) !== size) return { factors: [{ size, role: 'head' }] };
    return {
      factors: axis.map((factor) => ({
        size: factor.size,
        role: factor.kind === 'batch' ? 'sample' : factor.kind === 'position' ? (factor.key ? 'key' : 'query') : 'head',
      })),
    };
  });
}

/** Inspector: runs beside the mask tensor. */
export function maskPlane(mask: TensorData, params: PlaneParams): MaskPlane {
  const factors = params.axes.flatMap((axis) => axis.factors);
  const sizeOf = (role: string): number =>
    factors.filter((factor) => factor.role === role).reduce((size, factor) => size * factor.size, 1);
  const samples = sizeOf('sample');
  const queries = sizeOf('query');
  const keys = sizeOf('key');
  const masked = new Uint8Array(samples * queries * keys).fill(1);
  const values = params.kind === 'add' ? floatsOf(mask) : mask.data;
  const count = elementCount(mask.dims);
  const at = factors.map(() => 0);
  for (let i = 0; i < count; i += 1) {
    let sample = 0;
    let query = 0;
    let key = 0;
    for (const [k, factor] of factors.entries()) {
      const coordinate = at[k] ?? 0;
      if (factor.role === 'sample') sample = sample * factor.size + coordinate;
      else if (factor.role === 'query') query = query * factor.size + coordinate;
      else if (factor.role === 'key') key = key * factor.size + coordinate;
    }
    const value = Number(values[i]);
    const open = params.kind === 'add' ? !(value < maskedBelow) : (value !== 0) === params.keepWhen;
    if (open) masked[(sample * queries + query) * keys + key] = 0;
    for (let k = factors.length - 1; k >= 0; k -= 1) {
      const next = (at[k] ?? 0) + 1;
      if (next < (factors[k]?.size ?? 1)) {
        at[k] = next;
        break;
      }
      at[k] = 0;
    }
  }
  return { samples, queries, keys, masked };
}
