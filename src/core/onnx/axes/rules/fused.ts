/** ONNX Runtime's own operators: plain ones with an activation, a transposition or quantised operands. */
import { attribute, intAttribute } from '../../graph';
import type { AxisMap, Rule, RuleResult } from '../rule';
import { identityMap, normalise, nothing } from '../rule';
import type { Axis, TensorAxes } from '../types';
import { axisLabelled, axisSize, other, unknown, unknownAxes } from '../types';
import { matmul } from './products';
import { layerNorm } from './reductions';

/** A rule for operands that stand in other slots; what stands between them (scales, zero points) is read as a whole. */
export const relayed =
  (slots: (count: number) => readonly number[], rule: Rule): Rule =>
  (context) => {
    const chosen = slots(context.inputCount);
    const at = (i: number): number => chosen[i] ?? -1;
    const result = rule({
      ...context,
      axes: (i) => context.axes(at(i)),
      shape: (i) => context.shape(at(i)),
      ints: (i) => context.ints(at(i)),
      inputCount: chosen.length,
      // `QLinearSoftmax` says whose version's axis it means.
      opset: intAttribute(context.node, 'opset', context.opset),
    });
    const maps = context.node.inputs.map((_, i) => result.maps[chosen.indexOf(i)] ?? null);
    return { ...result, maps };
  };

export const slots =
  (...fixed: readonly number[]) =>
  (): readonly number[] =>
    fixed;
/** Tensor, scale, zero point, and again. */
export const everyThird = (count: number): number[] =>
  Array.from({ length: Math.floor((count - 2) / 3) }, (_, i) => 2 + 3 * i);

/** The scale is taken from all elements: each of them is read for every element of the result. */
export const dynamicallyQuantised =
  (rule: Rule): Rule =>
  (context) => ({ outputs: rule(context).outputs, maps: context.node.inputs.map(() => null) });

/** Quantised tensor, its scale and its zero point. */
export const dynamicQuantize: Rule = (context) => ({
  outputs: context.node.outputs.map((_, i) => (i === 0 ? context.axes(0) : [])),
  maps: [null],
});

/** `FusedMatMul`, `TransposeMatMul`: operands whose last two axes may be swapped. */
export const fusedMatMul: Rule = (context) => {
  if (attribute(context.node, 'transBatchA')?.i || attribute(context.node, 'transBatchB')?.i) return nothing(context);
  const flips = [0, 1].map((i) => intAttribute(context.node, i === 0 ? 'transA' : 'transB', 0) !== 0);
  const swap = <T>(list: readonly T[], i: number): readonly T[] => {
    const [row, column] = list.slice(-2);
    if (flips[i] !== true || row === undefined || column === undefined) return list;
    return [...list.slice(0, -2), column, row];
  };
  const result = matmul({ ...context, axes: (i) => swap(context.axes(i), i) });
  const maps = result.maps.map((map, i): AxisMap | null => (map === null || map === 'layout' ? map : swap(map, i)));
  return { outputs: result.outputs, maps };
};

/** A product with packed weights: the last axis is new. */
export const packedProduct: Rule = (context) => {
  const shape = context.outShape(0);
  const axes = context.axes(0);
  if (!shape) return nothing(context);
  const out = shape.map((size, i): Axis => (i < shape.length - 1 ? (axes[i] ?? [unknown(size)]) : [other(size)]));
  return {
    outputs: [out],
    maps: context.node.inputs.map((_, i) => (i === 0 ? axes.map((_a, k) => (k < axes.length - 1 ? k : -1)) : [])),
  };
};

/** `GatedRMSNorm`: (input, scale, gate). */
export const gatedNorm: Rule = (context) => {
  const result = layerNorm(context);
  return { outputs: result.outputs, maps: [result.maps[0] ?? null, [], identityMap(context.axes(2))] };
};

/** `LinearAttentionGate`: decay and beta, element by element from inputs of one shape. */
export const attentionGate: Rule = (context) => ({
  outputs: context.node.outputs.map((_, o) => {
    const shape = context.outShape(o);
    const axes = context.axes(0);
    return shape ? (shape.length === axes.length ? axes : unknownAxes(shape)) : null;
  }),
  maps: context.node.inputs.map((_, i) => (i === 0 || i === 3 ? identityMap(context.axes(i)) : [])),
});

/** Each position reads those just before it, the first ones the state that is handed on from call to call. */
export const causalConvolution: Rule = (context): RuleResult => {
  const axes = context.axes(0);
  const [first] = axes;
  if (!first || axes.length !== 3) return nothing(context);
  const axis = intAttribute(context.node, 'channels_last', 0) === 0 ? 2 : 1;
  const kernel = context.shape(1)?.at(-1) ?? 1;
  const state = (shape: readonly number[]): TensorAxes =>
    shape.map((size, i) => (i === 0 && axisSize(first) === size ? first : [other(size)]));
  return {
    outputs: context.node.outputs.map((_, o) => {
      const shape = context.outShape(o);
      return o === 0 ? axes : shape ? state(shape) : null;
    }),
    maps: context.node.inputs.map((_, i) => (i === 0 ? identityMap(axes) : null)),
    band: { axis: normalise(axis, 3), before: (kernel - 1) * intAttribute(context.node, 'dilation', 1), after: 0 },
  };
};

/** Everything but the sample is new: caches and states that attention hands on. */
export const ofSample = (batch: Axis | undefined, shape: readonly number[], place: number): TensorAxes =>
  shape.map((size, i) =>
    i === place && batch && axisLabelled(batch) && axisSize(batch) === size ? batch : [unknown(size)],
  );
