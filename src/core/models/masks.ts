/** Position ids and attention masks, computed inside the graph from `attention_mask`, as the hub's models do. */
import type { GraphBuilder, Value } from './graphBuilder';
import { add, cast, concat, gatherAxis0, sub, unsqueeze } from './layers';

/**
 * How a mask meets the scores.
 * - `eager-add`: 0 or −∞ is added; a fully masked row becomes NaN in the softmax.
 * - `eager-where`: `Where(allowed, scores, −∞)`; the same for such a row, but a NaN score of a masked key is removed.
 * - `finfo-min`: 0 or the lowest finite value is added; a fully masked row becomes uniform attention.
 * - `fused`: the operator `Attention` (opset 23) takes the mask; its kernel makes a fully masked row zeros.
 */
export const attentionKinds = ['eager-add', 'eager-where', 'finfo-min', 'fused'] as const;
export type AttentionKind = (typeof attentionKinds)[number];

/** −(2 − 2⁻²³) · 2¹²⁷, the lowest finite float32 (`torch.finfo(torch.float32).min`). */
export const lowestFloat32 = -3.4028234663852886e38;

/** Token index counted from the first real token, 1 at pads: `cumsum(mask) − 1`, filled. [B, S] int64. */
export function positionIds(g: GraphBuilder, attentionMask: Value): Value {
  const counted = sub(g, g.node('CumSum', [attentionMask, g.constant('int64', [], [1])]), g.constant('int64', [], [1]));
  const isPad = g.node('Equal', [attentionMask, g.constant('int64', [], [0])]);
  return g.node('Where', [isPad, g.constant('int64', [], [1]), counted]);
}

/** 0 … S − 1 for ids or a mask [B, S]; [S] int64. `sequence` is the length's symbolic name. */
export function steps(g: GraphBuilder, like: Value, sequence = 'sequence'): Value {
  const zero = g.constant('int64', [], [0]);
  const length = gatherAxis0(g, g.node('Shape', [like]), g.constant('int64', [], [1]));
  const counted = g.node('Range', [zero, length, g.constant('int64', [], [1])]);
  g.describe(counted, [sequence]);
  return counted;
}

/** True where query i may read key j: j ≤ i and key j is real. [B, 1, S, S] bool. */
export function causalAndPadding(g: GraphBuilder, attentionMask: Value, sequence = 'sequence'): Value {
  const positions = steps(g, attentionMask, sequence);
  const causal = g.node('LessOrEqual', [unsqueeze(g, positions, 0), unsqueeze(g, positions, 1)]);
  const realKeys = keyPadding(g, attentionMask);
  return g.node('And', [unsqueeze(g, causal, 0, 1), realKeys]);
}

/** True where key j is real, whatever the query. [B, 1, 1, S] bool. */
export function keyPadding(g: GraphBuilder, attentionMask: Value): Value {
  return unsqueeze(g, cast(g, attentionMask, 'bool'), 1, 2);
}

/**
 * A mask of keys as `fused` wants it: the operator would broadcast [B, 1, 1, T], ONNX Runtime's kernel (1.30) refuses
 * to, and exporters of PyTorch's `scaled_dot_product_attention` write it out as well.
 * @param queries ids or a mask of the queries' sequence, [B, S]
 * @returns [B, 1, S, T] for `fused`, else `allowed` itself
 */
export function forQueries(g: GraphBuilder, kind: AttentionKind, allowed: Value, queries: Value): Value {
  if (kind !== 'fused') {
    return allowed;
  }
  const one = g.ints(1);
  const length = g.node('Slice', [g.node('Shape', [queries]), g.ints(1), g.ints(2), g.ints(0)]);
  return g.node('Expand', [allowed, concat(g, [one, one, length, one], 0)]);
}

/** What every layer shares: the boolean mask itself, or one additive mask made from it once. As `allowed` in shape. */
export function sharedMask(g: GraphBuilder, kind: AttentionKind, allowed: Value): Value {
  return kind === 'eager-where' || kind === 'fused' ? allowed : additiveMask(g, kind, allowed);
}

/** 0 where allowed, else −∞ or, for `finfo-min`, the lowest finite value. */
export function additiveMask(g: GraphBuilder, kind: AttentionKind, allowed: Value): Value {
  const masked = g.scalar(kind === 'finfo-min' ? lowestFloat32 : -Infinity);
  return g.node('Where', [allowed, g.scalar(0), masked]);
}

/** @param scores [B, N, S, S] */
export function maskScores(g: GraphBuilder, kind: AttentionKind, scores: Value, mask: Value): Value {
  return kind === 'eager-where' ? g.node('Where', [mask, scores, g.scalar(-Infinity)]) : add(g, scores, mask);
}
