/**
 * Models with a cache of keys and values whose past is not empty: new tokens stand behind the past, and roles, NaN and
 * the reference are counted over both.
 */
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import type { CacheLayout } from '../../support/cachedDecoder';
import { cachedDecoder, pastName, stepInputs, withNaNAt } from '../../support/cachedDecoder';
import { diagnosedModel } from '../../support/diagnosing';
import { bytesOf, fixNamed, patched, patientOf, run } from '../../support/fixing';
import { f32, i64 } from '../../support/tinyAttention';
import { verdictsOf } from '../../support/verdicts';

const told = ({ outputs }: Report) => outputs.map(({ name, nanAt, of }) => [name, nanAt, of]);
const born = ({ origins }: Report) => origins.map(({ tensor, mechanism, positions }) => [tensor, mechanism, positions]);
const crossed = ({ spread }: Report) => spread.map(({ node, mechanism, positions }) => [node, mechanism, positions]);
const rows = ({ table }: Report, sample: number) =>
  table.map(({ stage, port, samples }) => {
    const own = samples?.[sample];
    return [stage, port, own?.nanAt, own?.nan, own?.of, own?.padNan, own?.pad, own?.realNan, own?.real];
  });

const attention = '/model/layers.0/self_attn';
const value = `${pastName(0)}.value`;

describe.each<CacheLayout>(['heads-first', 'positions-first'])('a past of 3 and 2 new tokens, %s', (layout) => {
  const roles = ['pprrr', 'rrrrr'];
  const clean = stepInputs({ roles, tokens: 2, layout });

  it('follows NaN of a masked slot to the new tokens', async () => {
    const inputs = { ...clean, [value]: withNaNAt(clean[value], layout, 0, 0) };
    const report = await diagnosedModel(cachedDecoder({ layout }), inputs);
    expect(report.batch).toMatchObject({ samples: 2, positions: 5, roles, padding: ['left', 'none'] });
    expect(told(report)).toEqual([
      ['present.0.key', ['', ''], 5],
      ['present.0.value', ['0', ''], 5],
      ['logits', ['3-4', ''], 2],
    ]);
    expect(born(report)).toEqual([[value, 'nan-in-input', ['0', '']]]);
    expect(crossed(report)).toEqual([[`${attention}/MatMul_1`, 'zero-times-nan', ['3-4', '']]]);
    expect(report.spread[0]?.evidence).toMatchObject({
      nanPositionsRead: '0',
      ofThoseAllowedByTheMask: '',
      example: { sample: 0, position: 3 },
    });
    expect(rows(report, 0)).toEqual([
      // The past as it is fed, and as it is handed out with the new tokens.
      ['other', 'out', '0', 1, 3, 1, 2, 0, 1],
      ['embed', 'out', '', 0, 2, 0, 0, 0, 2],
      ['other', 'out', '0', 1, 5, 1, 2, 0, 3],
      ['attention', 'in', '', 0, 2, 0, 0, 0, 2],
      ['attention', 'out', '3-4', 2, 2, 0, 0, 2, 2],
      ['layer', 'in', '', 0, 2, 0, 0, 0, 2],
      ['layer', 'out', '3-4', 2, 2, 0, 0, 2, 2],
      ['logits', 'in', '3-4', 2, 2, 0, 0, 2, 2],
      ['logits', 'out', '3-4', 2, 2, 0, 0, 2, 2],
    ]);
    expect(verdictsOf(report)).toEqual({
      heals: ['no-padding', 'zero-pad-hidden'],
      // What is handed out for the next step still holds the NaN.
      partial: ['mask-with-where'],
      hides: ['nan-to-num-logits'],
      fails: ['drop-padding-mask', 'multiply-by-mask', 'zero-pad-attention-output'],
    });
    for (const { verdict, reference } of report.fixes ?? [])
      if (verdict !== 'declines') expect(reference).toBe('unpadded');
  });

  it('finds nothing in the same batch without NaN', async () => {
    const report = await diagnosedModel(cachedDecoder({ layout }), clean);
    expect(report.batch).toMatchObject({ positions: 5, roles });
    expect([born(report), crossed(report), report.silent]).toEqual([[], [], []]);
    expect(told(report)).toEqual([
      ['present.0.key', ['', ''], 5],
      ['present.0.value', ['', ''], 5],
      ['logits', ['', ''], 2],
    ]);
  });
});

describe('a row that may attend to what is NaN', () => {
  it('has read it: a real slot of the past', async () => {
    const clean = stepInputs({ roles: ['pprrr', 'rrrrr'], tokens: 2 });
    const report = await diagnosedModel(
      cachedDecoder(),
      { ...clean, [value]: withNaNAt(clean[value], 'heads-first', 0, 2) },
      { fixes: false },
    );
    expect(crossed(report)).toEqual([[`${attention}/MatMul_1`, 'contraction', ['3-4', '']]]);
  });

  it('meets the NaN of a masked key where −∞ is added', async () => {
    const clean = stepInputs({ roles: ['pprrr', 'rrrrr'], tokens: 2 });
    const key = `${pastName(0)}.key`;
    const report = await diagnosedModel(
      cachedDecoder({ mask: 'add' }),
      { ...clean, [key]: withNaNAt(clean[key], 'heads-first', 0, 1) },
      { fixes: false },
    );
    expect(crossed(report)).toEqual([[`${attention}/Add`, 'nan-plus-minus-inf', ['3-4', '']]]);
  });
});

/** What a step hands on is the past of the next. */
function next(present: Readonly<Record<string, { dims: readonly number[]; data: Float64Array }>>, layers: number) {
  return Object.fromEntries(
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
      ['key', 'value'].map((what): [string, TensorData] => {
        const own = present[`present.${String(layer)}.${what}`];
        if (!own) throw new Error('no present');
        return [`${pastName(layer)}.${what}`, f32(own.dims, Array.from(own.data))];
      }),
    ),
  );
}

const tokensOf = ({ input_ids: ids }: Readonly<Record<string, TensorData>>, sample: number): number[] => {
  const [, width = 0] = ids?.dims ?? [];
  return Array.from(ids?.data ?? [], Number).slice(sample * width, (sample + 1) * width);
};
const alone = (ids: readonly number[], total: number, past: Readonly<Record<string, TensorData>>) => ({
  input_ids: i64([1, ids.length], ids),
  attention_mask: i64(
    [1, total],
    Array.from({ length: total }, () => 1),
  ),
  ...past,
});
const empty = (layers: number): Record<string, TensorData> =>
  Object.fromEntries(
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
      ['key', 'value'].map((what) => [`${pastName(layer)}.${what}`, f32([1, 2, 0, 4], [])] as const),
    ),
  );

describe('a step after a left-padded prompt', () => {
  const model = cachedDecoder({ layers: 2 });
  const prompt = stepInputs({ roles: ['pprr', 'rrrr'], tokens: 4, layers: 2 });

  it('is as before where the past is empty', async () => {
    const report = await diagnosedModel(model, prompt, { fixes: false });
    expect(report.batch).toMatchObject({ positions: 4, roles: ['pprr', 'rrrr'] });
    expect(told(report)).toEqual([
      ['present.0.key', ['', ''], 4],
      ['present.0.value', ['', ''], 4],
      ['present.1.key', ['0-1', ''], 4],
      ['present.1.value', ['0-1', ''], 4],
      ['logits', ['0-3', ''], 4],
    ]);
    expect(born(report)).toEqual(
      [0, 1].map((layer) => [
        `/model/layers.${String(layer)}/self_attn/Softmax_output_0`,
        'fully-masked-row',
        ['0-1', ''],
      ]),
    );
    expect(crossed(report)).toEqual([['/model/layers.1/self_attn/MatMul_1', 'zero-times-nan', ['2-3', '']]]);
  });

  it('finds the NaN that the prompt left in the cache', async () => {
    const first = await run(bytesOf(model), prompt);
    const second = { ...stepInputs({ roles: ['pprrr', 'rrrrr'], tokens: 1, layers: 2 }), ...next(first, 2) };
    const report = await diagnosedModel(model, second);
    expect(report.batch).toMatchObject({ positions: 5, roles: ['pprrr', 'rrrrr'] });
    expect(told(report)).toEqual([
      ['present.0.key', ['', ''], 5],
      ['present.0.value', ['', ''], 5],
      ['present.1.key', ['0-1', ''], 5],
      ['present.1.value', ['0-1', ''], 5],
      ['logits', ['4', ''], 1],
    ]);
    expect(born(report)).toEqual([
      // The leading one is what reaches the logits.
      [`${pastName(1)}.value`, 'nan-in-input', ['0-1', '']],
      [`${pastName(1)}.key`, 'nan-in-input', ['0-1', '']],
    ]);
    expect(crossed(report)).toEqual([['/model/layers.1/self_attn/MatMul_1', 'zero-times-nan', ['4', '']]]);
    const verdicts = verdictsOf(report);
    expect(verdicts).toMatchObject({ heals: ['no-padding', 'zero-pad-hidden'], partial: ['mask-with-where'] });
    const healing = report.fixes?.find(({ id }) => id === 'zero-pad-hidden');
    expect(healing).toMatchObject({ reference: 'unpadded', nanAfter: 0, realNanAfter: 0, topTokenSame: true });
    // The same without any padding from the first step on.
    const { context } = await patientOf(model, second);
    const healed = await run(bytesOf(patched(model, fixNamed('zero-pad-hidden').plan(context))), second);
    const [two, one] = [tokensOf(prompt, 0).slice(2), tokensOf(second, 0)];
    const before = await run(bytesOf(model), alone(two, 2, empty(2)));
    const after = await run(bytesOf(model), alone(one, 3, next(before, 2)));
    const difference = Array.from(after.logits?.data ?? [NaN], (number, i) =>
      Math.abs(number - (healed.logits?.data[i] ?? NaN)),
    );
    expect(Math.max(...difference)).toBeLessThan(1e-5);
  });
});

describe('other batches', () => {
  const nan = (inputs: Record<string, TensorData>, sample: number, position: number, name = value) => ({
    ...inputs,
    [name]: withNaNAt(inputs[name], 'heads-first', sample, position),
  });

  it('as many new tokens as there are in the past', async () => {
    const inputs = nan(stepInputs({ roles: ['prrr', 'rrrr'], tokens: 2 }), 0, 0);
    const report = await diagnosedModel(cachedDecoder(), inputs);
    expect(told(report).at(-1)).toEqual(['logits', ['2-3', ''], 2]);
    expect(crossed(report)).toEqual([[`${attention}/MatMul_1`, 'zero-times-nan', ['2-3', '']]]);
    expect(verdictsOf(report).heals).toEqual(['no-padding', 'zero-pad-hidden']);
  });

  it('one sample, one token, one position in the past', async () => {
    const report = await diagnosedModel(cachedDecoder(), nan(stepInputs({ roles: ['pr'], tokens: 1 }), 0, 0));
    expect(report.batch).toMatchObject({ positions: 2, roles: ['pr'] });
    expect(told(report)).toEqual([
      ['present.0.key', [''], 2],
      ['present.0.value', ['0'], 2],
      ['logits', ['1'], 1],
    ]);
    expect(crossed(report)).toEqual([[`${attention}/MatMul_1`, 'zero-times-nan', ['1']]]);
    expect(verdictsOf(report).heals).toEqual(['no-padding', 'zero-pad-hidden']);
  });

  it('padding among the new tokens is a row without any key', async () => {
    const inputs = stepInputs({ roles: ['pppr', 'rrrr'], tokens: 2 });
    const report = await diagnosedModel(cachedDecoder(), inputs);
    expect(born(report)).toEqual([[`${attention}/Softmax_output_0`, 'fully-masked-row', ['2', '']]]);
    expect(report.origins[0]?.evidence).toMatchObject({ row: { sample: 0, position: 2, keys: 4, negInf: 4 } });
    expect(told(report).at(-1)).toEqual(['logits', ['2', ''], 2]);
    const verdicts = verdictsOf(report);
    expect(verdicts.heals).toEqual(expect.arrayContaining(['no-padding', 'unmask-rows', 'zero-masked-rows']));
    expect(verdicts.heals).toContain('zero-pad-attention-output');
  });

  it('inputs whose names say nothing of a cache', async () => {
    const past = (layer: number): string => `state_${String(layer)}`;
    const { [`${pastName(0)}.key`]: key, [value]: own, ...rest } = stepInputs({ roles: ['pprrr', 'rrrrr'], tokens: 2 });
    if (!key || !own) throw new Error('no past');
    const inputs = nan({ ...rest, 'state_0.key': key, 'state_0.value': own }, 0, 0, 'state_0.value');
    const report = await diagnosedModel(cachedDecoder({ past }), inputs, { fixes: false });
    expect(born(report)).toEqual([['state_0.value', 'nan-in-input', ['0', '']]]);
    expect(crossed(report)).toEqual([[`${attention}/MatMul_1`, 'zero-times-nan', ['3-4', '']]]);
  });

  it('a mask of the new tokens alone: the past is real', async () => {
    const all = nan(stepInputs({ roles: ['rrrpr', 'rrrrr'], tokens: 2 }), 0, 2);
    const inputs = { ...all, attention_mask: i64([2, 2], [0, 1, 1, 1]) };
    const report = await diagnosedModel(cachedDecoder({ maskOf: 'new' }), inputs);
    expect(report.batch).toMatchObject({ positions: 5, roles: ['rrrpr', 'rrrrr'] });
    expect(told(report).at(-1)).toEqual(['logits', ['3-4', ''], 2]);
    expect(crossed(report)).toEqual([[`${attention}/MatMul_1`, 'contraction', ['3-4', '']]]);
  });

  it('lengths that the graph fixes: the reference is the batch without its masked slots', async () => {
    const inputs = nan(stepInputs({ roles: ['pprrr', 'rrrrr'], tokens: 2 }), 0, 0);
    const report = await diagnosedModel(cachedDecoder({ fixed: { past: 3, tokens: 2 } }), inputs);
    const own = report.fixes?.find(({ id }) => id === 'zero-pad-hidden');
    expect(own).toMatchObject({ verdict: 'heals', reference: 'in-batch' });
    const declined = report.fixes?.find(({ id }) => id === 'no-padding');
    expect(declined).toMatchObject({ verdict: 'declines' });
    expect(declined?.reason).toContain('positions, so a sample without its padding does not fit');
  });

  it('says why padding cannot go to the right', async () => {
    const report = await diagnosedModel(cachedDecoder(), nan(stepInputs({ roles: ['prr', 'rrr'], tokens: 1 }), 0, 0));
    expect(report.fixes?.find(({ id }) => id === 'right-padding')?.reason).toContain('cache');
  });
});

describe('attention as one operator with a past', () => {
  const clean = stepInputs({ roles: ['pprrr', 'rrrrr'], tokens: 2 });
  const node = `${attention}/Attention`;

  it('hands the past on in its place, and new tokens stand behind it', async () => {
    const inputs = { ...clean, [value]: withNaNAt(clean[value], 'heads-first', 0, 0) };
    const report = await diagnosedModel(cachedDecoder({ fused: true }), inputs);
    expect(report.batch).toMatchObject({ positions: 5, roles: ['pprrr', 'rrrrr'] });
    expect(told(report)).toEqual([
      ['present.0.key', ['', ''], 5],
      ['present.0.value', ['0', ''], 5],
      ['logits', ['3-4', ''], 2],
    ]);
    expect(born(report)).toEqual([[value, 'nan-in-input', ['0', '']]]);
    expect(crossed(report)).toEqual([[node, 'zero-times-nan', ['3-4', '']]]);
    expect(verdictsOf(report).heals).toEqual(['no-padding', 'zero-pad-hidden']);
  });

  it('tells a key that a row may attend to from one that is masked', async () => {
    const key = `${pastName(0)}.key`;
    const at = async (position: number) => {
      const inputs = { ...clean, [key]: withNaNAt(clean[key], 'heads-first', 0, position) };
      return crossed(await diagnosedModel(cachedDecoder({ fused: true }), inputs, { fixes: false }));
    };
    expect(await at(1)).toEqual([[node, 'nan-plus-minus-inf', ['3-4', '']]]);
    expect(await at(2)).toEqual([[node, 'contraction', ['3-4', '']]]);
  });

  it('finds nothing without NaN', async () => {
    const report = await diagnosedModel(cachedDecoder({ fused: true }), clean);
    expect([born(report), crossed(report), report.silent]).toEqual([[], [], []]);
  });
});
