/**
 * Families of public reports, one small model each: a row with nothing to attend to (A), mask arithmetic that
 * overflows (B), NaN in slots that are masked (C), wrong without NaN (F). Numbers are those of the field guide.
 */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import { diagnosed, diagnosedModel } from '../../support/diagnosing';
import type { Masking } from '../../support/tinyAttention';
import { attentionModel, f32, i64, int, leftPadded, named, scalar } from '../../support/tinyAttention';

const diagnose = (masking: Masking, inputs = leftPadded(2)): Promise<Report> =>
  diagnosedModel(attentionModel(masking), inputs, { fixes: false, userLevel: 'disabled' });
const short = (list: readonly { node: string | null; mechanism: string; positions: readonly string[] | null }[]) =>
  list.map((item) => [item.node, item.mechanism, item.positions]);
const softmax = '/layers.0/self_attn/Softmax';
const gone: Masking['nodes'] = [
  named('Or', 'Or', ['later', 'isPad'], 'gone'),
  named('W', 'Where', ['gone', 'minusInf', 'scores'], 'masked'),
];

describe('A: a row with nothing to attend to', () => {
  it('A1, A2: boolean mask, left padding: 0/0 in the pad rows', async () => {
    const report = await diagnose({ nodes: gone });
    expect(short(report.origins)).toEqual([[softmax, 'fully-masked-row', ['0-2', '']]]);
  });

  it('A6: the exported decomposition with its guard: no origin, the guard is told', async () => {
    const report = await diagnose({
      nodes: gone,
      softmax: [
        named(softmax, 'Softmax', ['masked'], 'raw', int('axis', -1)),
        named('IsNaN', 'IsNaN', ['raw'], 'bad'),
        named('Guard', 'Where', ['bad', 'zero', 'raw'], 'p'),
      ],
    });
    expect(report.origins).toEqual([]);
    expect(short(report.silent)).toEqual([[softmax, 'guarded', ['0-2', '']]]);
    expect(report.silent[0]?.evidence).toMatchObject({ bornAs: 'fully-masked-row', row: { cells: 'pbbcc' } });
  });

  it.each([31, 32, 33, 289])('A5: %i positions make no difference', async (size) => {
    const report = await diagnosed({
      model: 'builtin:kimi-k2-mini?layers=1',
      lengths: { lengths: [3, size], pad: 'left', seed: 1 },
      fixes: false,
      userLevel: 'disabled',
    });
    const pads = `0-${String(size - 4)}`;
    expect(report.origins.map((origin) => [origin.mechanism, origin.positions])).toEqual([
      ['fully-masked-row', [pads, '']],
    ]);
    const row = report.origins[0]?.evidence.row as { cells: string; by: Record<string, number> };
    // Row 0: key 0 is padding alone, the other pads are later too, the last three keys are only later.
    expect(row.cells).toBe(`p${'b'.repeat(size - 4)}ccc`);
    expect(row.by).toMatchObject({ causal: size - 1, padding: size - 3, both: size - 4, scores: 0 });
  });
});

describe('B: mask arithmetic overflows', () => {
  it('B9: the lowest float16 plus a score of −16 is −inf', async () => {
    const report = await diagnose(
      {
        nodes: [
          named('Wide', 'Where', ['isPad', 'lowestHalf', 'zero'], 'bias'),
          named('Minus', 'Sub', ['scores', 'sixteen'], 'negative'),
          named('Add', 'Add', ['negative', 'bias'], 'sum'),
          named('ToHalf', 'Cast', ['sum'], 'half', int('to', DataType.FLOAT16)),
          named('Back', 'Cast', ['half'], 'masked', int('to', DataType.FLOAT)),
        ],
        initializer: [scalar('lowestHalf', -65504), scalar('sixteen', 20)],
      },
      leftPadded(0),
    );
    expect(short(report.origins)).toEqual([[softmax, 'mask-overflow', ['0-4', '']]]);
    expect(report.origins[0]?.evidence.overflow).toMatchObject({ node: 'ToHalf', dtype: 'float16', lowest: -65504 });
  });

  it('B10: causal and padding planes, each finite, sum to −inf where both mask', async () => {
    const report = await diagnose({
      nodes: [
        named('W1', 'Where', ['later', 'lowest', 'zero'], 'causal'),
        named('W2', 'Where', ['isPad', 'lowest', 'zero'], 'padding'),
        named('Sum', 'Add', ['causal', 'padding'], 'bias'),
        named('Add', 'Add', ['scores', 'bias'], 'masked'),
      ],
    });
    // Row 0 keeps finite keys beside: nothing is NaN, which is why it is met so late.
    expect(report.origins).toEqual([]);
    const empty = await diagnose(
      {
        nodes: [
          named('W1', 'Where', ['later', 'minusInf', 'zero'], 'causal'),
          named('W2', 'Where', ['isPad', 'lowest', 'zero'], 'padding'),
          named('Twice', 'Add', ['padding', 'padding'], 'more'),
          named('Sum', 'Add', ['causal', 'more'], 'bias'),
          named('Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
      },
      leftPadded(0),
    );
    expect(short(empty.origins)).toEqual([[softmax, 'mask-overflow', ['0-4', '']]]);
    expect(empty.origins[0]?.evidence).toMatchObject({ overflow: { node: 'Twice' }, row: { cells: 'vcccc' } });
  });

  it('B11: the lowest float32 cast to float16', async () => {
    const report = await diagnose(
      {
        nodes: [
          named('W', 'Where', ['isPad', 'lowest', 'zero'], 'wide'),
          named('ToHalf', 'Cast', ['wide'], 'narrow', int('to', DataType.FLOAT16)),
          named('Back', 'Cast', ['narrow'], 'bias', int('to', DataType.FLOAT)),
          named('Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
      },
      leftPadded(0),
    );
    expect(short(report.origins)).toEqual([[softmax, 'mask-overflow', ['0-4', '']]]);
  });
});

describe('C: NaN in slots that are masked', () => {
  /** Padding on the right, NaN in the last pad. */
  const poisoned = {
    x: f32(
      [2, 5, 2],
      Array.from({ length: 20 }, (_, i) => (i === 8 ? NaN : 0.1 + 0.05 * i)),
    ),
    attention_mask: i64([2, 5], [1, 1, 1, 1, 0, 1, 1, 1, 1, 1]),
  };

  it('C12, C13: a masked NaN key still poisons where the mask is added: NaN − inf is NaN', async () => {
    const report = await diagnose(
      {
        nodes: [
          named('W', 'Where', ['isPad', 'minusInf', 'zero'], 'bias'),
          named('Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
      },
      poisoned,
    );
    expect(short(report.origins)).toEqual([[null, 'nan-in-input', ['4', '']]]);
    expect(report.spread.map((item) => [item.node, item.mechanism, item.positions])).toEqual([
      ['Add', 'nan-plus-minus-inf', ['0-3', '']],
    ]);
  });

  it('C14: Where protects K; V poisons all the same, 0 × NaN', async () => {
    const report = await diagnose(
      { nodes: [named('W', 'Where', ['isPad', 'minusInf', 'scores'], 'masked')] },
      poisoned,
    );
    expect(short(report.origins)).toEqual([[null, 'nan-in-input', ['4', '']]]);
    expect(report.spread.map((item) => [item.node, item.mechanism, item.positions])).toEqual([
      ['/layers.0/self_attn/MatMul_1', 'zero-times-nan', ['0-3', '']],
    ]);
  });
});

describe('F: wrong without NaN', () => {
  it('F20: a finite fill makes an average of V out of a fully masked row: no origin', async () => {
    const report = await diagnose({
      nodes: [
        named('Or', 'Or', ['later', 'isPad'], 'gone'),
        named('W', 'Where', ['gone', 'lowest', 'scores'], 'masked'),
      ],
    });
    expect(report.origins).toEqual([]);
    expect(report.outputs[0]?.nanAt).toEqual(['', '']);
  });

  it('F21: a sentinel above the real scores: masked keys win, nothing is NaN', async () => {
    const report = await diagnose({
      nodes: [
        named('Low', 'Sub', ['scores', 'much'], 'low'),
        named('W', 'Where', ['isPad', 'sentinel', 'low'], 'masked'),
      ],
      initializer: [scalar('much', 20000), scalar('sentinel', -10000)],
    });
    expect(report.origins).toEqual([]);
  });

  it('F23: an all-NaN row becomes a uniform distribution: the birth behind it is told, with its masks', async () => {
    const report = await diagnose({
      nodes: gone,
      softmax: [
        named(softmax, 'Softmax', ['masked'], 'raw', int('axis', -1)),
        named('IsNaN', 'IsNaN', ['raw'], 'bad'),
        named('Even', 'Where', ['bad', 'fifth', 'raw'], 'p'),
      ],
      initializer: [scalar('fifth', 0.2)],
    });
    expect(report.outputs[0]?.nanAt).toEqual(['', '']);
    expect(report.silent.map((item) => item.node)).toContain(softmax);
    expect(report.silent[0]?.evidence).toMatchObject({ row: { by: { causal: 4, padding: 3, both: 2 } } });
  });
});
