/** Operators on images and frames: samples stay apart, what is behind them is laid out anew. */
import { intAttribute } from '../../graph';
import type { Rule } from '../rule';
import { normalise, nothing } from '../rule';
import type { Axis } from '../types';
import { axisSize, other, unknown } from '../types';

/** The first axis of every input that is as long as the output's is the sample. */
export const samplesApart: Rule = (context) => {
  const shape = context.outShape(0);
  const first = context.axes(0)[0];
  if (!shape || !first || axisSize(first) !== shape[0]) return nothing(context);
  return {
    outputs: [shape.map((size, i): Axis => (i === 0 ? first : [unknown(size)]))],
    maps: context.node.inputs.map((_, i) => {
      const axes = context.axes(i);
      const same = axes[0] !== undefined && axisSize(axes[0]) === shape[0];
      return axes.map((_axis, k) => (k === 0 && same ? 0 : -1));
    }),
  };
};

/** All places of a channel in one. */
export const globalPool: Rule = (context) => {
  const axes = context.axes(0);
  return {
    outputs: [axes.map((axis, i): Axis => (i < 2 ? axis : [other(1)]))],
    maps: [axes.map((_, i) => (i < 2 ? i : -1))],
  };
};

/** Over one axis; the real and the imaginary part come last. */
export const fourier: Rule = (context) => {
  const axes = context.axes(0);
  const shape = context.outShape(0);
  // Since opset 20 the axis is an input.
  const given = context.opset < 20 ? intAttribute(context.node, 'axis', 1) : (context.ints(2)?.[0] ?? null);
  if (!shape || shape.length !== axes.length || (given === null && context.inputCount > 2)) return nothing(context);
  const over = normalise(given ?? -2, axes.length);
  const mixed = (i: number): boolean => i === over || i === axes.length - 1;
  return {
    outputs: [axes.map((axis, i): Axis => (mixed(i) ? [other(shape[i] ?? 1)] : axis))],
    maps: context.node.inputs.map((_, i) => (i === 0 ? axes.map((_axis, k) => (mixed(k) ? -1 : k)) : [])),
  };
};

/** A number for each matrix. */
export const determinant: Rule = (context) => {
  const axes = context.axes(0);
  return { outputs: [axes.slice(0, -2)], maps: [axes.map((_, i) => (i < axes.length - 2 ? i : -1))] };
};
