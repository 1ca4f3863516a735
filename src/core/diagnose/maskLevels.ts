/**
 * What the masks of one attention add up to, key by key: whether a row is masked throughout, and with what. Heads are
 * folded: a key counts by the head that masks it least.
 */
import type { TensorData } from '../tensor';
import { elementCount } from '../tensor';
import { floatsOf } from '../probe/floats';
import type { MaskPlane, PlaneAxis } from './maskPlane';
import { extentOf, maskedBelow, placeOn } from './maskPlane';

export interface LevelParams {
  readonly kind: 'add' | 'where';
  /** `where`: scores are kept where the condition has this value. */
  readonly keepWhen: boolean;
  /** `where`: what takes the place of scores that are not kept. */
  readonly fill: number;
  /** Of the scores; the mask is broadcast to their right. */
  readonly axes: readonly PlaneAxis[];
}

/** Sizes are 1 where the mask says the same for all. */
export interface MaskLevels {
  readonly samples: number;
  readonly queries: number;
  readonly keys: number;
  /** samples × queries × keys: what is added; of a `where` the fill, NaN where the score is kept. */
  readonly levels: Float32Array;
}

/** Inspector: runs beside the mask tensor. */
export function maskLevels(mask: TensorData, { kind, keepWhen, fill, axes }: LevelParams): MaskLevels {
  const own = mask.dims.map((size, i): PlaneAxis => {
    const axis = axes[i + axes.length - mask.dims.length];
    const full = axis?.factors.reduce((product, factor) => product * factor.size, 1);
    return axis && full === size && size !== 1 ? axis : { factors: [{ size, role: 'head' }] };
  });
  const factors = own.flatMap((axis) => axis.factors);
  const [samples, queries, keys] = [extentOf(factors, 'sample'), extentOf(factors, 'query'), extentOf(factors, 'key')];
  const levels = new Float32Array(samples * queries * keys).fill(-Infinity);
  const touched = new Uint8Array(levels.length);
  const values = kind === 'add' ? floatsOf(mask) : mask.data;
  const count = elementCount(mask.dims);
  const at = factors.map(() => 0);
  for (let i = 0; i < count; i += 1) {
    let [sample, query, key] = [0, 0, 0];
    for (const [k, factor] of factors.entries()) {
      const coordinate = at[k] ?? 0;
      if (factor.role === 'sample') sample = placeOn(factor, sample, coordinate);
      else if (factor.role === 'query') query = placeOn(factor, query, coordinate);
      else if (factor.role === 'key') key = placeOn(factor, key, coordinate);
    }
    const cell = (sample * queries + query) * keys + key;
    const value = Number(values[i]);
    const level = kind === 'add' ? value : (value !== 0) === keepWhen ? NaN : fill;
    const before = levels[cell] ?? -Infinity;
    if (touched[cell] === 0) levels[cell] = level;
    else if (Number.isNaN(level) || level > before) levels[cell] = Number.isNaN(before) ? before : level;
    touched[cell] = 1;
    for (let k = factors.length - 1; k >= 0; k -= 1) {
      const next = (at[k] ?? 0) + 1;
      if (next < (factors[k]?.size ?? 1)) {
        at[k] = next;
        break;
      }
      at[k] = 0;
    }
  }
  return { samples, queries, keys, levels };
}

/** `open`: some key is left. `finite`, `infinite`: every key is masked; `infinite` = the whole row is −inf. */
export type RowState = 'open' | 'finite' | 'infinite';

export interface MaskedRows {
  readonly samples: number;
  readonly queries: number;
  readonly keys: number;
  /** samples × queries */
  readonly rows: readonly RowState[];
  readonly plane: MaskPlane;
}

/** What leaves the range of a type becomes infinite. */
const limits: Readonly<Record<string, number>> = { float16: 65520, float32: 3.4028235677973366e38, float64: Infinity };

/**
 * Masks one after the other, as the scores meet them.
 *
 * @param axes of the scores: rows are counted on them whatever the masks leave out.
 * @param dtype of the scores: two finite masks may add up to −inf.
 */
export function composed(
  masks: readonly { readonly kind: 'add' | 'where'; readonly levels: MaskLevels }[],
  axes: readonly PlaneAxis[],
  dtype: string,
): MaskedRows {
  const factors = axes.flatMap((axis) => axis.factors);
  const [samples, queries, keys] = [extentOf(factors, 'sample'), extentOf(factors, 'query'), extentOf(factors, 'key')];
  const asked = factors.find(({ role, positions }) => role === 'query' && positions)?.positions;
  const limit = limits[dtype] ?? Infinity;
  const masked = new Uint8Array(samples * queries * keys);
  const rows: RowState[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    for (let query = 0; query < queries; query += 1) {
      // No row of the scores is that of a query in the past.
      let state: RowState = masks.length === 0 || asked?.includes(query) === false ? 'open' : 'infinite';
      for (let key = 0; key < keys; key += 1) {
        let level = 0;
        for (const { kind, levels: own } of masks) {
          const s = own.samples === 1 ? 0 : sample;
          const q = own.queries === 1 ? 0 : query;
          const k = own.keys === 1 ? 0 : key;
          const value = own.levels[(s * own.queries + q) * own.keys + k] ?? 0;
          if (kind === 'where') level = Number.isNaN(value) ? level : value;
          else if (!Number.isNaN(value)) level += value;
          if (level <= -limit) level = -Infinity;
        }
        if (level < maskedBelow) masked[(sample * queries + query) * keys + key] = 1;
        else state = 'open';
        if (level !== -Infinity && state === 'infinite') state = 'finite';
      }
      rows.push(state);
    }
  }
  return { samples, queries, keys, rows, plane: { samples, queries, keys, masked } };
}
