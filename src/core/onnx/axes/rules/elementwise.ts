/** Operators that work element by element, with broadcasting. */
import type { Rule } from '../rule';
import { broadcast, broadcastMap, nothing } from '../rule';
import { unknownAxes } from '../types';

export const elementwise: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const inputs = context.node.inputs.map((_, i) => context.axes(i));
  return {
    outputs: context.node.outputs.map((_, i) => {
      const own = context.outShape(i);
      return own ? (own.length === shape.length ? broadcast(inputs, own) : unknownAxes(own)) : null;
    }),
    maps: inputs.map((axes) => broadcastMap(axes.length, shape.length)),
  };
};
