/** The built-in model: the tables that were measured with PyTorch, written out by hand. */
import { describe, expect, it } from 'vitest';
import type { PadSide } from '../../../src/core/batch/types';
import type { Report } from '../../../src/core/report';
import { diagnosed } from '../../support/diagnosing';
import { emptySample, leftPaddedDecoder, verdictsOf } from '../../support/verdicts';

const kimi = (options: string): string => `builtin:kimi-k2-mini?${options}`;
const batch = (lengths: readonly number[], pad: PadSide) => ({ lengths: { lengths, pad, seed: 1 } });
const leftPadded = batch([5, 35], 'left');

/** NaN positions per sample of a row's `out` (or `in`) port. */
function nanAt(report: Report, layer: number | null, stage: string, port = 'out'): unknown {
  const rows = report.table.filter((row) => row.layer === layer && row.stage === stage && row.port === port);
  return rows.length === 1 ? rows[0]?.samples?.map((sample) => sample.nanAt) : `${String(rows.length)} rows`;
}

const short = (list: Report['origins'] | Report['spread']) =>
  list.map(({ node, mechanism, positions }) => [node, mechanism, positions]);
const attention = (layer: number): string => `/model/layers.${String(layer)}/self_attn`;

function expectHealthy(report: Report): void {
  expect(report.origins).toEqual([]);
  expect(report.spread).toEqual([]);
  // A finite mask averages over fully masked rows, which is told; no real token may be among them.
  expect(
    report.silent.filter((item) => item.mechanism !== 'unmasked-silently' || item.evidence.realRows !== 0),
  ).toEqual([]);
  expect(report.fixes ?? []).toEqual([]);
  const nan = report.table.flatMap((row) => row.samples?.map((sample) => sample.nan) ?? [Number(row.whole?.nan)]);
  expect(nan.every((count) => count === 0)).toBe(true);
  expect(report.outputs[0]?.nanPositions?.every((count) => count === 0)).toBe(true);
}

describe('eager-add, 5 and 35 tokens, padded left', () => {
  it.each([
    { layers: 4, shown: [1, 2, 3] },
    { layers: 61, shown: [1, 15, 33, 60] },
  ])(
    '$layers layers: born at 30 pads of layer 0, everywhere in sample 0 from layer 1 on',
    async ({ layers, shown }) => {
      const report = await diagnosed({ model: kimi(`layers=${String(layers)}`), ...leftPadded, fixes: layers === 4 });
      expect(report.model.layers).toBe(layers);
      expect(report.batch).toMatchObject({ samples: 2, positions: 35, padding: ['left', 'none'] });
      expect(report.batch.roles).toEqual(['p'.repeat(30) + 'r'.repeat(5), 'r'.repeat(35)]);
      const clean = ['', ''];
      const pads = ['0-29', ''];
      const all = ['0-34', ''];
      expect(nanAt(report, null, 'embed')).toEqual(clean);
      expect(nanAt(report, 0, 'attn-norm', 'in')).toEqual(clean);
      expect(nanAt(report, 0, 'attn-norm')).toEqual(clean);
      expect(nanAt(report, 0, 'attention')).toEqual(pads);
      expect(nanAt(report, 0, 'mlp', 'in')).toEqual(pads);
      expect(nanAt(report, 0, 'mlp')).toEqual(pads);
      expect(nanAt(report, 0, 'layer')).toEqual(pads);
      expect(nanAt(report, 1, 'attn-norm')).toEqual(pads);
      for (const layer of shown) {
        if (layer > 1) expect(nanAt(report, layer, 'attn-norm')).toEqual(all);
        for (const stage of ['attention', 'mlp-norm', 'mlp', 'layer']) expect(nanAt(report, layer, stage)).toEqual(all);
      }
      expect(nanAt(report, null, 'final-norm')).toEqual(all);
      expect(nanAt(report, null, 'logits')).toEqual(all);
      expect(report.outputs).toEqual([{ name: 'logits', nanPositions: [35, 0], of: 35, nanAt: all }]);

      expect(short(report.origins)).toEqual([[`${attention(0)}/Softmax`, 'fully-masked-row', pads]]);
      // 4 heads × 30 rows of 35 keys, −inf throughout.
      expect(report.origins[0]?.evidence).toMatchObject({ rows: 30, rowsInAllHeads: 120, keys: 35, negInfInRow: 35 });
      expect(report.spread).toHaveLength(1);
      expect(report.spread[0]).toMatchObject({
        layer: 1,
        op: 'Add',
        stage: 'attention',
        mechanism: 'nan-plus-minus-inf',
        positions: ['30-34', ''],
        evidence: { nanPositionsRead: '0-29', ofThoseAllowedByTheMask: '' },
      });
      if (layers === 4) {
        expect(verdictsOf(report)).toEqual(leftPaddedDecoder);
      }
    },
    180_000,
  );

  it('padding counts in every cell', async () => {
    const report = await diagnosed({ model: kimi('layers=2'), ...leftPadded, fixes: false });
    const cell = report.table.find((row) => row.layer === 0 && row.stage === 'attention' && row.port === 'out');
    expect(cell?.samples?.[0]).toMatchObject({ nan: 30, of: 35, padNan: 30, pad: 30, realNan: 0, real: 5 });
    const logits = report.table.find((row) => row.stage === 'logits' && row.port === 'out');
    expect(logits?.samples?.[0]).toMatchObject({ nan: 35, padNan: 30, realNan: 5, absMax: null, norm: null });
    expect(logits?.samples?.[1]).toMatchObject({ nan: 0, padNan: 0, pad: 0, realNan: 0, real: 35 });
  });
});

describe('eager-where', () => {
  it('NaN is born again in every layer; V carries it to real rows at layer 1', async () => {
    const layers = 4;
    const report = await diagnosed({ model: kimi(`layers=${String(layers)}&attention=eager-where`), ...leftPadded });
    expect(short(report.origins)).toEqual(
      Array.from({ length: layers }, (_, layer) => [`${attention(layer)}/Softmax`, 'fully-masked-row', ['0-29', '']]),
    );
    expect(report.spread).toHaveLength(1);
    expect(report.spread[0]).toMatchObject({
      layer: 1,
      op: 'MatMul',
      mechanism: 'zero-times-nan',
      positions: ['30-34', ''],
    });
    expect(nanAt(report, 0, 'layer')).toEqual(['0-29', '']);
    expect(nanAt(report, 1, 'attention')).toEqual(['0-34', '']);
    expect(verdictsOf(report)).toEqual(leftPaddedDecoder);
  });
});

describe('healthy: no origin, no crossing, no NaN in any cell', () => {
  it.each<[string, string, readonly number[], PadSide]>([
    ['the lowest finite number as mask', 'layers=3&attention=finfo-min', [5, 35], 'left'],
    ['right padding, added −inf', 'layers=3', [5, 35], 'right'],
    ['right padding, Where −inf', 'layers=3&attention=eager-where', [5, 35], 'right'],
    ['equal lengths', 'layers=2', [12, 12], 'left'],
    ['one sample', 'layers=2', [7], 'left'],
    ['one token', 'layers=2', [1], 'left'],
    ['one token each', 'layers=2&attention=eager-where', [1, 1], 'left'],
  ])('%s', async (_, options, lengths, pad) => {
    const report = await diagnosed({ model: kimi(options), ...batch(lengths, pad) });
    expectHealthy(report);
    expect(report.batch).toMatchObject({ samples: lengths.length, positions: Math.max(...lengths) });
    expect(report.observer).toMatchObject({ outputsBitEqual: true });
  });
});

describe('other batches', () => {
  it('an empty sample: every row of it is fully masked', async () => {
    const report = await diagnosed({ model: kimi('layers=3'), ...batch([0, 12], 'left') });
    expect(report.batch.roles).toEqual(['p'.repeat(12), 'r'.repeat(12)]);
    expect(short(report.origins)).toEqual([[`${attention(0)}/Softmax`, 'fully-masked-row', ['0-11', '']]]);
    // No position of the sample is clean, so there is nobody to cross over to.
    expect(report.spread).toEqual([]);
    expect(report.outputs[0]?.nanAt).toEqual(['0-11', '']);
    expect(verdictsOf(report)).toEqual(emptySample);
  });

  it('the padded sample need not be the first', async () => {
    const report = await diagnosed({ model: kimi('layers=2'), ...batch([9, 2, 9, 4], 'left'), fixes: false });
    expect(short(report.origins)).toEqual([[`${attention(0)}/Softmax`, 'fully-masked-row', ['', '0-6', '', '0-4']]]);
    expect(report.spread[0]).toMatchObject({ mechanism: 'nan-plus-minus-inf', positions: ['', '7-8', '', '5-8'] });
    expect(report.outputs[0]?.nanAt).toEqual(['', '0-8', '', '0-8']);
  });

  it('the mask is read by what it does: the inverted one swaps the roles', async () => {
    const report = await diagnosed({
      model: kimi('layers=2'),
      ...leftPadded,
      mask: 'attention_mask:inverted',
      fixes: false,
    });
    expect(report.batch.rolesFrom).toContain('0 = real');
  });
});

describe('what a listener sees', () => {
  it('the table comes first, then figures, observer and fixes; nothing is taken back', async () => {
    const reports: Report[] = [];
    const texts: string[] = [];
    const last = await diagnosed(
      { model: kimi('layers=2'), ...leftPadded },
      {
        onReport: (report) => reports.push(report),
        onProgress: ({ text }) => texts.push(text),
      },
    );
    expect(reports.length).toBeGreaterThanOrEqual(4);
    expect(reports[0]?.observer).toBeUndefined();
    expect(reports[0]?.fixes).toBeUndefined();
    expect(reports.at(-1)).toEqual(last);
    for (const report of reports) {
      expect(report.origins).toEqual(last.origins);
      expect(report.table.map((row) => row.samples?.map((cell) => cell.nanAt))).toEqual(
        last.table.map((row) => row.samples?.map((cell) => cell.nanAt)),
      );
    }
    expect(new Set(texts).size).toBeGreaterThan(5);
  });
});
