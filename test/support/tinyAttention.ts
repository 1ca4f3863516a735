/** One attention layer over plain inputs, small enough to work out by hand; tests choose how scores are masked. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type { TensorData } from '../../src/core/tensor';
import { AttributeType, floats, model, node, value } from '../unit/onnx/support';
import type { AttributeInit, GraphInit, NodeInit, TensorInit, ValueInit } from '../unit/onnx/support';

export const f32 = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});
export const i64 = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});

export const scalar = (name: string, number: number): TensorInit => floats(name, Float32Array.of(number), []);
export const vector = (name: string, ...numbers: number[]): TensorInit => floats(name, Float32Array.from(numbers));
export const matrix = (name: string, dims: number[], ...numbers: number[]): TensorInit =>
  floats(name, Float32Array.from(numbers), dims);
export const ints = (name: string, numbers: readonly number[], dims = [numbers.length]): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: DataType.INT64,
  int64Data: numbers.map(BigInt),
});
export const int = (name: string, i: number): AttributeInit => ({ name, type: AttributeType.INT, i: BigInt(i) });
export const intList = (name: string, list: readonly number[]): AttributeInit => ({
  name,
  type: AttributeType.INTS,
  ints: list.map(BigInt),
});
export const float = (name: string, f: number): AttributeInit => ({ name, type: AttributeType.FLOAT, f });
export const named = (
  name: string,
  op: string,
  inputs: string[],
  output: string,
  ...attribute: AttributeInit[]
): NodeInit => node(op, inputs, [output], { name, attribute });

export const lowest = -3.4028234663852886e38;

/** `y = f(x)` with x [batch, seq, 4]; what a test of one operator needs. */
export function featureModel(
  nodes: readonly NodeInit[],
  initializer: readonly TensorInit[] = [],
  more: { readonly opset?: number; readonly inputs?: readonly ValueInit[]; readonly graph?: Partial<GraphInit> } = {},
): ModelProto {
  return model(
    {
      name: 'features',
      input: [value('x', ['batch', 'seq', 4]), ...(more.inputs ?? [])],
      output: [{ name: 'y' }],
      initializer: [...initializer],
      node: [...nodes],
      ...more.graph,
    },
    { opsetImport: [{ domain: '', version: BigInt(more.opset ?? 17) }] },
  );
}

/** Positions 0 … 4 of 5 as a stored causal mask: true where the key comes later than the query. */
const later = Array.from({ length: 25 }, (_, i) => (i % 5 > Math.floor(i / 5) ? 1 : 0));

export interface Masking {
  /** From `scores` [batch, 5, 5] to `masked`; may read `attention_mask` [batch, 5]. */
  readonly nodes: readonly NodeInit[];
  readonly initializer?: readonly TensorInit[];
  /** From `masked` to `p`; a Softmax node when absent. */
  readonly softmax?: readonly NodeInit[];
  /** From x to the operands `q` and `k`; x itself when absent. */
  readonly before?: readonly NodeInit[];
  readonly opset?: number;
}

/**
 * x [batch, 5, 2] → scores = q·kᵀ → masked → p → y = p·x. Values that `masking` may read: `later` [5, 5] bool,
 * `isPad` [batch, 1, 5] bool, `real` [batch, 1, 5] float, and the scalars `zero`, `one`, `minusInf`, `lowest`.
 */
export function attentionModel(masking: Masking): ModelProto {
  return model(
    {
      name: 'attention',
      input: [value('x', ['batch', 5, 2]), value('attention_mask', ['batch', 5], DataType.INT64)],
      output: [value('y', ['batch', 5, 2])],
      initializer: [
        { name: 'later', dims: [5n, 5n], dataType: DataType.BOOL, int32Data: later },
        scalar('zero', 0),
        scalar('one', 1),
        scalar('minusInf', -Infinity),
        scalar('lowest', lowest),
        ints('axis1', [1]),
        ...(masking.initializer ?? []),
      ],
      node: [
        ...(masking.before ?? [node('Identity', ['x'], ['q']), node('Identity', ['x'], ['k'])]),
        named('/layers.0/self_attn/Transpose', 'Transpose', ['k'], 'kt', intList('perm', [0, 2, 1])),
        named('/layers.0/self_attn/MatMul', 'MatMul', ['q', 'kt'], 'scores'),
        named('mask/Unsqueeze', 'Unsqueeze', ['attention_mask', 'axis1'], 'mask3'),
        named('mask/Cast', 'Cast', ['mask3'], 'realFlag', int('to', DataType.BOOL)),
        named('mask/Not', 'Not', ['realFlag'], 'isPad'),
        named('mask/Cast_1', 'Cast', ['realFlag'], 'real', int('to', DataType.FLOAT)),
        ...masking.nodes,
        ...(masking.softmax ?? [named('/layers.0/self_attn/Softmax', 'Softmax', ['masked'], 'p', int('axis', -1))]),
        named('/layers.0/self_attn/MatMul_1', 'MatMul', ['p', 'x'], 'y'),
      ],
    },
    { opsetImport: [{ domain: '', version: BigInt(masking.opset ?? 17) }] },
  );
}

/** Two samples of 5 positions, the first with `real` real ones at the end; features small and positive. */
export const leftPadded = (real: number, scale = 1): Record<string, TensorData> => ({
  x: f32(
    [2, 5, 2],
    Array.from({ length: 20 }, (_, i) => scale * (0.1 + 0.05 * i)),
  ),
  attention_mask: i64([2, 5], [...Array.from({ length: 5 }, (_, i) => (i < 5 - real ? 0 : 1)), 1, 1, 1, 1, 1]),
});
