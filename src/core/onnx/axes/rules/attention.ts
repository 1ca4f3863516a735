/** Attention as one operator. */
import type { AxisMap, Rule } from '../rule';
import { nothing } from '../rule';
import type { Axis } from '../types';
import { axisLabelled, other, unknownAxes } from '../types';

export const fusedAttention: Rule = (context) => {
  const shape = context.outShape(0);
  const query = context.axes(0);
  if (!shape) return nothing(context);
  const rest = context.node.outputs.slice(1).map((_, i) => {
    const own = context.outShape(i + 1);
    return own ? unknownAxes(own) : null;
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
