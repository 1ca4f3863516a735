/** What became worse between two reports, and what only changed. */
import { describe, expect, it } from 'vitest';
import { diff } from '../../../src/app/compare/diff';
import type { FixResult, Origin, Report, SampleHealth, TableRow } from '../../../src/core/report';

const origin = (layer: number): Origin => ({
  tensor: 't',
  node: `/layers.${String(layer)}/self_attn/Softmax`,
  op: 'Softmax',
  layer,
  block: 'self',
  stage: 'attention',
  positions: ['0-1'],
  evidence: {},
  explanation: '',
  mechanism: 'fully-masked-row',
});

function row(nanAt: string): TableRow {
  const nan = nanAt === '' ? 0 : nanAt === '0-1' ? 2 : 3;
  const padNan = Math.min(nan, 2);
  const cell: SampleHealth = {
    nan,
    of: 3,
    padNan,
    pad: 2,
    realNan: nan - padNan,
    real: 1,
    posInf: 0,
    negInf: 0,
    absMax: 1,
    min: 0,
    max: 1,
    norm: 1,
    nanAt,
  };
  return {
    layer: 0,
    block: 'self',
    stage: 'attention',
    port: 'out',
    label: 'layers.0.self_attn',
    tensor: 'a',
    node: 'n',
    op: 'MatMul',
    axes: 'tokens',
    dtype: 'float32',
    shape: [1, 3, 4],
    samples: [cell],
  };
}

const fix = (verdict: FixResult['verdict'], more: Partial<FixResult> = {}): FixResult => ({
  id: 'unmask-rows',
  title: 'Unmask',
  verdict,
  reason: '',
  reference: 'unpadded',
  nanAfter: 0,
  realNanAfter: 0,
  realMaxAbsDiff: 0,
  tolerance: 1e-5,
  topTokenSame: true,
  costRatio: 1,
  edits: 1,
  ...more,
});

const report = (more: Partial<Report> = {}): Report => ({
  schemaVersion: 1,
  model: { name: 'model.onnx', source: 'file', opset: 17, layers: 1, attention: [] },
  engine: { name: 'onnxruntime-node', version: '1.30.0', optimization: 'disabled' },
  batch: { samples: 1, positions: 3, padding: ['left'], roles: ['ppr'], inputs: {}, rolesFrom: 'mask' },
  outputs: [],
  table: [row('')],
  origins: [],
  spread: [],
  silent: [],
  notes: [],
  ...more,
});

const changes = (before: Report, after: Report) => {
  const { regressed, changes: list } = diff({ name: 'before', report: before }, { name: 'after', report: after });
  return { regressed, said: list.map(({ kind, text }) => `${kind}: ${text}`) };
};

describe('from one report to a later one', () => {
  it('nothing changed', () => {
    const same = report({ table: [row('0-1')], origins: [origin(0)], fixes: [fix('heals')] });
    const found = diff({ name: 'a', report: same }, { name: 'b', report: same });
    expect(found.changes).toEqual([]);
    expect(found.regressed).toBe(false);
    expect(found.comparison.verdict.sentence).toBe('Identical NaN pattern, at the same positions of every stage.');
  });

  it.each<[string, string]>([
    ['rrr', 'a batch without padding'],
    ['prr', 'a batch with less of it'],
  ])('more padding is of the batch (%s: %s), and no regression of the model', (roles) => {
    const before = report({ batch: { ...report().batch, roles: [roles] } });
    expect(changes(before, report({ table: [row('0-1')] }))).toEqual({
      regressed: false,
      said: [
        'other: Other NaN at layer 0 attention: 0/3 → 2/3 of sample 0.',
        'other: The batches are not padded alike, so positions are compared as far as they can be.',
      ],
    });
  });

  it('as many positions, but other ones, are neither', () => {
    const at = (nanAt: string): Report => {
      const [own] = row('').samples ?? [];
      const samples = own && [{ ...own, nan: 1, padNan: 1, nanAt }];
      return report({ table: [{ ...row(''), samples: samples ?? null }] });
    };
    expect(changes(at('0'), at('1'))).toEqual({
      regressed: false,
      said: ['other: NaN at other positions at layer 0 attention: 1/3 → 1/3 of sample 0.'],
    });
  });

  it('a birth that was not there is a regression, and the way back a repair', () => {
    const sick = report({ table: [row('0-1')], origins: [origin(0)] });
    expect(changes(report(), sick)).toEqual({
      regressed: true,
      said: [
        'worse: NaN is born in layer 0 attention (fully-masked-row) now.',
        'worse: More NaN at layer 0 attention: 0/3 → 2/3 of sample 0.',
      ],
    });
    expect(changes(sick, report())).toEqual({
      regressed: false,
      said: [
        'better: NaN is no longer born in layer 0 attention (fully-masked-row).',
        'better: Less NaN at layer 0 attention: 2/3 → 0/3 of sample 0.',
      ],
    });
  });

  it('NaN that reaches a real token is a regression though it was born before', () => {
    const before = report({ table: [row('0-1')], origins: [origin(0)] });
    const after = report({ table: [row('0-2')], origins: [origin(0)] });
    expect(changes(before, after)).toEqual({
      regressed: true,
      said: ['worse: More NaN at layer 0 attention: 2/3 → 3/3 of sample 0.'],
    });
  });

  it.each<[string, FixResult, FixResult, boolean, string[]]>([
    ['heals no longer', fix('heals'), fix('hides'), true, ['worse: “Unmask” heals no longer; it hides now.']],
    ['heals now', fix('fails'), fix('heals'), false, ['better: “Unmask”: fails → heals.']],
    ['is of no use any more', fix('heals'), fix('declines'), false, ['other: “Unmask”: heals → declines.']],
    ['was a trap anyway', fix('heals', { kind: 'trap' }), fix('hides', { kind: 'trap' }), false, []],
  ])('a fix %s', (_, then, now, regressed, said) => {
    expect(changes(report({ fixes: [then] }), report({ fixes: [now] }))).toEqual({ regressed, said });
  });

  it('fixes that were not asked for in one of them say nothing', () => {
    expect(changes(report({ fixes: [fix('heals')] }), report())).toEqual({ regressed: false, said: [] });
  });

  it('a number without meaning is a regression, another silent finding is not', () => {
    const silent = (mechanism: 'laundered' | 'overflow-risk'): Report =>
      report({ silent: [{ ...origin(0), mechanism, positions: [''] }] });
    expect(changes(report(), silent('laundered'))).toEqual({
      regressed: true,
      said: ['worse: New, without NaN in an output: laundered at layer 0 attention.'],
    });
    expect(changes(report(), silent('overflow-risk')).regressed).toBe(false);
  });
});
