/** Operators that hand on axes as they are, or none. */
import { intAttribute } from '../../graph';
import type { Rule } from '../rule';
import { identityMap, normalise, nothing } from '../rule';
import { other, otherAxes, unknownAxes } from '../types';

export const shapeOnly: Rule = (context) => {
  const shape = context.outShape(0);
  return { outputs: [shape ? otherAxes(shape) : null], maps: context.node.inputs.map(() => []) };
};

export const constant: Rule = (context) => {
  const shape = context.outShape(0);
  return { outputs: [shape ? otherAxes(shape) : null], maps: [] };
};

export const oneHot: Rule = (context) => {
  const indices = context.axes(0);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const axis = normalise(intAttribute(context.node, 'axis', -1), shape.length);
  const out = [...indices.slice(0, axis), [other(shape[axis] ?? 0)], ...indices.slice(axis)];
  return { outputs: [out], maps: [indices.map((_, i) => (i < axis ? i : i + 1)), [], []] };
};

export const sameAsFirst: Rule = (context) => {
  const axes = context.axes(0);
  return {
    outputs: context.node.outputs.map((_, i) => {
      const shape = context.outShape(i);
      return shape ? (shape.length === axes.length ? axes : unknownAxes(shape)) : null;
    }),
    maps: context.node.inputs.map((_, i) => (i === 0 ? identityMap(axes) : [])),
  };
};
