/**
 * Layers of transformer models as small functions on a `GraphBuilder`. Shapes in the comments: B batch,
 * S sequence, H hidden, N heads. Every function states its formula, so that a reference can be written from it.
 */
import type { GraphBuilder, Value } from './graphBuilder';

export const add = (g: GraphBuilder, a: Value, b: Value): Value => g.node('Add', [a, b]);
export const sub = (g: GraphBuilder, a: Value, b: Value): Value => g.node('Sub', [a, b]);
export const mul = (g: GraphBuilder, a: Value, b: Value): Value => g.node('Mul', [a, b]);
export const div = (g: GraphBuilder, a: Value, b: Value): Value => g.node('Div', [a, b]);
export const matmul = (g: GraphBuilder, a: Value, b: Value): Value => g.node('MatMul', [a, b]);
export const sigmoid = (g: GraphBuilder, x: Value): Value => g.node('Sigmoid', [x]);
export const transpose = (g: GraphBuilder, x: Value, perm: readonly number[]): Value =>
  g.node('Transpose', [x], { attributes: { perm } });
/** 0 keeps a dimension, −1 is what is left. */
export const reshape = (g: GraphBuilder, x: Value, ...shape: readonly number[]): Value =>
  g.node('Reshape', [x, g.ints(...shape)]);
export const unsqueeze = (g: GraphBuilder, x: Value, ...axes: readonly number[]): Value =>
  g.node('Unsqueeze', [x, g.ints(...axes)]);
/** Rows of a table, or one number of a shape. */
export const gatherAxis0 = (g: GraphBuilder, table: Value, indices: Value): Value =>
  g.node('Gather', [table, indices], { attributes: { axis: 0 } });
export const concat = (g: GraphBuilder, parts: readonly Value[], axis: number): Value =>
  g.node('Concat', parts, { attributes: { axis } });
export const softmax = (g: GraphBuilder, x: Value, axis = -1): Value =>
  g.node('Softmax', [x], { attributes: { axis } });
export const cast = (g: GraphBuilder, x: Value, to: 'float32' | 'bool' | 'int64'): Value =>
  g.node('Cast', [x], { attributes: { to: onnxTypeNumber[to] }, dtype: to });
const onnxTypeNumber = { float32: 1, int64: 7, bool: 9 } as const;

/** Splits the last axis into parts of the given sizes. */
export function splitLast(g: GraphBuilder, x: Value, sizes: readonly number[]): Value[] {
  return g.nodeWithOutputs(
    'Split',
    [x, g.ints(...sizes)],
    sizes.map(() => x.dtype),
    { axis: -1 },
  );
}

/** "To the end" of a slice, as in ONNX's own words: larger than the axis. */
const toTheEnd = Number.MAX_SAFE_INTEGER;

/** Every second element of the last axis, from `start`. */
function everySecond(g: GraphBuilder, x: Value, start: 0 | 1): Value {
  return g.node('Slice', [x, g.ints(start), g.ints(toTheEnd), g.ints(-1), g.ints(2)]);
}

/** Mean over the last axis, which stays with size 1. Opset 18 made the axes an input. */
function meanOfLast(g: GraphBuilder, x: Value): Value {
  return g.opset < 18
    ? g.node('ReduceMean', [x], { attributes: { axes: [-1], keepdims: 1 } })
    : g.node('ReduceMean', [x, g.ints(-1)], { attributes: { keepdims: 1 } });
}

/** x·W without bias; W is [inputs, outputs], so no transpose is needed. Weight: `<name>.weight`. */
export function linear(
  g: GraphBuilder,
  name: string,
  x: Value,
  shape: { readonly inputs: number; readonly outputs: number; readonly std: number },
  outputName?: string,
): Value {
  return g.inModule(name, () => {
    const weight = g.weight('weight', [shape.inputs, shape.outputs], shape.std);
    return g.node('MatMul', [x, weight], outputName === undefined ? {} : { outputName });
  });
}

/** x·W + b. Weights: `<name>.weight` [inputs, outputs], `<name>.bias`. */
export function linearWithBias(
  g: GraphBuilder,
  name: string,
  x: Value,
  { inputs, outputs, std }: { readonly inputs: number; readonly outputs: number; readonly std: number },
): Value {
  return g.inModule(name, () => {
    const product = g.node('MatMul', [x, g.weight('weight', [inputs, outputs], std)]);
    return add(g, g.weight('bias', [outputs], biasStd), product);
  });
}

/** Large enough that a forgotten bias shows in every comparison. */
export const biasStd = 0.1;

/** Rows of a [vocabulary, H] table. Weight: `<name>.weight`. */
export function embedding(
  g: GraphBuilder,
  name: string,
  ids: Value,
  shape: { readonly vocabulary: number; readonly width: number; readonly std: number },
): Value {
  return g.inModule(name, () => {
    const table = g.weight('weight', [shape.vocabulary, shape.width], shape.std);
    return gatherAxis0(g, table, ids);
  });
}

/** RMSNorm over the last axis: w · x / sqrt(mean(x²) + eps). Weight: `<name>.weight`, near 1. */
export function rmsNorm(g: GraphBuilder, name: string, x: Value, width: number, eps = 1e-6): Value {
  return g.inModule(name, () => {
    const weight = g.weight('weight', [width], 0.1, 1);
    const squares = g.node('Pow', [x, g.scalar(2)]);
    const mean = meanOfLast(g, squares);
    const root = g.node('Sqrt', [add(g, mean, g.scalar(eps))]);
    const normal = mul(g, x, div(g, g.scalar(1), root));
    return mul(g, weight, normal);
  });
}

/** LayerNorm over the last axis: w · (x − mean) / sqrt(variance + eps) + b. Weights: `<name>.weight`, `<name>.bias`. */
export function layerNorm(
  g: GraphBuilder,
  name: string,
  x: Value,
  width: number,
  eps: number,
  outputName?: string,
): Value {
  return g.inModule(name, () => {
    const weights = [g.weight('weight', [width], 0.1, 1), g.weight('bias', [width], biasStd)];
    const attributes = { axis: -1, epsilon: { float: eps } };
    return g.node('LayerNormalization', [x, ...weights], {
      attributes,
      ...(outputName === undefined ? {} : { outputName }),
    });
  });
}

/** GELU in its tanh form: x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))). */
export function geluTanh(g: GraphBuilder, x: Value): Value {
  const cubed = mul(g, g.node('Pow', [x, g.scalar(3)]), g.scalar(0.044715));
  const inner = mul(g, add(g, x, cubed), g.scalar(Math.sqrt(2 / Math.PI)));
  return mul(g, mul(g, x, g.scalar(0.5)), add(g, g.node('Tanh', [inner]), g.scalar(1)));
}

/** GELU itself: x/2 · (1 + erf(x / √2)). */
export function geluErf(g: GraphBuilder, x: Value): Value {
  const error = g.node('Erf', [div(g, x, g.scalar(Math.SQRT2))]);
  return mul(g, mul(g, x, add(g, error, g.scalar(1))), g.scalar(0.5));
}

/** SwiGLU: down(silu(gate(x)) · up(x)), silu(x) = x · sigmoid(x). */
export function swiGlu(
  g: GraphBuilder,
  x: Value,
  shape: { readonly hidden: number; readonly inner: number; readonly outStd: number },
): Value {
  const { hidden, inner } = shape;
  const into = { inputs: hidden, outputs: inner, std: 1 / Math.sqrt(hidden) };
  const gate = linear(g, 'gate_proj', x, into);
  const active = g.inModule('act_fn', () => mul(g, gate, sigmoid(g, gate)));
  const up = linear(g, 'up_proj', x, into);
  return linear(g, 'down_proj', mul(g, active, up), { inputs: inner, outputs: hidden, std: shape.outStd });
}

/** Cosines and sines of rotary positions, each [B, 1, S, width / 2]. */
export interface Rotary {
  readonly cos: Value;
  readonly sin: Value;
}

/**
 * Angles position · theta^(−2i / width) for i = 0 … width/2 − 1, `width` / 2 a power of two.
 * @param positions int64 [B, S]
 */
export function rotary(g: GraphBuilder, positions: Value, width: number, theta: number): Rotary {
  return g.inModule('rotary_emb', () => {
    const frequencies = g.fixedWeight('inv_freq', [1, 1, width / 2], inverseFrequencies(width, theta));
    const angles = mul(g, unsqueeze(g, cast(g, positions, 'float32'), 2), frequencies);
    const cos = unsqueeze(g, g.node('Cos', [angles]), 1);
    const sin = unsqueeze(g, g.node('Sin', [angles]), 1);
    return { cos, sin };
  });
}

/** By square roots and products only, which are the same bits everywhere; `Math.pow` is not. */
function inverseFrequencies(width: number, theta: number): number[] {
  const count = width / 2;
  let ratio = theta; // becomes theta^(1 / count)
  for (let n = count; n > 1; n /= 2) {
    if (!Number.isInteger(n)) {
      throw new Error('half of the rotary width must be a power of two');
    }
    ratio = Math.sqrt(ratio);
  }
  const values: number[] = [];
  for (let i = 0, power = 1; i < count; i++, power *= ratio) {
    values.push(1 / power);
  }
  return values;
}

/**
 * Rotates neighbouring pairs (x₂ᵢ, x₂ᵢ₊₁) of the last axis by the position's angle, as DeepSeek-V3 does, and
 * leaves first and second members in two halves: [x₀' x₂' … x₁' x₃' …]. Dot products of two tensors rotated so
 * are those of the interleaved form.
 * @param x [B, N, S, width]
 */
export function applyRotary(g: GraphBuilder, x: Value, { cos, sin }: Rotary): Value {
  const even = everySecond(g, x, 0);
  const odd = everySecond(g, x, 1);
  const first = sub(g, mul(g, even, cos), mul(g, odd, sin));
  const second = add(g, mul(g, odd, cos), mul(g, even, sin));
  return concat(g, [first, second], -1);
}

/** Cosines and sines of rotary positions for both halves of a head, each [B, 1, S, width]. */
export function rotaryHalves(g: GraphBuilder, positions: Value, width: number, theta: number): Rotary {
  return g.inModule('rotary_emb', () => {
    const frequencies = g.fixedWeight('inv_freq', [1, 1, width / 2], inverseFrequencies(width, theta));
    const angles = mul(g, unsqueeze(g, cast(g, positions, 'float32'), 2), frequencies);
    const both = concat(g, [angles, angles], -1);
    return { cos: unsqueeze(g, g.node('Cos', [both]), 1), sin: unsqueeze(g, g.node('Sin', [both]), 1) };
  });
}

/**
 * Rotates (xᵢ, xᵢ₊width/2) of the last axis by the position's angle, as Llama does: x · cos + [−x₂ x₁] · sin.
 * @param x [B, N, S, width]
 */
export function applyRotaryHalves(g: GraphBuilder, x: Value, width: number, { cos, sin }: Rotary): Value {
  const half = width / 2;
  const first = g.node('Slice', [x, g.ints(0), g.ints(half), g.ints(-1), g.ints(1)]);
  const second = g.node('Slice', [x, g.ints(half), g.ints(toTheEnd), g.ints(-1), g.ints(1)]);
  const turned = concat(g, [g.node('Neg', [second]), first], -1);
  return add(g, mul(g, x, cos), mul(g, turned, sin));
}
