import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { NanoscopeError } from '../../../src/core/errors';
import { buildModel, builtinModels, isBuiltin, parseBuiltin, serializeModel } from '../../../src/core/models';

const hash = (uri: string): string =>
  createHash('sha256')
    .update(serializeModel(buildModel(uri).proto))
    .digest('hex');

function failure(uri: string): NanoscopeError {
  try {
    parseBuiltin(uri);
  } catch (error) {
    if (error instanceof NanoscopeError) return error;
    throw error;
  }
  throw new Error(`${uri} was accepted`);
}

describe('the name of a built-in model', () => {
  it.each([
    ['builtin:kimi-k2-mini', 'builtin:kimi-k2-mini', 'Kimi K2 mini, 4 layers, eager-add'],
    ['builtin:kimi-k2-mini?', 'builtin:kimi-k2-mini', 'Kimi K2 mini, 4 layers, eager-add'],
    ['builtin:kimi-k2-mini?layers=4&seed=1', 'builtin:kimi-k2-mini', 'Kimi K2 mini, 4 layers, eager-add'],
    [
      'builtin:kimi-k2-mini?seed=2&attention=eager-where&layers=61',
      'builtin:kimi-k2-mini?layers=61&attention=eager-where&seed=2',
      'Kimi K2 mini, 61 layers, eager-where',
    ],
    ['builtin:kimi-k2-mini?layers=01', 'builtin:kimi-k2-mini?layers=1', 'Kimi K2 mini, 1 layer, eager-add'],
  ])('%s', (uri, normal, title) => {
    const parsed = parseBuiltin(uri);
    expect(parsed.uri).toBe(normal);
    expect(parsed.title).toBe(title);
    expect(parseBuiltin(normal)).toEqual(parsed);
  });

  it('gives every option, given or default', () => {
    expect(parseBuiltin('builtin:kimi-k2-mini?hidden=128&attention=finfo-min').options).toEqual({
      layers: 4,
      hidden: 128,
      heads: 4,
      experts: 8,
      attention: 'finfo-min',
      seed: 1,
    });
  });

  it('is told from a path', () => {
    expect(isBuiltin('builtin:kimi-k2-mini')).toBe(true);
    expect(isBuiltin('models/builtin:x.onnx')).toBe(false);
    expect(isBuiltin('kimi-k2-mini')).toBe(false);
  });

  it.each([
    ['builtin:kimi-k2-minni', /no built-in model "kimi-k2-minni"/, /Did you mean builtin:kimi-k2-mini\?/],
    ['builtin:', /no built-in model ""/, /Known models: builtin:kimi-k2-mini/],
    ['kimi.onnx', /not the name of a built-in model/, /builtin:kimi-k2-mini/],
    ['builtin:kimi-k2-mini?layer=3', /no option "layer"/, /Did you mean layers\?.*attention \(eager-add \| /],
    ['builtin:kimi-k2-mini?layers=62', /layers=62/, /layers=4 .*1–61/],
    ['builtin:kimi-k2-mini?layers=0', /layers=0/, /1–61/],
    ['builtin:kimi-k2-mini?layers=-1', /layers=-1/, /1–61/],
    ['builtin:kimi-k2-mini?layers=1e1', /layers=1e1/, /1–61/],
    ['builtin:kimi-k2-mini?layers=', /layers=/, /1–61/],
    ['builtin:kimi-k2-mini?layers', /layers=/, /1–61/],
    ['builtin:kimi-k2-mini?hidden=65', /hidden=65/, /multiple of 16/],
    ['builtin:kimi-k2-mini?attention=sdpa', /attention=sdpa/, /eager-add \| eager-where \| finfo-min/],
    ['builtin:kimi-k2-mini?seed=4294967296', /seed=4294967296/, /0–4294967295/],
    ['builtin:llama-mini?kvhead=1', /no option "kvhead"/, /Did you mean kvHeads\?.*kvHeads \(1–64\)/],
    ['builtin:t5-mini?experts=2', /builtin:t5-mini has no option "experts"/, /options are: layers \(1–61\), hidden/],
    [
      'builtin:llama-mini?heads=6&kvHeads=4',
      /kvHeads=4 and heads=6 .* kvHeads must divide heads/,
      /kvHeads=1, 2, 3, 6\./,
    ],
    ['builtin:llama-mini?heads=3', /kvHeads=2 and heads=3/, /kvHeads=1, 3\./],
    ['builtin:gpt2-mini?heads=3', /heads=3 and hidden=64 of builtin:gpt2-mini/, /heads=1, 2, 4, 8, 16, 32, 64\./],
    ['builtin:bert-mini?hidden=48&heads=5', /heads=5 and hidden=48 of builtin:bert-mini/, /heads=1, 2, 3, 4, 6/],
    [
      'builtin:gpt2-mini?layers=61&hidden=1024',
      /770 million weights/,
      /^Use fewer layers, or a smaller hidden size\.$/,
    ],
    ['builtin:kimi-k2-mini?seed=1&seed=2', /seed .* given twice/, /once/],
    ['builtin:kimi-k2-mini?hidden=1024&layers=61&experts=64', /million weights/, /fewer layers/],
  ])('%s is refused', (uri, message, hint) => {
    const error = failure(uri);
    expect(error.code).toBe('usage');
    expect(error.exitCode).toBe(2);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  it('lists its models with options and defaults that build', () => {
    for (const { id, options } of builtinModels) {
      const query = options.map((option) => `${option.name}=${String(option.default)}`).join('&');
      expect(parseBuiltin(`builtin:${id}?${query}`).uri).toBe(`builtin:${id}`);
    }
  });
});

describe('kimi-k2-mini', () => {
  it('has the same bytes for the same name, on every machine', () => {
    // A change of these hashes changes every saved report and screenshot: make it knowingly.
    expect(hash('builtin:kimi-k2-mini')).toMatchInlineSnapshot(
      `"2bb8b864cf6b92babd7bcb017990ce6b823e46f70d1f201ee8a838425d7faea4"`,
    );
    expect(hash('builtin:kimi-k2-mini?layers=4&attention=eager-add')).toBe(hash('builtin:kimi-k2-mini'));
  });

  it('has other bytes for another seed, and the same graph', () => {
    const [one, two] = [1, 2].map((seed) => buildModel(`builtin:kimi-k2-mini?seed=${String(seed)}`).proto.graph);
    expect(two?.node).toEqual(one?.node);
    const weights = (graph: typeof one) => graph?.initializer.filter((t) => t.name.endsWith('weight')) ?? [];
    weights(one).forEach((weight, i) => {
      expect(weights(two)[i]?.name).toBe(weight.name);
      expect(Buffer.compare(weights(two)[i]?.rawData ?? new Uint8Array(), weight.rawData), weight.name).not.toBe(0);
    });
  });

  it('keeps the embedding when layers are added: a weight depends on the seed and its own name', () => {
    const table = (uri: string) =>
      buildModel(uri).proto.graph?.initializer.find((t) => t.name === 'model.embed_tokens.weight')?.rawData;
    expect(table('builtin:kimi-k2-mini?layers=9')).toEqual(table('builtin:kimi-k2-mini'));
  });

  it('with 61 layers is under 40 MB', () => {
    const bytes = serializeModel(buildModel('builtin:kimi-k2-mini?layers=61').proto);
    expect(bytes.byteLength).toBeLessThan(40e6);
    expect(bytes.byteLength).toBeGreaterThan(10e6);
  });

  it('names nodes and weights as an exported model does', () => {
    const graph = buildModel('builtin:kimi-k2-mini?layers=2').proto.graph;
    const nodes = new Set(graph?.node.map((node) => node.name));
    for (const name of [
      '/model/embed_tokens/Gather',
      '/model/layers.0/input_layernorm/ReduceMean',
      '/model/layers.0/self_attn/q_a_proj/MatMul',
      '/model/layers.0/self_attn/kv_a_proj_with_mqa/MatMul',
      '/model/layers.0/self_attn/Softmax',
      '/model/layers.0/self_attn/o_proj/MatMul',
      '/model/layers.0/Add',
      '/model/layers.0/post_attention_layernorm/Mul_1',
      '/model/layers.0/mlp/down_proj/MatMul',
      '/model/layers.0/Add_1',
      '/model/layers.1/mlp/gate/TopK',
      '/model/layers.1/mlp/experts.3/up_proj/MatMul',
      '/model/layers.1/mlp/shared_experts/act_fn/Sigmoid',
      '/model/norm/Mul_1',
      '/lm_head/MatMul',
    ]) {
      expect(nodes).toContain(name);
    }
    expect(nodes.size).toBe(graph?.node.length);
    const weights = graph?.initializer.map((tensor) => tensor.name) ?? [];
    expect(new Set(weights).size).toBe(weights.length);
    expect(weights).toContain('model.layers.0.self_attn.q_a_proj.weight');
    expect(weights).toContain('model.layers.1.mlp.gate.e_score_correction_bias');
    expect(weights).not.toContain('model.layers.0.mlp.gate.weight');
  });

  it('uses every initializer, and survives a round trip', () => {
    const { proto } = buildModel('builtin:kimi-k2-mini?layers=2&attention=eager-where');
    const used = new Set(proto.graph?.node.flatMap((node) => node.input));
    expect(proto.graph?.initializer.filter((tensor) => !used.has(tensor.name)).map((t) => t.name)).toEqual([]);
    const bytes = serializeModel(proto);
    expect(Buffer.compare(serializeModel(fromBinary(ModelProtoSchema, bytes)), bytes)).toBe(0);
  });
});
