/** Scaled dot-product attention in the four forms that a built-in model offers; see `attentionKinds`. */
import type { GraphBuilder, Opset, Value } from './graphBuilder';
import { builtinOpset, fusedOpset } from './graphBuilder';
import { add, matmul, mul, reshape, softmax, transpose, unsqueeze } from './layers';
import type { AttentionKind } from './masks';
import { maskScores } from './masks';

export interface AttentionSpec {
  readonly kind: AttentionKind;
  /** Factor of Q·Kᵀ; `null` where the model has none (T5). */
  readonly scale: number | null;
  /** Added to the scores before the mask, [1 or B, N, S, T]; for `fused` it has to be part of the mask. */
  readonly bias?: Value;
  /** Where several heads of queries share one head of keys and values. */
  readonly groups?: HeadGroups;
}

export interface HeadGroups {
  readonly heads: number;
  readonly keyValueHeads: number;
  /** Of one head, the same in keys and values. */
  readonly width: number;
}

/** The opset that a model with this attention needs. */
export const opsetOf = (kind: AttentionKind): Opset => (kind === 'fused' ? fusedOpset : builtinOpset);

/** [B, S, N·width] → [B, N, S, width] */
export function toHeads(g: GraphBuilder, x: Value, heads: number, width: number): Value {
  return transpose(g, reshape(g, x, 0, 0, heads, width), [0, 2, 1, 3]);
}

/** [B, N, S, width] → [B, S, N·width] */
export function fromHeads(g: GraphBuilder, x: Value, width: number): Value {
  return reshape(g, transpose(g, x, [0, 2, 1, 3]), 0, 0, width);
}

/**
 * softmax(scale · Q·Kᵀ, masked) · V.
 * @param queries [B, N, S, D]; keys [B, N or fewer, T, D]; values [B, as keys, T, E]
 * @param mask as `sharedMask` makes it for this kind, or for `fused` also additive; broadcast to [B, N, S, T]
 * @returns [B, N, S, E]
 */
export function attend(
  g: GraphBuilder,
  spec: AttentionSpec,
  queries: Value,
  keys: Value,
  values: Value,
  mask: Value,
): Value {
  if (spec.kind === 'fused') {
    // Its own default is 1 / √D. Groups of heads are its business too: head n reads keys n · (their heads) / N.
    const attributes = { scale: { float: spec.scale ?? 1 } };
    return g.node('Attention', [queries, keys, values, mask], { attributes });
  }
  const repeated = repeatHeads(g, keys, spec.groups);
  const repeatedValues = repeatHeads(g, values, spec.groups);
  const raw = matmul(g, queries, transpose(g, repeated, [0, 1, 3, 2]));
  const scaled = spec.scale === null ? raw : mul(g, raw, g.scalar(spec.scale));
  const scores = spec.bias === undefined ? scaled : add(g, scaled, spec.bias);
  return matmul(g, softmax(g, maskScores(g, spec.kind, scores, mask)), repeatedValues);
}

/** Each head of keys (or values) as often as queries share it, side by side: Llama's `repeat_kv`. */
function repeatHeads(g: GraphBuilder, x: Value, groups: HeadGroups | undefined): Value {
  if (groups === undefined || groups.heads === groups.keyValueHeads) {
    return x;
  }
  const { heads, keyValueHeads, width } = groups;
  const expanded = g.node('Expand', [unsqueeze(g, x, 2), g.ints(1, 1, heads / keyValueHeads, 1, 1)]);
  const repeated = reshape(g, expanded, 0, heads, -1, width);
  g.describe(repeated, ['batch', heads, 'sequence', width]);
  return repeated;
}
