/** Axes reduced, ranked or normalised. */
import { intAttribute, intsAttribute } from '../../graph';
import type { AxisMap, Rule, RuleContext, RuleResult } from '../rule';
import { normalise, nothing } from '../rule';
import type { Axis, TensorAxes } from '../types';
import { asKey, other, unknownAxes } from '../types';

export const reduce: Rule = (context) => {
  const axes = context.axes(0);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const given = context.inputCount > 1 ? context.ints(1) : intsAttribute(context.node, 'axes');
  const reduced = new Set(
    (given && given.length > 0 ? given : axes.map((_, i) => i)).map((axis) => normalise(axis, axes.length)),
  );
  if (!given && context.inputCount > 1 && context.node.inputs[1] !== '') return nothing(context);
  // No axis at all: all of them, or none where the node says so.
  if ((given?.length ?? 0) === 0 && intAttribute(context.node, 'noop_with_empty_axes', 0) !== 0) reduced.clear();
  return reduceOver(context, axes, reduced, shape);
};

function reduceOver(
  context: RuleContext,
  axes: TensorAxes,
  reduced: ReadonlySet<number>,
  shape: readonly number[],
): RuleResult {
  const kept = shape.length === axes.length;
  const out: Axis[] = [];
  const map: number[] = [];
  for (const [i, axis] of axes.entries()) {
    if (!reduced.has(i)) {
      map.push(out.length);
      out.push(axis);
    } else {
      map.push(-1);
      if (kept) out.push([other(1)]);
    }
  }
  return {
    outputs: context.node.outputs.map(() => out),
    maps: context.node.inputs.map((_, i) => (i === 0 ? map : [])),
  };
}

export const argReduce: Rule = (context) => {
  const axes = context.axes(0);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  return reduceOver(context, axes, new Set([normalise(intAttribute(context.node, 'axis', 0), axes.length)]), shape);
};

export const topK: Rule = (context) => {
  const axes = context.axes(0);
  const axis = normalise(intAttribute(context.node, 'axis', -1), axes.length);
  const outputs = context.node.outputs.map((_, i): TensorAxes | null => {
    const shape = context.outShape(i);
    return shape ? axes.map((own, k) => (k === axis ? [other(shape[k] ?? 0)] : own)) : null;
  });
  return { outputs, maps: [axes.map((_, i) => (i === axis ? -1 : i)), []] };
};

/** The axis that is normalised over mixes its elements; the others stay. */
export const softmax: Rule = (context) => {
  const axes = context.axes(0);
  const legacy = context.opset < 13;
  const axis = normalise(intAttribute(context.node, 'axis', legacy ? 1 : -1), axes.length);
  const mixed = (i: number): boolean => (legacy ? i >= axis : i === axis);
  const over = axes[axis];
  const query = axes.some((own, i) => !mixed(i) && own.some((factor) => factor.kind === 'position'));
  const out = axes.map((own, i) => (i === axis && over && query ? asKey(own) : own));
  return { outputs: [out], maps: [axes.map((_, i) => (mixed(i) ? -1 : i))] };
};

export const layerNorm: Rule = (context) => {
  const axes = context.axes(0);
  const axis = normalise(intAttribute(context.node, 'axis', -1), axes.length);
  const maps: (AxisMap | null)[] = context.node.inputs.map(() => []);
  maps[0] = axes.map((_, i) => (i >= axis ? -1 : i));
  return {
    outputs: context.node.outputs.map((_, k) => {
      const shape = context.outShape(k);
      if (!shape || shape.length !== axes.length) return shape ? unknownAxes(shape) : null;
      return axes.map((own, i) => (shape[i] === own.reduce((p, f) => p * f.size, 1) ? own : [other(shape[i] ?? 1)]));
    }),
    maps,
  };
};

/** Norms that add a residual first: (input, skip, scale, bias…). */
export const skipNorm: Rule = (context) => {
  const result = layerNorm(context);
  const maps = [...result.maps];
  const first = maps[0] ?? null;
  if (context.inputCount > 1) maps[1] = first;
  return { outputs: result.outputs, maps };
};

/** Running sums: each element reads those before it, or behind it where `reverse`. */
export const cumSum: Rule = (context) => {
  const axes = context.axes(0);
  const given = context.ints(1)?.[0];
  // A place that is not known may be any.
  if (given === undefined) return { outputs: [axes], maps: [axes.map(() => -1), []] };
  const gap = intAttribute(context.node, 'exclusive', 0) === 0 ? 0 : -1;
  const reverse = intAttribute(context.node, 'reverse', 0) !== 0;
  return {
    outputs: [axes],
    maps: [axes.map((_, i) => i), []],
    band: {
      axis: normalise(given, axes.length),
      before: reverse ? gap : Infinity,
      after: reverse ? Infinity : gap,
    },
  };
};
