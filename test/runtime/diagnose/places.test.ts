/** Origin, spread and table say the same of where a node stands, also where only the whole model tells. */
import { describe, expect, it } from 'vitest';
import { rowOf } from '../../../src/app/render/notes';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel } from '../../support/diagnosing';
import { floats, model, node, value } from '../../unit/onnx/support';
import type { NodeInit } from '../../unit/onnx/support';

const dims = ['batch', 'seq', 2];
// Negative at position 1 of sample 0 only.
const x: TensorData = {
  dtype: 'float32',
  dims: [2, 3, 2],
  data: Float32Array.of(1, 1, -1, -1, 1, 1, 2, 2, 2, 2, 2, 2),
};

const made = (nodes: readonly NodeInit[]) =>
  model({
    name: 'places',
    input: [value('x', dims)],
    output: [value('y', dims)],
    initializer: [floats('weight', Float32Array.of(1, 0, 0, 1), [2, 2])],
    node: [...nodes],
  });
const named = (name: string, op: string, inputs: string[], output: string): NodeInit =>
  node(op, inputs, [output], { name });

describe('the place of an origin is that of its row', () => {
  it('T5: the layer_norm of a sublayer with cross-attention', async () => {
    const report = await diagnosedModel(
      made([
        named('/decoder/block.0/layer.0/SelfAttention/q/MatMul', 'MatMul', ['x', 'weight'], 's'),
        named('/decoder/block.0/layer.0/Add', 'Add', ['x', 's'], 'h'),
        named('/decoder/block.0/layer.1/layer_norm/Sqrt', 'Sqrt', ['h'], 'n'),
        named('/decoder/block.0/layer.1/EncDecAttention/q/MatMul', 'MatMul', ['n', 'weight'], 'c'),
        named('/decoder/block.0/layer.1/Add', 'Add', ['h', 'c'], 'y'),
      ]),
      { x },
    );
    expect(report.origins.map(({ layer, block, stage, positions }) => ({ layer, block, stage, positions }))).toEqual([
      { layer: 0, block: 'cross', stage: 'attn-norm', positions: ['1', ''] },
    ]);
    const [origin] = report.origins;
    expect(origin && rowOf(report.table, origin)?.label).toBe('decoder.block.0.layer.1.layer_norm');
  });

  it('nn.TransformerDecoderLayer: norm2 is the norm of the cross-attention', async () => {
    const report = await diagnosedModel(
      made([
        named('/decoder/layers.0/multihead_attn/MatMul', 'MatMul', ['x', 'weight'], 'c'),
        named('/decoder/layers.0/Add', 'Add', ['x', 'c'], 'h'),
        named('/decoder/layers.0/norm2/Sqrt', 'Sqrt', ['h'], 'n'),
        named('/decoder/layers.0/linear1/MatMul', 'MatMul', ['n', 'weight'], 'm'),
        named('/decoder/layers.0/Add_1', 'Add', ['n', 'm'], 'y'),
      ]),
      { x },
    );
    expect(report.origins.map(({ layer, block, stage }) => [layer, block, stage])).toEqual([[0, 'cross', 'attn-norm']]);
  });

  it('a node whose name says nothing has the place of the row that shows it', async () => {
    const report = await diagnosedModel(
      made([named('MatMul_0', 'MatMul', ['x', 'weight'], 'h'), named('Sqrt_1', 'Sqrt', ['h'], 'y')]),
      { x },
    );
    expect(report.table.map((row) => [row.node, row.stage])).toEqual([
      ['MatMul_0', 'other'],
      ['Sqrt_1', 'logits'],
    ]);
    expect(report.origins.map(({ node: at, stage }) => [at, stage])).toEqual([['Sqrt_1', 'logits']]);
  });
});
