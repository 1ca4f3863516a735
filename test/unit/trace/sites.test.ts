/** Which tensors stand for which rows, on small graphs whose rows are written down by hand. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { AxesOfGraph } from '../../../src/core/onnx/axes/infer';
import { Graph } from '../../../src/core/onnx/graph';
import { placesInTable, tableSites } from '../../../src/core/trace/sites';
import { axes as axesOf } from '../axes/support';
import { floats, model, node, value } from '../onnx/support';
import type { NodeInit } from '../onnx/support';

const dims = ['batch', 'seq', 4];

/** Every value is `[2 samples, 3 positions, 4 features]` but those named in `other`. */
function made(nodes: readonly NodeInit[], other: Readonly<Record<string, string>> = {}, outputs = ['y']) {
  const graph = new Graph(
    model({
      name: 'made',
      input: [value('x', dims), value('ids', ['batch', 'seq'], DataType.INT64)],
      output: outputs.map((name) => value(name, dims)),
      initializer: [floats('weight', new Float32Array(40), [10, 4])],
      node: [...nodes],
    }),
  );
  const axes: AxesOfGraph = {
    of: (name) => axesOf(other[name] ?? 'B2 P3 o4'),
    reads: () => 'same-position',
  };
  return { graph, sites: tableSites(graph, axes, (name) => name !== 'ids') };
}

const rowsOf = (sites: ReturnType<typeof tableSites>): string[] =>
  sites.map(
    ({ layer, block, stage, port, label, tensor }) =>
      `${String(layer ?? '-')} ${block ?? '-'} ${stage} ${port} ${label}: ${tensor}`,
  );

const named = (name: string, op: string, inputs: string[], outputs: string[]): NodeInit =>
  node(op, inputs, outputs, { name });

describe('rows', () => {
  it('what goes into a module and what comes out, before the residual', () => {
    const { sites } = made([
      named('/embed_tokens/Gather', 'Gather', ['weight', 'ids'], ['e']),
      named('/layers.0/input_layernorm/Mul', 'Mul', ['e', 'e'], ['n']),
      named('/layers.0/self_attn/q_proj/MatMul', 'MatMul', ['n', 'weight'], ['q']),
      named('/layers.0/self_attn/o_proj/MatMul', 'MatMul', ['q', 'weight'], ['o']),
      named('/layers.0/Add', 'Add', ['e', 'o'], ['r']),
      named('/layers.0/mlp/Relu', 'Relu', ['r'], ['m']),
      named('/layers.0/Add_1', 'Add', ['r', 'm'], ['l']),
      named('/norm/Mul', 'Mul', ['l', 'l'], ['f']),
      named('/lm_head/MatMul', 'MatMul', ['f', 'weight'], ['y']),
    ]);
    expect(rowsOf(sites)).toEqual([
      '- - embed out embed_tokens: e',
      '0 - attn-norm in layers.0.input_layernorm: e'.replace('0 -', '0 self'),
      '0 self attn-norm out layers.0.input_layernorm: n',
      '0 self attention in layers.0.self_attn: n',
      '0 self attention out layers.0.self_attn: o',
      '0 - mlp in layers.0.mlp: r',
      '0 - mlp out layers.0.mlp: m',
      '0 - layer in layers.0: e',
      '0 - layer out layers.0: l',
      '- - final-norm in norm: l',
      '- - final-norm out norm: f',
      '- - logits in lm_head: f',
      '- - logits out lm_head: y',
    ]);
  });

  it('attention that also hands on its probabilities is shown by its tokens', () => {
    const { sites } = made(
      [
        named('/layers.0/self_attn/Relu', 'Relu', ['x'], ['o']),
        named('/layers.0/self_attn/Softmax', 'Softmax', ['s'], ['p']),
        named('/layers.0/Add', 'Add', ['x', 'o'], ['y']),
      ],
      { s: 'B2 P3 K3', p: 'B2 P3 K3' },
      ['y', 'p'],
    );
    expect(rowsOf(sites)).toContain('0 self attention out layers.0.self_attn: o');
  });

  it('linear1 and linear2 make one row of the mlp', () => {
    const { sites } = made([
      named('/layers.0/linear1/MatMul', 'MatMul', ['x', 'weight'], ['a']),
      named('/layers.0/linear2/MatMul', 'MatMul', ['a', 'weight'], ['b']),
      named('/layers.0/Add', 'Add', ['x', 'b'], ['y']),
    ]);
    expect(rowsOf(sites).filter((row) => row.includes(' mlp '))).toEqual([
      '0 - mlp in layers.0.linear1: x',
      '0 - mlp out layers.0.linear2: b',
    ]);
  });

  it('an encoder and a decoder have rows of their own', () => {
    const { sites } = made([
      named('/encoder/layers.0/self_attn/Relu', 'Relu', ['x'], ['a']),
      named('/encoder/layers.0/Add', 'Add', ['x', 'a'], ['m']),
      named('/decoder/layers.0/self_attn/Relu', 'Relu', ['m'], ['b']),
      named('/decoder/layers.0/Add', 'Add', ['m', 'b'], ['y']),
    ]);
    expect(rowsOf(sites).filter((row) => row.includes('attention out'))).toEqual([
      '0 self attention out encoder.layers.0.self_attn: a',
      '0 self attention out decoder.layers.0.self_attn: b',
    ]);
  });

  it('nodes without names: the products and softmaxes, the embedding and the output', () => {
    const { sites } = made([
      named('', 'Gather', ['weight', 'ids'], ['e']),
      named('', 'MatMul', ['e', 'weight'], ['h']),
      named('', 'Relu', ['h'], ['r']),
      named('', 'Add', ['r', 'e'], ['y']),
    ]);
    expect(rowsOf(sites)).toEqual(['- - embed out e: e', '- - other out h: h', '- - logits out y: y']);
  });

  it('nodes without names: norms that add the residual themselves', () => {
    const { sites } = made([
      named('', 'Gather', ['weight', 'ids'], ['e']),
      named('', 'SkipLayerNormalization', ['e', 'x', 'weight'], ['l']),
      named('', 'SkipSimplifiedLayerNormalization', ['l', 'e', 'weight'], ['s']),
      named('', 'Relu', ['s'], ['y']),
    ]);
    expect(sites.map(({ tensor }) => tensor)).toEqual(['e', 'l', 's', 'y']);
  });

  it('values that cannot hold NaN have no row', () => {
    const { sites } = made([
      named('/layers.0/mlp/Cast', 'Cast', ['x'], ['ids2']),
      named('/layers.0/Add', 'Add', ['x', 'x'], ['y']),
    ]);
    expect(sites.every((site) => site.tensor !== 'ids')).toBe(true);
  });
});

describe('the place of a finding', () => {
  it('is that of the table: norms by what the sublayer holds, ends without names by their row', () => {
    const { graph, sites } = made([
      named('Gather_0', 'Gather', ['weight', 'ids'], ['e']),
      named('/block.0/layer.0/layer_norm/Sqrt', 'Sqrt', ['e'], ['n']),
      named('/block.0/layer.0/SelfAttention/Relu', 'Relu', ['n'], ['a']),
      named('/block.0/layer.0/Add', 'Add', ['e', 'a'], ['l']),
      named('Mul_9', 'Mul', ['l', 'l'], ['y']),
    ]);
    const placeOf = placesInTable(graph, sites);
    const at = (index: number, tensor: string) => {
      const owner = graph.nodes[index];
      if (!owner) throw new Error('no such node');
      return placeOf(owner, tensor);
    };
    expect(at(0, 'e')).toEqual({ layer: null, block: null, stage: 'embed' });
    expect(at(1, 'n')).toEqual({ layer: 0, block: 'self', stage: 'attn-norm' });
    expect(at(2, 'a')).toEqual({ layer: 0, block: 'self', stage: 'attention' });
    expect(at(3, 'l')).toEqual({ layer: 0, block: null, stage: 'layer' });
    expect(at(4, 'y')).toEqual({ layer: null, block: null, stage: 'logits' });
  });
});
