/** Attention as one operator. */
import type { AxisMap, Rule } from '../rule';
import { nothing } from '../rule';
import type { Axis } from '../types';
import { axisLabelled, axisSize, other } from '../types';
import { ofSample } from './fused';

export const fusedAttention: Rule = (context) => {
  const shape = context.outShape(0);
  const query = context.axes(0);
  if (!shape) return nothing(context);
  const rest = context.node.outputs.slice(1).map((_, i) => {
    const own = context.outShape(i + 1);
    if (!own) return null;
    // Keys and values that are kept hold the sample first, the one tensor of both keeps it second.
    const kept = ofSample(query[0], own, own.length === 5 ? 1 : 0);
    // Scores: [batch, heads, queries, keys].
    const rows = query[query.length - 2];
    const isScores = i === 2 && own.length === 4 && rows !== undefined && axisSize(rows) === own[2];
    return isScores ? kept.map((axis, k) => (k === 2 ? rows : axis)) : kept;
  });
  const out = shape.map((size, i): Axis => {
    const own = query[i];
    return own && axisLabelled(own) && own.reduce((p, f) => p * f.size, 1) === size ? own : [other(size)];
  });
  const maps: (AxisMap | null)[] = context.node.inputs.map(() => null);
  maps[0] = query.map((axis, i) => (axisLabelled(axis) ? i : -1));
  return { outputs: [out, ...rest], maps };
};

/** contrib `Attention` reads one packed input for query, key and value: every position is read for every other. */
export const packedAttention: Rule = (context) => {
  const result = fusedAttention(context);
  return { outputs: result.outputs, maps: result.maps.map(() => null) };
};
