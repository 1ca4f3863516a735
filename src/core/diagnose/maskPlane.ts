/**
 * Which keys a query may attend to, as the mask says it: one bit per (sample, query, key), heads folded (a key is
 * masked if it is masked in every head).
 */
import type { TensorAxes } from '../onnx/axes/types';
import { axisSize } from '../onnx/axes/types';
import type { TensorData } from '../tensor';
import { elementCount } from '../tensor';
import { floatsOf } from '../probe/floats';
import type { JsonNumber } from '../report';
import { jsonNumber } from '../trace/jsonNumber';

export interface MaskPlane {
  /** Each 1 where the mask says the same for all. */
  readonly samples: number;
  readonly queries: number;
  readonly keys: number;
  /** samples × queries × keys, 1 = masked. Positions that the scores do not hold, as of a query in the past, are too. */
  readonly masked: Uint8Array;
  /** Of a mask that is added: the least and the greatest number that it masks with. */
  readonly fill?: { readonly least: JsonNumber; readonly most: JsonNumber };
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

export interface PlaneFactor {
  readonly size: number;
  readonly role: 'sample' | 'query' | 'key' | 'head';
  /** Position of every coordinate, where that is another number: new tokens stand behind the past. */
  readonly positions?: readonly number[];
}

/** How one axis of a mask is read: strides over samples, queries and keys by factor. */
export interface PlaneAxis {
  readonly factors: readonly PlaneFactor[];
}

/** How many samples, queries or keys are told apart: up to the last position that there is. */
export const extentOf = (factors: readonly PlaneFactor[], role: PlaneFactor['role']): number =>
  factors
    .filter((factor) => factor.role === role)
    .reduce((size, factor) => size * (factor.positions ? Math.max(-1, ...factor.positions) + 1 : factor.size), 1);

export const placeOn = ({ size, positions }: PlaneFactor, before: number, coordinate: number): number =>
  positions ? before * (Math.max(-1, ...positions) + 1) + (positions[coordinate] ?? 0) : before * size + coordinate;

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
      factors: axis.map(({ size: own, kind, key, positions }): PlaneFactor => {
        const role = kind === 'batch' ? 'sample' : kind === 'position' ? (key ? 'key' : 'query') : 'head';
        return kind === 'position' && positions && isPlaced(positions)
          ? { size: own, role, positions: Array.from(positions) }
          : { size: own, role };
      }),
    };
  });
}

/** Every row is some position. */
const isPlaced = (positions: Int32Array): boolean => positions.every((position) => position >= 0);

/** Inspector: runs beside the mask tensor. */
export function maskPlane(mask: TensorData, params: PlaneParams): MaskPlane {
  const factors = params.axes.flatMap((axis) => axis.factors);
  const samples = extentOf(factors, 'sample');
  const queries = extentOf(factors, 'query');
  const keys = extentOf(factors, 'key');
  const masked = new Uint8Array(samples * queries * keys).fill(1);
  const values = params.kind === 'add' ? floatsOf(mask) : mask.data;
  const count = elementCount(mask.dims);
  const at = factors.map(() => 0);
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < count; i += 1) {
    let sample = 0;
    let query = 0;
    let key = 0;
    for (const [k, factor] of factors.entries()) {
      const coordinate = at[k] ?? 0;
      if (factor.role === 'sample') sample = placeOn(factor, sample, coordinate);
      else if (factor.role === 'query') query = placeOn(factor, query, coordinate);
      else if (factor.role === 'key') key = placeOn(factor, key, coordinate);
    }
    const value = Number(values[i]);
    const open = params.kind === 'add' ? !(value < maskedBelow) : (value !== 0) === params.keepWhen;
    if (params.kind === 'add' && !open) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
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
  const fill = least <= most ? { fill: { least: jsonNumber(least), most: jsonNumber(most) } } : {};
  return { samples, queries, keys, masked, ...fill };
}
