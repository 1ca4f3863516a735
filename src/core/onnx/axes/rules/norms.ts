/** Normalisations that are not over the last axes alone, and recurrences. */
import { intAttribute, intsAttribute, stringAttribute } from '../../graph';
import type { Band } from '../link';
import type { Rule, RuleContext, RuleResult } from '../rule';
import { identityMap, normalise, nothing } from '../rule';
import type { Axis } from '../types';
import { other } from '../types';

/** Same axes; the elements of a mixed axis are read together. Scales and statistics belong to nobody. */
function mixing(context: RuleContext, mixed: (axis: number) => boolean): RuleResult {
  const axes = context.axes(0);
  return {
    outputs: context.node.outputs.map((_, i) => (i === 0 ? axes : null)),
    maps: context.node.inputs.map((_, i) => (i === 0 ? identityMap(axes).map((k) => (mixed(k) ? -1 : k)) : [])),
  };
}

/** Each channel of each sample over everything behind it. */
export const instanceNorm: Rule = (context) => mixing(context, (axis) => axis >= 2);

/** Groups of channels of each sample. */
export const groupNorm: Rule = (context) => mixing(context, (axis) => axis >= 1);

/** With the statistics of the training: element by element. */
export const batchNorm: Rule = (context) =>
  intAttribute(context.node, 'training_mode', 0) === 0 ? mixing(context, () => false) : mixing(context, () => true);

export const lpNorm: Rule = (context) => {
  const over = normalise(intAttribute(context.node, 'axis', -1), context.axes(0).length);
  return mixing(context, (axis) => axis === over);
};

export const meanVarianceNorm: Rule = (context) => {
  const rank = context.axes(0).length;
  const over = new Set((intsAttribute(context.node, 'axes') ?? [0, 2, 3]).map((axis) => normalise(axis, rank)));
  return mixing(context, (axis) => over.has(axis));
};

/** Neighbouring channels. */
export const localResponseNorm: Rule = (context) => mixing(context, (axis) => axis === 1);

/** `LSTM`, `GRU`, `RNN`: each position reads those before it, behind it, or all. The last states belong to none. */
export const recurrence: Rule = (context) => {
  const [first, second] = context.axes(0);
  if (!first || !second) return nothing(context);
  const batchFirst = intAttribute(context.node, 'layout', 0) !== 0;
  const direction = stringAttribute(context.node, 'direction') ?? 'forward';
  const sized = (o: number, place: number): Axis => [other(context.outShape(o)?.[place] ?? 1)];
  const all: readonly Axis[] = batchFirst
    ? [first, second, sized(0, 2), sized(0, 3)]
    : [first, sized(0, 1), second, sized(0, 3)];
  const band: Band = {
    axis: batchFirst ? 1 : 0,
    before: direction === 'reverse' ? 0 : Infinity,
    after: direction === 'forward' ? 0 : Infinity,
  };
  return {
    outputs: context.node.outputs.map((_, o) => {
      if (!context.outShape(o)) return null;
      if (o === 0) return all;
      return batchFirst ? [first, sized(o, 1), sized(o, 2)] : [sized(o, 0), second, sized(o, 2)];
    }),
    maps: context.node.inputs.map((_, i) => (i === 0 ? (batchFirst ? [0, 1, -1] : [0, 2, -1]) : null)),
    band,
  };
};
