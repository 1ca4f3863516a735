/**
 * float16 as a GPU computes it: what is finite in the CPU engine's float32 is not in float16. Numbers are those of
 * public reports: OPT's masks (family B), T5's feed-forward (family E).
 */
import { readFile } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType as DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { markdownReport } from '../../../src/app/render/markdown';
import { buildModel } from '../../../src/core/models/index';
import { readNpz } from '../../../src/core/batch/npz';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel, fixture } from '../../support/diagnosing';
import { leftPaddedDecoder, verdictsOf } from '../../support/verdicts';
import { halfFeeds, halved } from '../../../src/core/onnx/halve';
import type { Masking } from '../../support/tinyAttention';
import {
  attentionModel,
  f32,
  featureModel,
  int,
  intList,
  leftPadded,
  named,
  scalar,
} from '../../support/tinyAttention';

const short = (list: readonly { node: string | null; mechanism: string; positions: readonly string[] | null }[]) =>
  list.map((item) => [item.node, item.mechanism, item.positions]);
const softmax = '/layers.0/self_attn/Softmax';
const noFixes = { fixes: false };

/** The same model and batch in float16. */
const inHalf = (model: ModelProto, feeds: Readonly<Record<string, TensorData>>, request = {}): Promise<Report> =>
  diagnosedModel(halved(model), halfFeeds(feeds), { ...noFixes, ...request });

describe('300 × 300 × 0.001', () => {
  const model = featureModel(
    [
      named('Square', 'Mul', ['x', 'x'], 'a'),
      named('Scale', 'Mul', ['a', 'c'], 'b'),
      named('Sub', 'Sub', ['b', 'b'], 'y'),
    ],
    [scalar('c', 0.001)],
  );
  const x = f32([1, 3, 4], [1, 2, 3, 4, 300, 2, 3, 4, 250, 251, 252, 253]);

  it('is infinite, and its difference from itself NaN; the plain CPU run has neither, and that is told', async () => {
    const report = await inHalf(model, { x });
    expect(short(report.origins)).toEqual([['Sub', 'inf-minus-inf', ['1']]]);
    expect(report.outputs[0]?.nanAt).toEqual(['1']);
    expect(report.observer).toEqual({
      outputsBitEqual: true,
      roundedTo: 'float16',
      userLevel: { level: 'all', sameNanPositions: false, maxAbsDiff: 0 },
    });
    expect(JSON.stringify(report.origins[0]?.evidence)).toContain('"values":["Infinity"]');
    const sentence = "ONNX Runtime's CPU kernels compute float16 in float32: a plain CPU run";
    expect(markdownReport(report)).toContain(sentence);
    expect(markdownReport(report)).toContain('NOT at the same positions');
    expect(report.notes.join()).toContain('rounded to float16 after its node');
    // What makes the engine round is nowhere in the report.
    expect(JSON.stringify(report)).not.toMatch(/nanoscope_half|fence|Unsqueeze/);
  });

  it('in float32 nothing is born, and nothing is said of float16', async () => {
    const report = await diagnosedModel(model, { x }, noFixes);
    expect(report.origins).toEqual([]);
    expect(report.observer).not.toHaveProperty('roundedTo');
    expect(report.notes).toEqual([]);
  });
});

/** All scores −32·s² (q·k), every key masked with the lowest float16. */
const opt = (score: number): [Masking, Record<string, TensorData>] => [
  {
    before: [named('Q', 'Neg', ['x'], 'q'), named('K', 'Identity', ['x'], 'k')],
    nodes: [
      named('Wide', 'Where', ['isPad', 'lowestHalf', 'zero'], 'bias'),
      named('/layers.0/self_attn/Add', 'Add', ['scores', 'bias'], 'masked'),
    ],
    initializer: [scalar('lowestHalf', -65504)],
  },
  {
    ...leftPadded(0),
    x: f32(
      [2, 5, 2],
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? Math.sqrt(score) : 0)),
    ),
  },
];

describe('B9, OPT: the lowest float16 plus a score', () => {
  it('of −16 is −inf: masks overflow in every row of the empty sample', async () => {
    const [masking, feeds] = opt(16);
    const report = await inHalf(attentionModel(masking), feeds);
    expect(short(report.origins)).toEqual([[softmax, 'mask-overflow', ['0-4', '']]]);
    expect(report.origins[0]?.evidence.overflow).toMatchObject({
      node: '/layers.0/self_attn/Add',
      dtype: 'float16',
      values: [-16, -65504],
      result: '-Infinity',
      lowest: -65504,
    });
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: false } });
  });

  it('looks alike: of −15.0 is rounded back to the lowest, and finite', async () => {
    const [masking, feeds] = opt(15);
    const report = await inHalf(attentionModel(masking), feeds);
    expect(report.origins).toEqual([]);
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: true } });
  });

  it('the same with the softmax in float32, as many exports have it', async () => {
    const [masking, feeds] = opt(16);
    const mixed = halved(
      attentionModel({
        ...masking,
        softmax: [
          named('Widen', 'Cast', ['masked'], 'wide', int('to', DataType.DOUBLE)),
          named(softmax, 'Softmax', ['wide'], 'wideP', int('axis', -1)),
          named('Narrow', 'Cast', ['wideP'], 'p', int('to', DataType.FLOAT)),
        ],
      }),
    );
    for (const node of mixed.graph?.node ?? [])
      for (const attribute of node.attribute) if (attribute.i === BigInt(DataType.DOUBLE)) attribute.i = 1n;
    const report = await diagnosedModel(mixed, halfFeeds(feeds), noFixes);
    expect(short(report.origins)).toEqual([[softmax, 'mask-overflow', ['0-4', '']]]);
    expect(report.table.find((row) => row.tensor === 'y')?.dtype).toBe('float16');
  });

  it('B11: the lowest float32 cast to float16 is −inf before any score is added', async () => {
    const [masking, feeds] = opt(1);
    const report = await inHalf(
      attentionModel({
        ...masking,
        nodes: [
          named('Wide', 'Where', ['isPad', 'lowest32', 'zero32'], 'bias32'),
          named('ToHalf', 'Cast', ['bias32'], 'bias', int('to', DataType.FLOAT)),
          named('/layers.0/self_attn/Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
        initializer: [
          // Doubles stay as they are when the model is halved.
          { name: 'lowest32', dims: [], dataType: DataType.DOUBLE, doubleData: [-3.4028234663852886e38] },
          { name: 'zero32', dims: [], dataType: DataType.DOUBLE, doubleData: [0] },
        ],
      }),
      feeds,
    );
    expect(short(report.origins)).toEqual([[softmax, 'mask-overflow', ['0-4', '']]]);
    expect(report.origins[0]?.evidence.overflow).toMatchObject({ node: 'ToHalf', dtype: 'float16' });
  });
});

/** T5's feed-forward and the norm behind it, which counts in float32: inf × 1/√inf = inf × 0. */
const t5 = featureModel(
  [
    named('/block.0/layer.1/DenseReluDense/wi/MatMul', 'MatMul', ['x', 'wi'], 'wide'),
    named('/block.0/layer.1/DenseReluDense/act/Relu', 'Relu', ['wide'], 'act'),
    named('/block.0/layer.1/DenseReluDense/wo/MatMul', 'MatMul', ['act', 'wo'], 'out'),
    named('/block.0/layer.1/Add', 'Add', ['x', 'out'], 'hidden'),
    named('/block.1/layer.0/layer_norm/Cast', 'Cast', ['hidden'], 'hidden32', int('to', DataType.DOUBLE)),
    named('/block.1/layer.0/layer_norm/Pow', 'Mul', ['hidden32', 'hidden32'], 'squares'),
    named('/block.1/layer.0/layer_norm/ReduceMean', 'ReduceMean', ['squares'], 'mean', intList('axes', [-1])),
    named('/block.1/layer.0/layer_norm/Sqrt', 'Sqrt', ['mean'], 'root'),
    named('/block.1/layer.0/layer_norm/Reciprocal', 'Reciprocal', ['root'], 'inverse'),
    named('/block.1/layer.0/layer_norm/Mul', 'Mul', ['hidden32', 'inverse'], 'normed32'),
    named('/block.1/layer.0/layer_norm/Cast_1', 'Cast', ['normed32'], 'y', int('to', DataType.FLOAT)),
  ],
  [
    { name: 'wi', dims: [4n, 4n], dataType: DataType.FLOAT, floatData: diagonal(61) },
    { name: 'wo', dims: [4n, 4n], dataType: DataType.FLOAT, floatData: diagonal(2) },
  ],
);

function diagonal(of: number): number[] {
  return Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? of : 0));
}

describe('E18, T5: 66246 is above 65504', () => {
  // 543 × 61 × 2 = 66246.
  const batch = (largest: number) => ({ x: f32([2, 2, 4], [1, 2, 3, 4, 5, largest, 7, 8, 1, 1, 1, 1, 2, 2, 2, 2]) });
  const inMixed = (x: Record<string, TensorData>) => {
    const model = halved(t5);
    for (const node of model.graph?.node ?? [])
      for (const attribute of node.attribute) if (attribute.i === BigInt(DataType.DOUBLE)) attribute.i = 1n;
    return diagnosedModel(model, halfFeeds(x), noFixes);
  };

  it('0 × inf in the next norm, at the very operands; clean on a plain CPU run', async () => {
    const report = await inMixed(batch(543));
    expect(short(report.origins)).toEqual([['/block.1/layer.0/layer_norm/Mul', 'zero-times-inf', ['1', '']]]);
    expect(JSON.stringify(report.origins[0]?.evidence)).toContain('Infinity');
    expect(report.outputs[0]?.nanAt).toEqual(['1', '']);
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: false } });
  });

  it('looks alike: 64660 is finite, and its margin is told', async () => {
    const report = await inMixed(batch(530));
    expect(report.origins).toEqual([]);
    expect(report.silent.map((finding) => finding.mechanism)).toEqual(['overflow-risk']);
    expect(report.silent[0]?.evidence).toMatchObject({ dtype: 'float16', limitOf: 'float16', limit: 65504 });
    expect(Number(report.silent[0]?.evidence.absMax)).toBeGreaterThan(65000);
  });
});

describe('PyTorch exports in float16', () => {
  interface Truth {
    readonly births: readonly string[];
    readonly positions: readonly string[];
    readonly mechanism: string | null;
    readonly output_nan_positions: readonly string[];
  }
  it.each([
    'a1_mla_leftpad_inf_add_op13',
    'a5_mla_rightpad_inf_add_op11',
    'b1_bert_one_empty_sample_op14',
    'c1_log_negative_ffn_op13',
    'c7_nan_weight_embedding_row_op13',
  ])('%s: born where the float32 model says', async (name) => {
    const truths = JSON.parse(await readFile(fixture('truth.json'), 'utf8')) as Record<string, Truth>;
    const truth = truths[name];
    const model = fromBinary(ModelProtoSchema, await readFile(fixture(`${name}.onnx`)));
    const feeds = readNpz(name, await readFile(fixture(`${name}.inputs.npz`)));
    const report = await inHalf(model, feeds, noFixes);
    expect(short(report.origins).slice(0, 1)).toEqual(
      truth?.births.slice(0, 1).map((node) => [node, truth.mechanism, truth.positions]),
    );
    expect(report.outputs[0]?.nanAt).toEqual(truth?.output_nan_positions);
    expect(report.observer).toMatchObject({ outputsBitEqual: true, roundedTo: 'float16' });
  });
});

describe('fixes of float16 models', () => {
  it.each(['llama-mini?layers=4', 'gpt2-mini?layers=4'])('%s: heal within the steps of float16', async (name) => {
    const model = halved(buildModel(`builtin:${name}`).proto);
    const lengths = { lengths: [5, 35], pad: 'left' as const, seed: 1 };
    const report = await diagnosedModel(model, null, { lengths });
    const { fixes, outputs } = report;
    expect(outputs[0]?.nanPositions).toEqual([35, 0]);
    expect(verdictsOf(report)).toEqual({
      ...leftPaddedDecoder,
      // What attention computes in float32 is still fully masked.
      fails: ['fp32-attention', 'multiply-by-mask'],
    });
    // Logits are a few units large: far below what a wrong answer differs by, which is units.
    for (const fix of fixes ?? []) expect(fix.tolerance).toBeLessThan(0.04);
  });
});
