/** T5's relative position bias (arXiv 1910.10683, section 2.1): one learned number per head and bucket of distance. */
import type { GraphBuilder, Value } from './graphBuilder';
import { add, cast, div, gatherAxis0, mul, sub, transpose, unsqueeze } from './layers';
import { steps } from './masks';

export const relativeBuckets = 32;
/** From here on all distances share one bucket. */
const maxDistance = 128;

export interface RelativeBiasSpec {
  /** Ids or a mask of the sequence, [B, S]. */
  readonly like: Value;
  /** Symbolic name of S. */
  readonly length: string;
  /** Keys behind the query have buckets of their own; else they share that of distance 0. */
  readonly bidirectional: boolean;
  readonly heads: number;
}

/** [1, N, S, S]: added to the score of query i and key j, by j − i. Weight: `relative_attention_bias.weight`. */
export function relativeBias(g: GraphBuilder, spec: RelativeBiasSpec): Value {
  const positions = steps(g, spec.like, spec.length);
  const distance = sub(g, unsqueeze(g, positions, 0), unsqueeze(g, positions, 1));
  const bucket = bucketOf(g, distance, spec.bidirectional);
  const bias = g.inModule('relative_attention_bias', () =>
    gatherAxis0(g, g.weight('weight', [relativeBuckets, spec.heads], 0.5), bucket),
  );
  return unsqueeze(g, transpose(g, bias, [2, 0, 1]), 0);
}

/**
 * Near distances have a bucket each, farther ones share buckets whose width grows with the logarithm, as T5 computes
 * it: that logarithm is −∞ at distance 0, where the other branch of the last `Where` is taken.
 * @param distance j − i, int64 [S, S]
 */
function bucketOf(g: GraphBuilder, distance: Value, bidirectional: boolean): Value {
  const int = (value: number): Value => g.constant('int64', [], [value]);
  const buckets = bidirectional ? relativeBuckets / 2 : relativeBuckets;
  const exact = buckets / 2;
  const far = bidirectional
    ? g.node('Abs', [distance])
    : g.node('Neg', [g.node('Min', [distance, int(0)], { dtype: 'int64' })]);
  const isNear = g.node('Less', [far, int(exact)]);
  const logarithm = g.node('Log', [div(g, cast(g, far, 'float32'), g.scalar(exact))]);
  const share = mul(g, div(g, logarithm, g.scalar(Math.log(maxDistance / exact))), g.scalar(buckets - exact));
  const wide = g.node('Min', [add(g, cast(g, share, 'int64'), int(exact)), int(buckets - 1)]);
  const one = g.node('Where', [isNear, far, wide]);
  if (!bidirectional) {
    return one;
  }
  const behind = cast(g, g.node('Greater', [distance, int(0)]), 'int64');
  return add(g, mul(g, behind, int(buckets)), one);
}
