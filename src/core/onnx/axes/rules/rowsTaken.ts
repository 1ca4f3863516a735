/** Rows cut out, laid end to end, repeated or slid over. */
import { intAttribute, intsAttribute, stringAttribute } from '../../graph';
import type { Rule, RuleResult } from '../rule';
import { broadcast, broadcastMap, identityMap, normalise, nothing } from '../rule';
import { joinAxes, pick } from '../rows';
import type { Axis, TensorAxes } from '../types';
import { axisLabelled, axisSize, mergeAxis, other, unknown } from '../types';

export const slice: Rule = (context) => {
  const shape = context.outShape(0);
  const inShape = context.shape(0);
  if (!shape || !inShape) return nothing(context);
  const axes = context.axes(0);
  const legacy = context.opset < 10;
  const starts = legacy ? intsAttribute(context.node, 'starts') : context.ints(1);
  const named = legacy ? intsAttribute(context.node, 'axes') : context.ints(3);
  const steps = legacy ? null : context.ints(4);
  const out = axes.map((axis, i): Axis => {
    const size = shape[i] ?? 0;
    const at = (named ?? starts?.map((_, k) => k) ?? []).findIndex((entry) => normalise(entry, axes.length) === i);
    const step = steps?.[at] ?? 1;
    if (size === inShape[i] && step > 0) return axis;
    if (!axisLabelled(axis)) return [axis[0]?.kind === 'unknown' ? unknown(size) : other(size)];
    const start = at === -1 ? undefined : starts?.[at];
    if (start === undefined) return [unknown(size)];
    const dim = inShape[i] ?? 0;
    const first =
      step > 0 ? Math.min(start < 0 ? start + dim : start, dim) : Math.min(start < 0 ? start + dim : start, dim - 1);
    return pick(
      axis,
      Array.from({ length: size }, (_, k) => Math.max(first, 0) + k * step),
    );
  });
  return { outputs: [out], maps: context.node.inputs.map((_, i) => (i === 0 ? identityMap(axes) : [])) };
};

export const split: Rule = (context) => {
  const axes = context.axes(0);
  const axis = normalise(intAttribute(context.node, 'axis', 0), axes.length);
  let offset = 0;
  const outputs = context.node.outputs.map((_, i): TensorAxes | null => {
    const shape = context.outShape(i);
    if (!shape) return null;
    const size = shape[axis] ?? 0;
    const begin = offset;
    offset += size;
    return axes.map((own, k) =>
      k === axis
        ? pick(
            own,
            Array.from({ length: size }, (_, row) => begin + row),
          )
        : own,
    );
  });
  return { outputs, maps: context.node.inputs.map((_, i) => (i === 0 ? identityMap(axes) : [])) };
};

export const concat: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const inputs = context.node.inputs.map((_, i) => context.axes(i));
  const axis = normalise(intAttribute(context.node, 'axis', 0), shape.length);
  const out = shape.map((size, place): Axis => {
    const own = inputs.map((axes) => axes[place]).filter((entry) => entry !== undefined);
    if (place !== axis) return own.reduce((best, next) => mergeAxis(best, next));
    return joinAxes(own) ?? [unknown(size)];
  });
  return { outputs: [out], maps: inputs.map((axes) => identityMap(axes)) };
};

export const expand: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const axes = context.axes(0);
  return {
    outputs: [broadcast([axes], shape)],
    maps: context.node.inputs.map((_, i) => (i === 0 ? broadcastMap(axes.length, shape.length) : [])),
  };
};

/** An axis that is laid once stays itself; a repeated one is not followed. */
export const tile: Rule = (context) => {
  const shape = context.outShape(0);
  const axes = context.axes(0);
  if (!shape || shape.length !== axes.length) return nothing(context);
  const same = axes.map((axis, i) => axisSize(axis) === shape[i]);
  return {
    outputs: [axes.map((axis, i) => (same[i] === true ? axis : [unknown(shape[i] ?? 1)]))],
    maps: [axes.map((_, i) => (same[i] === true ? i : -1)), []],
  };
};

/** Rows are cut off or put around; those from outside are nobody's. */
export const pad: Rule = (context) => {
  const shape = context.outShape(0);
  const axes = context.axes(0);
  const rank = axes.length;
  const pads = context.opset < 11 ? intsAttribute(context.node, 'pads') : context.ints(1);
  const named = context.opset < 18 ? null : context.ints(3);
  const mode = stringAttribute(context.node, 'mode') ?? 'constant';
  if (!shape || !pads) return nothing(context);
  const out = axes.map((axis, i): Axis => {
    const size = shape[i] ?? 0;
    const place = (named ?? axes.map((_, k) => k)).findIndex((entry) => normalise(entry, rank) === i);
    const before = place < 0 ? 0 : (pads[place] ?? 0);
    if (before === 0 && size === axisSize(axis)) return axis;
    if (!axisLabelled(axis)) return [axis[0]?.kind === 'unknown' ? unknown(size) : other(size)];
    if (mode !== 'constant') return [unknown(size)];
    return pick(
      axis,
      Array.from({ length: size }, (_, row) => (row >= before && row - before < axisSize(axis) ? row - before : -1)),
    );
  });
  return { outputs: [out], maps: context.node.inputs.map((_, i) => (i === 0 ? identityMap(axes) : [])) };
};

/** The positions of each sample in an order of its own. */
export const reversed: Rule = (context) => {
  const axes = context.axes(0);
  const time = intAttribute(context.node, 'time_axis', 0);
  return {
    outputs: [axes.map((axis, i) => (i === time ? [unknown(axisSize(axis))] : axis))],
    maps: [axes.map((_, i) => (i === time ? -1 : i)), []],
  };
};

const convOps = new Set(['Conv', 'FusedConv', 'ConvInteger', 'QLinearConv']);
const poolOps = new Set(['MaxPool', 'AveragePool', 'LpPool']);

/**
 * Samples stay apart and channels are new, those of a pool the same. Along one axis a convolution that steps by one and keeps the length
 * leaves every position where it is, mixed with its neighbours; any other makes positions of its own.
 */
export const convolution: Rule = (context) => {
  const shape = context.outShape(0);
  const axes = context.axes(0);
  const first = axes[0];
  if (!shape || !first) return nothing(context);
  const whole = (): RuleResult => ({
    outputs: [shape.map((size, i) => (i === 0 && axisSize(first) === size ? first : [unknown(size)]))],
    maps: context.node.inputs.map((_, i) => (i === 0 ? axes.map((_axis, k) => (k === 0 ? 0 : -1)) : [])),
  });
  const along = axes[2];
  const pools = poolOps.has(context.node.op);
  const kernel = (pools ? intsAttribute(context.node, 'kernel_shape')?.[0] : context.shape(1)?.[2]) ?? 1;
  const steps = intsAttribute(context.node, 'strides')?.[0] ?? 1;
  const auto = stringAttribute(context.node, 'auto_pad') ?? 'NOTSET';
  if (
    (!convOps.has(context.node.op) && !pools) ||
    !along ||
    axes.length !== 3 ||
    steps !== 1 ||
    shape[2] !== axisSize(along)
  )
    return whole();
  const reach = (kernel - 1) * (intsAttribute(context.node, 'dilations')?.[0] ?? 1);
  const before =
    auto === 'SAME_UPPER'
      ? Math.floor(reach / 2)
      : auto === 'SAME_LOWER'
        ? Math.ceil(reach / 2)
        : (intsAttribute(context.node, 'pads')?.[0] ?? 0);
  return {
    outputs: [[first, pools ? (axes[1] ?? [other(shape[1] ?? 1)]) : [other(shape[1] ?? 1)], along]],
    maps: context.node.inputs.map((_, i) => (i === 0 ? [0, pools ? 1 : -1, 2] : [])),
    band: { axis: 2, before, after: reach - before },
  };
};
