/** What holds of every built-in model, in every kind of attention. */
import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { bertMini } from '../../../src/core/models/bertMini';
import type { Definition } from '../../../src/core/models/definition';
import { gpt2Mini } from '../../../src/core/models/gpt2Mini';
import { buildModel, builtinModels, parseBuiltin, serializeModel } from '../../../src/core/models';
import { kimiK2Mini } from '../../../src/core/models/kimiK2Mini';
import { llamaMini } from '../../../src/core/models/llamaMini';
import { attentionKinds } from '../../../src/core/models/masks';
import { t5Mini } from '../../../src/core/models/t5Mini';

const graphOf = (uri: string) => buildModel(uri).proto.graph;
const ids = builtinModels.map(({ id }) => id);
const everyKind = ids.flatMap((id) => attentionKinds.map((kind) => [id, kind] as const));
const definitions: readonly Definition[] = [kimiK2Mini, llamaMini, gpt2Mini, bertMini, t5Mini];

it('the list holds every definition', () => {
  expect(ids).toEqual(definitions.map(({ id }) => id));
});

describe.each(everyKind)('%s, attention=%s', (id, kind) => {
  const uri = `builtin:${id}?layers=2&attention=${kind}`;
  const { proto } = buildModel(uri);
  const nodes = proto.graph?.node ?? [];

  it('names every node and every weight once, uses every initializer, and survives a round trip', () => {
    expect(new Set(nodes.map(({ name }) => name)).size).toBe(nodes.length);
    const names = proto.graph?.initializer.map(({ name }) => name) ?? [];
    expect(new Set(names).size).toBe(names.length);
    const used = new Set(nodes.flatMap(({ input }) => input));
    expect(names.filter((name) => !used.has(name))).toEqual([]);
    const bytes = serializeModel(proto);
    expect(Buffer.compare(serializeModel(fromBinary(ModelProtoSchema, bytes)), bytes)).toBe(0);
  });

  it('reads nothing before it was made, and every input', () => {
    const inputs = proto.graph?.input.map(({ name }) => name) ?? [];
    const made = new Set([...inputs, ...(proto.graph?.initializer.map(({ name }) => name) ?? [])]);
    for (const { name, input, output } of nodes) {
      for (const value of input) expect(made, `${name} reads ${value}`).toContain(value);
      for (const value of output) made.add(value);
    }
    const read = new Set(nodes.flatMap(({ input }) => input));
    expect(inputs.filter((name) => !read.has(name))).toEqual([]);
  });

  it('is of the opset that its attention needs, and attends once a sublayer', () => {
    const fused = kind === 'fused';
    expect(proto.opsetImport.map(({ version }) => Number(version))).toEqual([fused ? 23 : 17]);
    expect(Number(proto.irVersion)).toBe(fused ? 11 : 8);
    const count = (op: string): number => nodes.filter(({ opType }) => opType === op).length;
    const sublayers = id === 't5-mini' ? 6 : 2;
    expect([count('Softmax'), count('Attention')]).toEqual(fused ? [0, sublayers] : [sublayers, 0]);
    const low = kind === 'finfo-min' ? -3.4028234663852886e38 : -Infinity;
    const scalars = proto.graph?.initializer.filter(({ dims, dataType }) => dims.length === 0 && dataType === 1) ?? [];
    const values = scalars.map(({ rawData }) => Buffer.from(rawData).readFloatLE(0));
    // T5 adds its mask to the position bias before the operator takes both; the others hand it a boolean one.
    expect(values.filter((value) => value < -1e30)).toEqual(fused && id !== 't5-mini' ? [] : [low]);
  });
});

describe.each(ids)('%s', (id) => {
  it('keeps its weights when layers are added, but for those scaled by depth', () => {
    const first = (uri: string) =>
      new Map(graphOf(uri)?.initializer.map(({ name, rawData }) => [name, Buffer.from(rawData).toString('hex')]));
    const [small, large] = [first(`builtin:${id}?layers=1`), first(`builtin:${id}?layers=3`)];
    const changed = [...small].filter(([name, data]) => /weight$|bias$/.test(name) && large.get(name) !== data);
    const intoResidual = /(o_proj|down_proj|c_proj|output\.dense|\.o|\.wo)\.weight$/;
    expect(changed.filter(([name]) => !intoResidual.test(name)).map(([name]) => name)).toEqual([]);
    expect(changed.length).toBeGreaterThan(0);
  });

  it('has other weights for another seed, and the same graph', () => {
    const [one, two] = [1, 2].map((seed) => graphOf(`builtin:${id}?seed=${String(seed)}`));
    expect(two?.node).toEqual(one?.node);
    const same = one?.initializer.filter(
      ({ name, rawData }, i) =>
        /weight$|bias$/.test(name) && Buffer.compare(rawData, two?.initializer[i]?.rawData ?? Buffer.of()) === 0,
    );
    expect(same?.map(({ name }) => name)).toEqual([]);
  });

  it('counts its weights before it builds them', () => {
    const uri = `builtin:${id}?layers=3&hidden=48&heads=${id === 'kimi-k2-mini' ? '5&experts=3' : '6'}`;
    const weights = graphOf(uri)?.initializer.filter(({ name }) => /weight$|bias$/.test(name)) ?? [];
    const count = weights.reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * Number(b), 1), 0);
    const values = new Map(Object.entries(parseBuiltin(uri).options));
    expect(definitions.find((one) => one.id === id)?.parameters(values)).toBe(count);
  });
});

const sha256 = (uri: string): string =>
  createHash('sha256')
    .update(serializeModel(buildModel(uri).proto))
    .digest('hex');

describe('the same name gives the same bytes, on every machine', () => {
  // A change of these hashes changes every saved report and screenshot: make it knowingly.
  it('llama-mini', () => {
    expect(sha256('builtin:llama-mini')).toMatchInlineSnapshot(
      `"893b8cd623b0df1119ad5006513f6649bdc997fe6812bf015c22149feb544982"`,
    );
  });
  it('gpt2-mini', () => {
    expect(sha256('builtin:gpt2-mini')).toMatchInlineSnapshot(
      `"69df9fc842f79fbeab44330ec88f9f4ed57a5572d5a0f9f8021af530a463d06f"`,
    );
  });
  it('bert-mini', () => {
    expect(sha256('builtin:bert-mini')).toMatchInlineSnapshot(
      `"e41aeca55d2f14f9cbc2b06585b92e9cdc09a42f24df375aaa50db06e02d55bc"`,
    );
  });
  it('t5-mini', () => {
    expect(sha256('builtin:t5-mini')).toMatchInlineSnapshot(
      `"061438f62006c33e58bd10bc17ba9df5514677631d50c1779ca35bb91698df7a"`,
    );
  });
});

describe('nodes and weights are named as an exported model names them', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    [
      'llama-mini',
      [
        '/model/embed_tokens/Gather',
        '/model/rotary_emb/Cos',
        '/model/layers.0/input_layernorm/ReduceMean',
        '/model/layers.0/self_attn/k_proj/MatMul',
        '/model/layers.0/self_attn/Expand',
        '/model/layers.3/self_attn/Softmax',
        '/model/layers.3/mlp/act_fn/Sigmoid',
        '/model/layers.3/Add_1',
        '/model/norm/Mul_1',
        '/lm_head/MatMul',
      ],
      ['model.layers.0.self_attn.q_proj.weight', 'model.layers.3.mlp.gate_proj.weight', 'lm_head.weight'],
    ],
    [
      'gpt2-mini',
      [
        '/transformer/wte/Gather',
        '/transformer/wpe/Gather',
        '/transformer/h.0/ln_1/LayerNormalization',
        '/transformer/h.0/attn/c_attn/Gemm',
        '/transformer/h.0/attn/Split',
        '/transformer/h.3/attn/Softmax',
        '/transformer/h.3/attn/c_proj/Gemm',
        '/transformer/h.3/mlp/act/Tanh',
        '/transformer/h.3/Add_1',
        '/transformer/ln_f/LayerNormalization',
        '/lm_head/MatMul',
      ],
      ['transformer.wte.weight', 'transformer.h.0.attn.c_attn.weight', 'transformer.h.3.mlp.c_fc.bias'],
    ],
    [
      'bert-mini',
      [
        '/embeddings/word_embeddings/Gather',
        '/embeddings/token_type_embeddings/Gather',
        '/embeddings/LayerNorm/LayerNormalization',
        '/encoder/layer.0/attention/self/query/MatMul',
        '/encoder/layer.3/attention/self/Softmax',
        '/encoder/layer.3/attention/output/LayerNorm/LayerNormalization',
        '/encoder/layer.3/intermediate/intermediate_act_fn/Erf',
        '/encoder/layer.3/output/dense/MatMul',
        '/encoder/layer.3/output/LayerNorm/LayerNormalization',
        '/pooler/dense/Gemm',
        '/pooler/activation/Tanh',
      ],
      ['encoder.layer.0.attention.self.query.weight', 'embeddings.position_ids', 'pooler.dense.bias'],
    ],
    [
      't5-mini',
      [
        '/encoder/embed_tokens/Gather',
        '/encoder/block.0/layer.0/SelfAttention/relative_attention_bias/Gather',
        '/encoder/block.2/layer.0/SelfAttention/Softmax',
        '/encoder/block.2/layer.1/DenseReluDense/act/Relu',
        '/encoder/final_layer_norm/Mul_1',
        '/decoder/embed_tokens/Gather',
        '/decoder/block.2/layer.0/layer_norm/Mul_1',
        '/decoder/block.2/layer.1/EncDecAttention/Softmax',
        '/decoder/block.2/layer.2/DenseReluDense/wo/MatMul',
        '/decoder/final_layer_norm/Mul_1',
        '/lm_head/MatMul',
      ],
      [
        'shared.weight',
        'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight',
        'decoder.block.2.layer.1.EncDecAttention.q.weight',
      ],
    ],
  ])('%s', (id, nodes, weights) => {
    const graph = graphOf(`builtin:${id}`);
    expect(graph?.node.map(({ name }) => name)).toEqual(expect.arrayContaining([...nodes]));
    expect(graph?.initializer.map(({ name }) => name)).toEqual(expect.arrayContaining([...weights]));
  });

  it('T5 learns its position bias in the first block of each stack only', () => {
    const tables = graphOf('builtin:t5-mini')?.initializer.filter(({ name }) => name.includes('relative_attention'));
    expect(tables?.map(({ name }) => name.split('.').slice(0, 3).join('.'))).toEqual([
      'encoder.block.0',
      'decoder.block.0',
    ]);
  });
});
