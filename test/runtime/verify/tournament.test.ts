/** The whole tournament on the real engine: verdicts, ranking, sets of fixes, references, and what is recommended. */
import { beforeAll, describe, expect, it } from 'vitest';
import { buildModel } from '../../../src/core/models/index';
import { decodeTensor, encodeTensor } from '../../../src/core/onnx/tensors';
import type { FixResult, Report } from '../../../src/core/report';
import { diagnosed, diagnosedModel, fixture } from '../../support/diagnosing';
import { halfFeeds, halved } from '../../../src/core/onnx/halve';
import { attentionModel, f32, featureModel, leftPadded, named } from '../../support/tinyAttention';

const find = (report: Report, id: string): FixResult => {
  const found = report.fixes?.find((one) => one.id === id);
  if (!found) throw new Error(`no fix ${id}`);
  return found;
};
const verdicts = (report: Report): Record<string, string> =>
  Object.fromEntries((report.fixes ?? []).map(({ id, verdict }) => [id, verdict]));

describe.each([
  ['kimi-k2-mini', { model: 'builtin:kimi-k2-mini' }],
  [
    'a PyTorch export',
    {
      model: fixture('a1_mla_leftpad_inf_add_op13.onnx'),
      inputsFile: fixture('a1_mla_leftpad_inf_add_op13.inputs.npz'),
    },
  ],
])('the measured table of fixes, on %s', (_, request) => {
  let report: Report;
  beforeAll(async () => {
    report = await diagnosed(request);
  });

  it('has the verdicts that were measured with PyTorch', () => {
    expect(verdicts(report)).toMatchObject({
      'unmask-rows': 'heals',
      'nan-to-num-softmax': 'heals',
      'finite-mask': 'heals',
      'zero-pad-attention-output': 'heals',
      'right-padding': 'heals',
      'no-padding': 'heals',
      'zero-pad-hidden': 'partial',
      'multiply-by-mask': 'fails',
      'nan-to-num-logits': 'hides',
      'drop-padding-mask': 'hides',
    });
    expect(find(report, 'zero-pad-hidden')).toMatchObject({ nanAfter: 30, realNanAfter: 0 });
    expect(find(report, 'multiply-by-mask')).toMatchObject({ nanAfter: 35, realNanAfter: 5 });
    for (const fix of report.fixes ?? [])
      if (fix.verdict === 'heals' || fix.verdict === 'partial') expect(fix.realMaxAbsDiff, fix.id).toBeLessThan(1e-4);
    for (const id of ['nan-to-num-logits', 'drop-padding-mask']) {
      expect(find(report, id)).toMatchObject({ nanAfter: 0, topTokenSame: false });
      expect(find(report, id).realMaxAbsDiff).toBeGreaterThan(1);
    }
  });

  it('ranks by verdict; traps stand last and are never recommended', () => {
    const order = ['heals', 'partial', 'unproven', 'hides', 'fails', 'declines'];
    const own = (report.fixes ?? []).filter(({ kind }) => kind !== 'trap').map(({ verdict }) => order.indexOf(verdict));
    expect(own).toEqual([...own].sort((a, b) => a - b));
    const kinds = (report.fixes ?? []).map(({ kind }) => kind === 'trap');
    expect(kinds.lastIndexOf(false)).toBeLessThan(kinds.indexOf(true));
    expect(find(report, report.recommendation?.fix ?? '')).toMatchObject({ kind: 'graph', verdict: 'heals' });
  });

  it('tells row by row where real tokens differ', () => {
    const tolerance = find(report, 'unmask-rows').tolerance ?? 0;
    const healed = find(report, 'unmask-rows').byRow ?? [];
    expect(healed.length).toBeGreaterThan(8);
    for (const { maxAbsDiff } of healed) expect(maxAbsDiff).toBeLessThanOrEqual(tolerance);
    // NaN of layer 0 reaches real tokens in layer 1 only, and what is put over it at the end mends nothing before.
    const hidden = find(report, 'nan-to-num-logits').byRow ?? [];
    const first = hidden.find(({ maxAbsDiff }) => typeof maxAbsDiff !== 'number' || maxAbsDiff > tolerance);
    expect(first).toMatchObject({ layer: 1, stage: 'attention', maxAbsDiff: 'NaN' });
  });
});

it('samples of equal lengths go together', async () => {
  const report = await diagnosed({
    model: 'builtin:kimi-k2-mini?layers=2',
    lengths: { lengths: [5, 3, 5, 0, 3, 9], pad: 'left', seed: 2 },
  });
  const fix = find(report, 'same-length-batches');
  expect(fix).toMatchObject({ kind: 'batch', verdict: 'heals', nanAfter: 0, topTokenSame: true });
  // The sample without any token is in none.
  expect(fix.batches?.map((own) => [...own].sort()).sort()).toEqual([[0, 2], [1, 4], [5]]);
  expect(fix.realMaxAbsDiff).toBeLessThan(1e-4);
});

describe('where no fix heals alone', () => {
  let report: Report;
  beforeAll(async () => {
    // NaN in the embedding of the id that padding holds, beside rows that are fully masked.
    const { proto } = buildModel('builtin:kimi-k2-mini?layers=2');
    const table = proto.graph?.initializer.find(({ name }) => name.includes('embed_tokens'));
    const value = table ? decodeTensor(table) : null;
    if (!table || !value) throw new Error('no embedding');
    const data = Float32Array.from(value.data as Float32Array).fill(NaN, 0, value.dims[1]);
    table.rawData = encodeTensor('', { ...value, data }).rawData;
    report = await diagnosedModel(proto, null, { lengths: { lengths: [3, 7], pad: 'left', seed: 1 } });
  });

  it('two together do, each planned on what the one before it left', () => {
    const singles = (report.fixes ?? []).filter(({ kind }) => kind === 'graph').map(({ verdict }) => verdict);
    expect(singles).not.toContain('heals');
    const set = report.fixes?.find(({ kind }) => kind === 'combination');
    expect(set).toMatchObject({ verdict: 'heals', nanAfter: 0, topTokenSame: true, reference: 'unpadded' });
    expect(set?.parts).toHaveLength(2);
    expect(report.recommendation).toMatchObject({ fix: set?.id });
  });
});

describe('references', () => {
  const rows = (value: number): Record<string, ReturnType<typeof f32>> => ({
    ...leftPadded(5),
    x: f32(
      [2, 5, 2],
      Array.from({ length: 20 }, (_, i) => value * (1 + (i % 5))),
    ),
  });
  const attention = attentionModel({
    nodes: [
      named('/layers.0/self_attn/Where', 'Where', ['isPad', 'minusInf', 'zero'], 'bias'),
      named('/layers.0/self_attn/Add', 'Add', ['scores', 'bias'], 'masked'),
    ],
  });

  it('scores beyond float16: the same in float32; attention in float32 is what heals', async () => {
    const report = await diagnosedModel(halved(attention), halfFeeds(rows(100)));
    expect(report.origins[0]?.mechanism).toBe('score-overflow');
    expect(find(report, 'fp32-attention')).toMatchObject({ verdict: 'heals', reference: 'high-precision' });
    expect(find(report, 'nan-to-num-logits')).toMatchObject({ verdict: 'hides', reference: 'high-precision' });
    expect(report.recommendation?.fix).toBe('fp32-attention');
  });

  it('scores beyond float32: the same in float64', async () => {
    const report = await diagnosedModel(attention, rows(1e20));
    expect(report.origins[0]?.mechanism).toBe('score-overflow');
    expect(find(report, 'nan-to-num-logits')).toMatchObject({ verdict: 'hides', reference: 'high-precision' });
  });

  it('lengths that the model fixes: the padded batch without its masked slots', async () => {
    const report = await diagnosed({
      model: fixture('b1_bert_one_empty_sample_op14.onnx'),
      inputsFile: fixture('b1_bert_one_empty_sample_op14.inputs.npz'),
    });
    expect(find(report, 'zero-masked-rows')).toMatchObject({ verdict: 'heals', reference: 'in-batch' });
    expect(find(report, 'drop-padding-mask')).toMatchObject({ verdict: 'hides', reference: 'in-batch' });
    expect(find(report, 'no-padding').reason).toMatch(/fixes .* to 14 positions/);
  });

  it('none where the model has no right number: a clamp is unproven, and the sentence says what to do', async () => {
    const report = await diagnosedModel(featureModel([named('/log', 'Log', ['x'], 'y')]), {
      x: f32([1, 3, 4], [1, 2, 3, 4, 5, -6, 7, 8, 9, 10, 11, 12]),
    });
    expect(find(report, 'clamp')).toMatchObject({ verdict: 'unproven', reference: 'none', realMaxAbsDiff: null });
    expect(report.recommendation).toMatchObject({ fix: null });
    expect(report.recommendation?.sentence).toMatch(/never had/);
  });

  it('a sample that is right alone is no proof for one that has no right number', async () => {
    // Sample 1 has the log of a negative number at a real token; sample 0 is right alone, and needs its mask.
    const model = attentionModel({
      before: [
        named('/log', 'Log', ['x'], 'l'),
        named('Q', 'Identity', ['l'], 'q'),
        named('K', 'Identity', ['l'], 'k'),
      ],
      nodes: [
        named('/layers.0/self_attn/Where', 'Where', ['isPad', 'lowest', 'zero'], 'bias'),
        named('/layers.0/self_attn/Add', 'Add', ['scores', 'bias'], 'masked'),
      ],
    });
    for (const { type } of model.graph?.input ?? []) {
      const shape = type?.value.case === 'tensorType' ? type.value.value.shape : undefined;
      if (shape?.dim[1]) shape.dim[1].value = { case: 'dimParam', value: 'sequence' };
    }
    const numbers = Array.from({ length: 20 }, (_, i) => (i === 13 ? -1 : 0.5 + 0.3 * i));
    const report = await diagnosedModel(model, { ...leftPadded(2), x: f32([2, 5, 2], numbers) });
    expect(report.origins[0]?.mechanism).toBe('log-of-negative');
    expect(find(report, 'clamp')).toMatchObject({ verdict: 'unproven', reference: 'none', realMaxAbsDiff: null });
    expect(find(report, 'drop-padding-mask').verdict).toBe('fails');
    expect(find(report, 'nan-to-num-logits')).toMatchObject({ verdict: 'unproven' });
    expect(find(report, 'no-padding').verdict).toBe('declines');
  });

  it('NaN that is fed: no fix, and where to mend it', async () => {
    const report = await diagnosedModel(featureModel([named('/relu', 'Relu', ['x'], 'y')]), {
      x: f32([1, 3, 4], [1, 2, 3, 4, 5, NaN, 7, 8, 9, 10, 11, 12]),
    });
    expect(report.recommendation?.fix).toBeNull();
    expect(report.recommendation?.sentence).toMatch(/mend what fills x/);
  });
});
