/** The same elements in another order or shape. */
import { intsAttribute } from '../../graph';
import { reshapeAxes } from '../reshape';
import type { Rule, RuleContext } from '../rule';
import { normalise, nothing } from '../rule';
import type { TensorAxes } from '../types';
import { axisSize, otherAxes, unknownAxes } from '../types';

const layoutOf =
  (follow: (context: RuleContext, shape: readonly number[]) => TensorAxes | null): Rule =>
  (context) => {
    const shape = context.outShape(0);
    if (!shape) return nothing(context);
    return {
      outputs: [follow(context, shape) ?? unknownAxes(shape)],
      maps: context.node.inputs.map((_, i) => (i === 0 ? 'layout' : [])),
    };
  };

export const reshape = layoutOf((context, shape) => reshapeAxes(context.axes(0), shape));

/** Squeeze and Unsqueeze name the axes that go or come: nothing is left to sizes, also where several are 1. */
export const squeezing =
  (grows: boolean): Rule =>
  (context) => {
    const shape = context.outShape(0);
    const axes = context.axes(0);
    const given = context.inputCount > 1 ? context.ints(1) : intsAttribute(context.node, 'axes');
    const wide = Math.max(shape?.length ?? 0, axes.length);
    if (!shape || (!given && grows)) return reshape(context);
    const ones = axes.flatMap((axis, i) => (axisSize(axis) === 1 ? [i] : []));
    const chosen = new Set((given ?? ones).map((axis) => normalise(axis, wide)));
    const kept = Array.from({ length: wide }, (_, i) => i).filter((i) => !chosen.has(i));
    const out = grows ? otherAxes(shape).map((own, i) => axes[kept.indexOf(i)] ?? own) : kept.map((i) => axes[i] ?? []);
    if (kept.length !== (grows ? axes.length : shape.length)) return reshape(context);
    const map = axes.map((_, i) => (grows ? (kept[i] ?? -1) : kept.indexOf(i)));
    return { outputs: [out], maps: context.node.inputs.map((_, i) => (i === 0 ? map : [])) };
  };

export const transpose: Rule = (context) => {
  const axes = context.axes(0);
  const perm = intsAttribute(context.node, 'perm') ?? axes.map((_, i) => axes.length - 1 - i);
  const out = perm.map((from) => axes[from]);
  if (out.some((axis) => axis === undefined)) return nothing(context);
  const inverse = axes.map((_, from) => perm.indexOf(from));
  return { outputs: [out.filter((axis) => axis !== undefined)], maps: [inverse] };
};
