/** What all attention operators have in common: scale, mask, softmax, P·V. */
import type { BodyBuilder } from './builder';
import { causalMask } from './builder';

export interface Core {
  /** [B, N, S, D] and [B, M, T, D], [B, M, T, E]; N is a multiple of M. */
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly sizes: {
    readonly batch: number;
    readonly heads: number;
    readonly keyHeads: number;
    readonly queries: number;
    readonly keys: number;
    readonly width: number;
    readonly valueWidth: number;
  };
  /** Added to the scores, in this order, before softmax; each broadcasts to [B, N, S, T]. */
  readonly masks: readonly string[];
  /** The scale times Q·Kᵀ; √scale is taken on either side first, as the standard does, where `split`. */
  readonly scale: number;
  readonly split: boolean;
}

export interface CoreParts {
  readonly scores: string;
  readonly masked: string;
  readonly probabilities: string;
  /** [B, N, S, E] */
  readonly output: string;
}

/** Name of the node that is Q·Kᵀ. */
export const scoresLabel = 'scores';

export function attentionCore(body: BodyBuilder, core: Core): CoreParts {
  const { sizes } = core;
  const key = repeatHeads(body, core.key, sizes, sizes.width);
  const value = repeatHeads(body, core.value, sizes, sizes.valueWidth);
  const root = core.split ? body.scalar(Math.sqrt(core.scale), 'root_scale') : '';
  const query = core.split ? body.op('Mul', [core.query, root], {}, 'scaled_query') : core.query;
  const scaledKey = core.split ? body.op('Mul', [key, root], {}, 'scaled_key') : key;
  const product = body.op('MatMul', [query, body.transpose(scaledKey, [0, 1, 3, 2])], {}, scoresLabel);
  const scores = core.split
    ? product
    : body.op('Mul', [product, body.scalar(core.scale, 'scale')], {}, 'scaled_scores');
  let masked = scores;
  for (const mask of core.masks) masked = body.op('Add', [masked, mask], {}, 'masked_scores');
  const probabilities = body.op('Softmax', [masked], { axis: -1 });
  return { scores, masked, probabilities, output: body.op('MatMul', [probabilities, value], {}, 'weighted_values') };
}

/** Query s of `queries` sees keys up to s + offset. */
export const causal = (body: BodyBuilder, queries: number, keys: number, offset: number): string =>
  body.additive(body.constant(causalMask(queries, keys, offset), 'causal'));

/** Heads of keys or values repeated, so that every query head has its own: [B, N, T, width]. */
function repeatHeads(body: BodyBuilder, value: string, sizes: Core['sizes'], width: number): string {
  const { batch, heads, keyHeads, keys } = sizes;
  if (heads === keyHeads) return value;
  const apart = body.reshape(value, [batch, keyHeads, 1, keys, width]);
  const repeated = body.expand(apart, [batch, keyHeads, heads / keyHeads, keys, width]);
  return body.reshape(repeated, [batch, heads, keys, width]);
}
