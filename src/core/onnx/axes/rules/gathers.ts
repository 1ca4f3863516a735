/** Rows taken or put by number. */
import { intAttribute } from '../../graph';
import type { Rule } from '../rule';
import { identityMap, normalise, nothing } from '../rule';
import { pick } from '../rows';
import type { Axis, TensorAxes } from '../types';
import { axisLabelled, mergeAxis, unknown, unknownAxes } from '../types';

export const gather: Rule = (context) => {
  const data = context.axes(0);
  const indices = context.axes(1);
  const axis = normalise(intAttribute(context.node, 'axis', 0), data.length);
  const gathered = data[axis];
  if (!gathered) return nothing(context);
  const dim = context.shape(0)?.[axis] ?? 0;
  const values = context.ints(1)?.map((value) => (value < 0 ? value + dim : value));
  const tracked = axisLabelled(gathered);
  let middle: TensorAxes = indices;
  if (tracked && indices.length === 1)
    middle = [values ? pick(gathered, values) : [unknown(context.shape(1)?.[0] ?? 0)]];
  else if (tracked && indices.length > 1 && !indices.some(axisLabelled)) middle = unknownAxes(context.shape(1) ?? []);
  const dataMap = data.map((_, i) => {
    if (i < axis) return i;
    if (i > axis) return i + indices.length - 1;
    // The rows keep their numbers only where they were followed.
    return tracked && indices.length === 1 && values ? axis : -1;
  });
  return {
    outputs: [[...data.slice(0, axis), ...middle, ...data.slice(axis + 1)]],
    maps: [dataMap, indices.map((_, i) => axis + i)],
  };
};

export const gatherElements: Rule = (context) => {
  const data = context.axes(0);
  const indices = context.axes(1);
  const axis = normalise(intAttribute(context.node, 'axis', 0), data.length);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const out = shape.map((size, i): Axis => {
    const own = indices[i] ?? [unknown(size)];
    return i === axis ? own : mergeAxis(own, data[i] ?? own);
  });
  return { outputs: [out], maps: [data.map((_, i) => (i === axis ? -1 : i)), identityMap(indices)] };
};

export const gatherNd: Rule = (context) => {
  const data = context.axes(0);
  const indexShape = context.shape(1);
  const values = context.ints(1);
  const shape = context.outShape(0);
  const depth = indexShape?.at(-1);
  if (!shape || !indexShape || depth === undefined) return nothing(context);
  const paired = intAttribute(context.node, 'batch_dims', 0);
  if (paired > 0) {
    // The leading axes of data and indices go side by side; of what is behind them, `depth` axes are chosen from.
    const indices = context.axes(1);
    const lead = data.slice(0, paired).map((axis, i) => mergeAxis(axis, indices[i] ?? axis));
    const gone = paired + depth;
    const first = indices.length - 1;
    return {
      outputs: [[...lead, ...indices.slice(paired, -1), ...data.slice(gone)]],
      maps: [
        data.map((_, i) => (i < paired ? i : i < gone ? -1 : i - gone + first)),
        identityMap(indices.slice(0, -1)),
      ],
    };
  }
  if (!values || indexShape.length !== 2) return nothing(context);
  const lead = data.slice(0, depth).flat();
  const sizes = data.slice(0, depth).map((axis) => axis.reduce((product, factor) => product * factor.size, 1));
  const rows = Array.from({ length: indexShape[0] ?? 0 }, (_, row) =>
    sizes.reduce((flat, size, k) => flat * size + (values[row * depth + k] ?? 0), 0),
  );
  return {
    outputs: [[pick(lead, rows), ...data.slice(depth)]],
    maps: ['layout', []],
  };
};

/**
 * Output has the data's axes; updates land where an index says, so positions of updates are followed by label. Only
 * the axes behind the index stand side by side in data and updates: rows that happen to be as many as the data's lie
 * in an order of their own.
 */
export const scatter: Rule = (context) => {
  const data = context.axes(0);
  const updates = context.axes(2);
  const shape = context.outShape(0);
  const indices = context.shape(1);
  const depth = indices?.at(-1);
  if (!shape || !indices || depth === undefined) return nothing(context);
  const out = data.map((axis, i) => {
    const twin = i < depth ? undefined : updates[i - depth + indices.length - 1];
    return twin ? mergeAxis(axis, twin) : axis;
  });
  return { outputs: [out], maps: [identityMap(data), [], 'layout'] };
};

export const scatterElements: Rule = (context) => {
  const data = context.axes(0);
  const updates = context.axes(2);
  const axis = normalise(intAttribute(context.node, 'axis', 0), data.length);
  const out = data.map((own, i) => (i === axis ? own : mergeAxis(own, updates[i] ?? own)));
  const map = updates.map((_, i) => (i === axis ? -1 : i));
  return { outputs: [out], maps: [identityMap(data), map, map] };
};

/** `TensorScatter`: rows written into a cache, from a place on that is each sample's own. */
export const writeInto: Rule = (context) => {
  const cache = context.axes(0);
  const update = context.axes(1);
  const axis = normalise(intAttribute(context.node, 'axis', -2), cache.length);
  return {
    outputs: [cache.map((own, i) => (i === axis ? own : mergeAxis(own, update[i] ?? own)))],
    maps: [identityMap(cache), update.map((_, i) => (i === axis ? -1 : i)), []],
  };
};

/** Rows kept by a condition. */
export const compress: Rule = (context) => {
  const data = context.axes(0);
  const shape = context.outShape(0);
  const keep = context.ints(1);
  const axis = normalise(intAttribute(context.node, 'axis', data.length), data.length);
  if (!shape || shape.length !== data.length || axis >= data.length) return nothing(context);
  const rows = keep?.flatMap((own, i) => (own === 0 ? [] : [i]));
  return {
    outputs: [data.map((own, i) => (i !== axis ? own : rows ? pick(own, rows) : [unknown(shape[i] ?? 0)]))],
    maps: [data.map((_, i) => (i === axis && !rows ? -1 : i)), []],
  };
};
