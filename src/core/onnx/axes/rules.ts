/**
 * How each operator carries axes from its inputs to its outputs, and which axis of each input meets which axis of
 * the output. Sources: the ONNX operator specification and ONNX Runtime's contrib operators.
 */
import type { GraphNode } from '../graph';
import { intAttribute, intsAttribute, stringAttribute } from '../graph';
import { reshapeAxes } from './reshape';
import { joinAxes, pick } from './rows';
import type { Axis, TensorAxes } from './types';
import {
  asKey,
  axisLabelled,
  axisSize,
  mergeAxis,
  mergeOperands,
  other,
  otherAxes,
  positionPlace,
  unknown,
  unknownAxes,
  withoutKey,
} from './types';

/**
 * Where an input's axes go: a number per axis (−1 = consumed), or `layout` when the same elements come out in
 * another order or shape, so that a position stays that position.
 */
export type AxisMap = 'layout' | readonly number[];

export interface RuleResult {
  /** Axes of each output, null where not followed. */
  readonly outputs: readonly (TensorAxes | null)[];
  /** Per input, for the first output; null = every element may be read for every position. */
  readonly maps: readonly (AxisMap | null)[];
}

export interface RuleContext {
  readonly node: GraphNode;
  /** Axes of input `i`; all `unknown` when not yet known. */
  axes(i: number): TensorAxes;
  shape(i: number): readonly number[] | null;
  outShape(i: number): readonly number[] | null;
  /** Integer values of input `i` when constant or read from the run. */
  ints(i: number): readonly number[] | null;
  /** For a score product: which operand brings the keys, where a softmax tells; else null. */
  readonly keyOperand: number | null;
  readonly inputCount: number;
  readonly opset: number;
}

export type Rule = (context: RuleContext) => RuleResult;

const nothing = (context: RuleContext): RuleResult => ({
  outputs: context.node.outputs.map((_, i) => {
    const shape = context.outShape(i);
    return shape ? unknownAxes(shape) : null;
  }),
  maps: context.node.inputs.map(() => null),
});

const normalise = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Right-aligned broadcasting: input axis → output axis. */
const broadcastMap = (rank: number, outRank: number): number[] =>
  Array.from({ length: rank }, (_, axis) => axis + outRank - rank);

function broadcast(inputs: readonly TensorAxes[], shape: readonly number[]): TensorAxes {
  return shape.map((size, axis) => {
    let best: Axis | null = null;
    for (const axes of inputs) {
      const own = axes[axis - (shape.length - axes.length)];
      if (!own || own.reduce((product, factor) => product * factor.size, 1) !== size) continue;
      best = best ? mergeOperands(best, own) : own;
    }
    return best ?? [unknown(size)];
  });
}

/** Every operator that works element by element with broadcasting; also those of one input. */
const elementwise: Rule = (context) => {
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

const reshape = layoutOf((context, shape) => reshapeAxes(context.axes(0), shape));

/** Squeeze and Unsqueeze name the axes that go or come: nothing is left to sizes, also where several are 1. */
const squeezing =
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

const transpose: Rule = (context) => {
  const axes = context.axes(0);
  const perm = intsAttribute(context.node, 'perm') ?? axes.map((_, i) => axes.length - 1 - i);
  const out = perm.map((from) => axes[from]);
  if (out.some((axis) => axis === undefined)) return nothing(context);
  const inverse = axes.map((_, from) => perm.indexOf(from));
  return { outputs: [out.filter((axis) => axis !== undefined)], maps: [inverse] };
};

const matmul: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  return product(context, context.axes(0), context.axes(1), shape);
};

/** A[…, M, K] × B[…, K, N]; one-dimensional operands as NumPy's matmul has them. */
function product(context: RuleContext, a: TensorAxes, b: TensorAxes, shape: readonly number[]): RuleResult {
  const rank = shape.length;
  const hasM = a.length > 1;
  const hasN = b.length > 1;
  const batchRank = rank - (hasM ? 1 : 0) - (hasN ? 1 : 0);
  const aBatch = hasM ? a.slice(0, -2) : [];
  const bBatch = hasN ? b.slice(0, -2) : [];
  const out: Axis[] = [...broadcast([aBatch, bBatch], shape.slice(0, batchRank))];
  const m = hasM ? a.at(-2) : undefined;
  const n = hasN ? b.at(-1) : undefined;
  const swapped = context.keyOperand === 0 && m !== undefined && n !== undefined && axisLabelled(m) && axisLabelled(n);
  if (m) out.push(swapped ? asKey(m) : m);
  if (n) {
    const queryKnown = !swapped && positionPlace(out) !== null;
    out.push(queryKnown && axisLabelled(n) ? asKey(n) : n);
  }
  const mapOf = (axes: TensorAxes, batch: TensorAxes, own: 'm' | 'n'): number[] => {
    const map = broadcastMap(batch.length, batchRank);
    if (axes.length === 1) return [-1];
    return own === 'm' ? [...map, batchRank, -1] : [...map, -1, rank - 1];
  };
  const maps: (AxisMap | null)[] = context.node.inputs.map(() => null);
  maps[0] = mapOf(a, aBatch, 'm');
  maps[1] = mapOf(b, bBatch, 'n');
  return { outputs: [out], maps };
}

const gemm: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const flip = (axes: TensorAxes, name: string): TensorAxes =>
    intAttribute(context.node, name, 0) === 0 ? axes : [...axes].reverse();
  const result = product(context, flip(context.axes(0), 'transA'), flip(context.axes(1), 'transB'), shape);
  const maps = [...result.maps];
  for (const [i, name] of [
    [0, 'transA'],
    [1, 'transB'],
  ] as const) {
    const map = maps[i];
    if (map && map !== 'layout' && intAttribute(context.node, name, 0) !== 0) maps[i] = [...map].reverse();
  }
  if (context.inputCount > 2) maps[2] = broadcastMap(context.axes(2).length, shape.length);
  return { outputs: result.outputs, maps };
};

/** `...` replaced by letters that the equation does not use, right-aligned as broadcasting has them. */
function writtenOut(equation: string, context: RuleContext): string {
  if (!equation.includes('...')) return equation;
  const spare = 'ZYXWVUTSRQPONMLKJIHGFEDCBA'.split('').filter((letter) => !equation.includes(letter));
  const [left = '', right] = equation.split('->');
  if (right === undefined) return equation;
  let longest = 0;
  const terms = left.split(',').map((term, i) => {
    if (!term.includes('...')) return term;
    const length = context.axes(i).length - (term.length - 3);
    longest = Math.max(longest, length);
    return term.replace('...', spare.slice(0, Math.max(0, length)).reverse().join(''));
  });
  return `${terms.join(',')}->${right.replace('...', spare.slice(0, longest).reverse().join(''))}`;
}

const einsum: Rule = (context) => {
  const shape = context.outShape(0);
  const equation = stringAttribute(context.node, 'equation')?.replaceAll(' ', '');
  if (!shape || !equation) return nothing(context);
  const [left = '', given] = writtenOut(equation, context).split('->');
  if (left.includes('.') || given?.includes('.') === true) return nothing(context);
  const terms = left.split(',');
  const letters = terms.join('');
  const right =
    given ??
    [...new Set(letters)]
      .filter((letter) => letters.split(letter).length === 2)
      .sort()
      .join('');
  if (right.length !== shape.length || terms.length !== context.inputCount) return nothing(context);
  const out: Axis[] = [];
  let queryTerm = -1;
  for (const letter of right) {
    let best: Axis | null = null;
    let from = -1;
    for (const [term, own] of terms.entries()) {
      const axis = context.axes(term)[own.indexOf(letter)];
      if (!own.includes(letter) || !axis) continue;
      if (!best || (!axisLabelled(best) && axisLabelled(axis))) from = term;
      best = best ? mergeAxis(best, axis) : axis;
    }
    if (!best) return nothing(context);
    if (best.some((factor) => factor.kind === 'position')) {
      if (context.keyOperand !== null) best = from === context.keyOperand ? asKey(best) : withoutKey(best);
      else if (queryTerm === -1) queryTerm = from;
      // The second operand of a score product brings the keys, wherever its letter stands in the result.
      else if (from > queryTerm) best = asKey(best);
      else if (from < queryTerm) {
        for (const [i, axis] of out.entries()) out[i] = asKey(axis);
        queryTerm = from;
      }
    }
    out.push(best);
  }
  return { outputs: [out], maps: terms.map((term) => Array.from(term, (letter) => right.indexOf(letter))) };
};

const identityMap = (axes: TensorAxes): number[] => axes.map((_, axis) => axis);

const slice: Rule = (context) => {
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

const split: Rule = (context) => {
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

const concat: Rule = (context) => {
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

const expand: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const axes = context.axes(0);
  return {
    outputs: [broadcast([axes], shape)],
    maps: context.node.inputs.map((_, i) => (i === 0 ? broadcastMap(axes.length, shape.length) : [])),
  };
};

/** An axis that is laid once stays itself; a repeated one is not followed. */
const tile: Rule = (context) => {
  const shape = context.outShape(0);
  const axes = context.axes(0);
  if (!shape || shape.length !== axes.length) return nothing(context);
  const same = axes.map((axis, i) => axisSize(axis) === shape[i]);
  return {
    outputs: [axes.map((axis, i) => (same[i] === true ? axis : [unknown(shape[i] ?? 1)]))],
    maps: [axes.map((_, i) => (same[i] === true ? i : -1)), []],
  };
};

/** Samples stay apart; channels are new and places are mixed with their neighbours. */
const convolution: Rule = (context) => {
  const shape = context.outShape(0);
  const first = context.axes(0)[0];
  if (!shape || !first) return nothing(context);
  return {
    outputs: [shape.map((size, i) => (i === 0 && axisSize(first) === size ? first : [unknown(size)]))],
    maps: context.node.inputs.map((_, i) => (i === 0 ? context.axes(0).map((_axis, k) => (k === 0 ? 0 : -1)) : [])),
  };
};

const gather: Rule = (context) => {
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

const gatherElements: Rule = (context) => {
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

const gatherNd: Rule = (context) => {
  const data = context.axes(0);
  const indexShape = context.shape(1);
  const values = context.ints(1);
  const shape = context.outShape(0);
  const depth = indexShape?.at(-1);
  if (!shape || !indexShape || !values || depth === undefined || indexShape.length !== 2) return nothing(context);
  if (intAttribute(context.node, 'batch_dims', 0) !== 0) return nothing(context);
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

/** Output has the data's axes; updates land where an index says, so positions of updates are followed by label. */
const scatter: Rule = (context) => {
  const data = context.axes(0);
  const updates = context.axes(2);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const out = data.map((axis, i) => {
    const twin = updates[i];
    return twin && updates.length === data.length ? mergeAxis(axis, twin) : axis;
  });
  return { outputs: [out], maps: [identityMap(data), [], 'layout'] };
};

const scatterElements: Rule = (context) => {
  const result = scatter(context);
  const axis = normalise(intAttribute(context.node, 'axis', 0), context.axes(0).length);
  const map = context.axes(2).map((_, i) => (i === axis ? -1 : i));
  return { outputs: result.outputs, maps: [identityMap(context.axes(0)), map, map] };
};

const reduce: Rule = (context) => {
  const axes = context.axes(0);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const given = context.inputCount > 1 ? context.ints(1) : intsAttribute(context.node, 'axes');
  const reduced = new Set(
    (given && given.length > 0 ? given : axes.map((_, i) => i)).map((axis) => normalise(axis, axes.length)),
  );
  if (!given && context.inputCount > 1 && context.node.inputs[1] !== '') return nothing(context);
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

const argReduce: Rule = (context) => {
  const axes = context.axes(0);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  return reduceOver(context, axes, new Set([normalise(intAttribute(context.node, 'axis', 0), axes.length)]), shape);
};

const topK: Rule = (context) => {
  const axes = context.axes(0);
  const axis = normalise(intAttribute(context.node, 'axis', -1), axes.length);
  const outputs = context.node.outputs.map((_, i): TensorAxes | null => {
    const shape = context.outShape(i);
    return shape ? axes.map((own, k) => (k === axis ? [other(shape[k] ?? 0)] : own)) : null;
  });
  return { outputs, maps: [axes.map((_, i) => (i === axis ? -1 : i)), []] };
};

/** The axis that is normalised over mixes its elements; the others stay. */
const softmax: Rule = (context) => {
  const axes = context.axes(0);
  const legacy = context.opset < 13;
  const axis = normalise(intAttribute(context.node, 'axis', legacy ? 1 : -1), axes.length);
  const mixed = (i: number): boolean => (legacy ? i >= axis : i === axis);
  const over = axes[axis];
  const query = axes.some((own, i) => !mixed(i) && own.some((factor) => factor.kind === 'position'));
  const out = axes.map((own, i) => (i === axis && over && query ? asKey(own) : own));
  return { outputs: [out], maps: [axes.map((_, i) => (mixed(i) ? -1 : i))] };
};

const layerNorm: Rule = (context) => {
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
const skipNorm: Rule = (context) => {
  const result = layerNorm(context);
  const maps = [...result.maps];
  const first = maps[0] ?? null;
  if (context.inputCount > 1) maps[1] = first;
  return { outputs: result.outputs, maps };
};

/** Fused attention: the query's batch and position come out, everything else is read as a whole. */
const fusedAttention: Rule = (context) => {
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
const packedAttention: Rule = (context) => {
  const result = fusedAttention(context);
  return { outputs: result.outputs, maps: result.maps.map(() => null) };
};

const shapeOnly: Rule = (context) => {
  const shape = context.outShape(0);
  return { outputs: [shape ? otherAxes(shape) : null], maps: context.node.inputs.map(() => []) };
};

const constant: Rule = (context) => {
  const shape = context.outShape(0);
  return { outputs: [shape ? otherAxes(shape) : null], maps: [] };
};

const oneHot: Rule = (context) => {
  const indices = context.axes(0);
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const axis = normalise(intAttribute(context.node, 'axis', -1), shape.length);
  const out = [...indices.slice(0, axis), [other(shape[axis] ?? 0)], ...indices.slice(axis)];
  return { outputs: [out], maps: [indices.map((_, i) => (i < axis ? i : i + 1)), [], []] };
};

const sameAsFirst: Rule = (context) => {
  const axes = context.axes(0);
  return {
    outputs: context.node.outputs.map((_, i) => {
      const shape = context.outShape(i);
      return shape ? (shape.length === axes.length ? axes : unknownAxes(shape)) : null;
    }),
    maps: context.node.inputs.map((_, i) => (i === 0 ? identityMap(axes) : [])),
  };
};

const elementwiseOps =
  'Add Sub Mul Div Pow Mod Min Max Mean Sum And Or Xor Not Equal Greater GreaterOrEqual Less LessOrEqual Where ' +
  'Clip Relu Sigmoid HardSigmoid HardSwish Swish Mish Erf Tanh Sqrt Exp Log Neg Abs Reciprocal Cast CastLike Identity ' +
  'Dropout Gelu FastGelu QuickGelu BiasGelu Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh IsNaN IsInf ' +
  'Floor Ceil Round Sign Softplus Softsign LeakyRelu Elu Celu Selu ThresholdedRelu PRelu BitShift BitwiseAnd BitwiseOr ' +
  'BitwiseXor BitwiseNot QuantizeLinear DequantizeLinear Bernoulli';

const table: Record<string, Rule> = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: squeezing(false),
  Unsqueeze: squeezing(true),
  Transpose: transpose,
  MatMul: matmul,
  FusedMatMul: nothing,
  MatMulInteger: matmul,
  MatMulNBits: (context) => {
    const shape = context.outShape(0);
    const axes = context.axes(0);
    if (!shape) return nothing(context);
    const out = shape.map((size, i): Axis => (i < shape.length - 1 ? (axes[i] ?? [unknown(size)]) : [other(size)]));
    return {
      outputs: [out],
      maps: context.node.inputs.map((_, i) => (i === 0 ? axes.map((_a, k) => (k < axes.length - 1 ? k : -1)) : [])),
    };
  },
  Gemm: gemm,
  Einsum: einsum,
  Slice: slice,
  Split: split,
  Concat: concat,
  Expand: expand,
  Tile: tile,
  Conv: convolution,
  ConvTranspose: convolution,
  MaxPool: convolution,
  AveragePool: convolution,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterND: scatter,
  ScatterElements: scatterElements,
  ArgMax: argReduce,
  ArgMin: argReduce,
  TopK: topK,
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  LayerNormalization: layerNorm,
  RMSNormalization: layerNorm,
  SimplifiedLayerNormalization: layerNorm,
  SkipLayerNormalization: skipNorm,
  SkipSimplifiedLayerNormalization: skipNorm,
  CumSum: (context) => {
    const axes = context.axes(0);
    return {
      outputs: [axes],
      maps: [axes.map((axis, i) => (axisLabelled(axis) && i === (context.ints(1)?.[0] ?? -1) ? -1 : i)), []],
    };
  },
  Trilu: sameAsFirst,
  RotaryEmbedding: sameAsFirst,
  Attention: fusedAttention,
  'com.microsoft:Attention': packedAttention,
  'com.microsoft:MultiHeadAttention': fusedAttention,
  'com.microsoft:GroupQueryAttention': fusedAttention,
  Shape: shapeOnly,
  Size: shapeOnly,
  Constant: constant,
  OneHot: oneHot,
};
for (const op of elementwiseOps.split(' ')) table[op] = elementwise;
for (const op of 'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp'.split(
  ' ',
)) {
  table[op] = reduce;
}

export function ruleFor(node: GraphNode): Rule {
  return table[`${node.domain}:${node.op}`] ?? table[node.op] ?? nothing;
}

export const isElementwise = (node: GraphNode): boolean => table[node.op] === elementwise;
const orderKeepers = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);
export const keepsElementOrder = (node: GraphNode): boolean => orderKeepers.has(node.op);
