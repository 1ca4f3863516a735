/**
 * float16, rounded as a GPU does: scores and masks that leave its range, and fixes that bring them back. The fixed model
 * is diagnosed again, as a plain run of the CPU engine would count in float32 and show nothing.
 */
import type { ModelProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../../src/core/models';
import { engineLevels } from '../../../src/core/report';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { fixes, traps } from '../../../src/core/fix';
import { diagnosedModel } from '../../support/diagnosing';
import { bytesOf, fixNamed, patched, patientOf, run } from '../../support/fixing';
import { halfFeeds, halved } from '../../../src/core/onnx/halve';
import type { Masking } from '../../support/tinyAttention';
import { attentionModel, f32, int, leftPadded, named, scalar } from '../../support/tinyAttention';

/** All scores −16, every key of the first sample masked with the lowest float16. */
const masked: Masking = {
  before: [named('Q', 'Neg', ['x'], 'q'), named('K', 'Identity', ['x'], 'k')],
  nodes: [
    named('Wide', 'Where', ['isPad', 'lowestHalf', 'zero'], 'bias'),
    named('/layers.0/self_attn/Add', 'Add', ['scores', 'bias'], 'masked'),
  ],
  initializer: [scalar('lowestHalf', -65504)],
};
const rows = (value: number): TensorData =>
  f32(
    [2, 5, 2],
    Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? value : 0)),
  );
const empty = { ...leftPadded(0), x: rows(4) };

async function again(model: ModelProto, feeds: Readonly<Record<string, TensorData>>, id: string): Promise<Report> {
  const who = await patientOf(model, feeds);
  return diagnosedModel(patched(model, fixNamed(id).plan(who.context)), feeds, { fixes: false });
}

describe('masks of the lowest float16 overflow with a score', () => {
  const feeds = halfFeeds(empty);
  const softmaxInFloat32 = (): ModelProto => {
    // 11 is DOUBLE, which stays when a model is halved; 1 is FLOAT.
    const model = halved(
      attentionModel({
        ...masked,
        softmax: [
          named('Widen', 'Cast', ['masked'], 'wide', int('to', 11)),
          named('/layers.0/self_attn/Softmax', 'Softmax', ['wide'], 'wideP', int('axis', -1)),
          named('Narrow', 'Cast', ['wideP'], 'p', int('to', 1)),
        ],
      }),
    );
    for (const { attribute } of model.graph?.node ?? [])
      for (const entry of attribute) if (entry.i === 11n) entry.i = 1n;
    return model;
  };

  it.each([
    ['softmax in float16', (): ModelProto => halved(attentionModel(masked))],
    ['softmax in float32', softmaxInFloat32],
  ])('%s: nothing is born any more', async (_, make) => {
    const model = make();
    const before = await diagnosedModel(model, feeds, { fixes: false });
    expect(before.origins.map(({ mechanism }) => mechanism)).toEqual(['mask-overflow']);
    for (const id of ['fp32-attention', 'finite-mask', 'unmask-rows', 'zero-masked-rows', 'mask-with-where']) {
      const { origins, outputs } = await again(model, feeds, id);
      expect(origins, id).toEqual([]);
      expect(outputs[0]?.nanAt, id).toEqual(['', '']);
    }
  });
});

describe('scores leave float16', () => {
  const model = halved(attentionModel({ nodes: [named('W', 'Where', ['later', 'minusInf', 'scores'], 'masked')] }));
  const feeds = halfFeeds({ ...leftPadded(5), x: rows(300) });

  it('fp32-attention computes them; clamp keeps them finite', async () => {
    const before = await diagnosedModel(model, feeds, { fixes: false });
    expect(before.origins.map(({ mechanism }) => mechanism)).toEqual(['score-overflow']);
    for (const id of ['fp32-attention', 'clamp']) expect((await again(model, feeds, id)).origins, id).toEqual([]);
  });

  it('float32 models are told that they need none of it', async () => {
    const who = await patientOf(attentionModel(masked), { ...empty, x: rows(1e19) });
    expect(fixNamed('fp32-attention').plan({ ...who.context, origins: [{ ...origin, op: 'Softmax' }] })).toEqual({
      applies: false,
      reason: 'No attention of the model computes in float16.',
    });
  });
});

const origin = {
  tensor: 'p',
  node: '/layers.0/self_attn/Softmax',
  op: 'Softmax',
  layer: 0,
  block: null,
  stage: 'attention' as const,
  positions: null,
  evidence: {},
  explanation: '',
  mechanism: 'score-overflow' as const,
};

it.each(['kimi-k2-mini', 'bert-mini'])('%s in float16: every fix that applies loads at every level', async (id) => {
  const model = halved(buildModel(`builtin:${id}?layers=2`).proto);
  const who = await patientOf(model, null, { lengths: { lengths: [0, 3, 7], pad: 'left', seed: 1 } });
  let applied = 0;
  for (const fix of [...fixes, ...traps]) {
    const plan = fix.plan(who.context);
    if (!plan.applies) continue;
    applied += 1;
    const bytes = bytesOf(patched(model, plan));
    for (const level of engineLevels)
      expect(Object.keys(await run(bytes, who.inputs, level)), `${fix.id} at ${level}`).toEqual([
        ...who.context.graph.outputs,
      ]);
  }
  expect(applied).toBeGreaterThanOrEqual(12);
});
