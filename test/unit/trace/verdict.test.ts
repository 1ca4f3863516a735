import { describe, expect, it } from 'vitest';
import type { Crossing, FixResult, Origin, Report, SampleHealth, TableRow } from '../../../src/core/report';
import { countRanges, countRole, formatRanges, parseRanges } from '../../../src/core/trace/ranges';
import { verdictParts, verdictSentence } from '../../../src/core/trace/verdict';

const sample = (nan: number, padNan: number): SampleHealth => ({
  nan,
  of: 35,
  padNan,
  pad: 30,
  realNan: nan - padNan,
  real: 5,
  posInf: 0,
  negInf: 0,
  absMax: 1,
  min: -1,
  max: 1,
  norm: 1,
  nanAt: '',
});
const row = (nan: number, padNan: number): TableRow => ({
  layer: 0,
  block: 'self',
  stage: 'attention',
  port: 'out',
  label: 'layers.0.self_attn',
  tensor: 't',
  node: 'n',
  op: 'MatMul',
  axes: 'tokens',
  dtype: 'float32',
  shape: [2, 35, 64],
  samples: [sample(nan, padNan), sample(0, 0)],
});
const birth: Origin = {
  tensor: 'probs',
  node: '/layers.0/self_attn/Softmax',
  op: 'Softmax',
  layer: 0,
  block: 'self',
  stage: 'attention',
  mechanism: 'fully-masked-row',
  positions: ['0-29', ''],
  evidence: {},
  explanation: '',
};
const crossing: Crossing = { ...birth, op: 'Add', layer: 1, mechanism: 'nan-plus-minus-inf', positions: ['30-34', ''] };
const fix = (title: string, verdict: FixResult['verdict']): FixResult => ({
  id: title,
  title,
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
});
const report = (change: Partial<Report>): Report => ({
  schemaVersion: 1,
  model: { name: 'm', source: 'file', opset: 17, layers: 2, attention: [] },
  engine: { name: 'onnxruntime-node', version: '1.30.0', optimization: 'disabled' },
  batch: {
    samples: 2,
    positions: 35,
    padding: ['left', 'none'],
    roles: ['p'.repeat(30) + 'rrrrr', 'r'.repeat(35)],
    inputs: {},
    rolesFrom: 'lengths',
  },
  outputs: [{ name: 'logits', nanPositions: [35, 0], of: 35, nanAt: ['0-34', ''] }],
  table: [row(30, 30), row(35, 30)],
  origins: [birth],
  spread: [crossing],
  silent: [],
  notes: [],
  ...change,
});
const check = (change: Partial<Report>, expected: string): void => {
  expect(verdictSentence(report(change))).toBe(expected);
};

describe('verdictSentence', () => {
  it('names birth, crossing and the fix that heals', () => {
    check(
      { fixes: [fix('Attend everywhere in fully masked rows', 'heals')] },
      'NaN is born in layer 0 attention (Softmax): 30 query rows of sample 0 have nothing to attend to; in layer 1 attention NaN + (−inf) = NaN carries it to every real token of sample 0. Fix “Attend everywhere in fully masked rows” heals.',
    );
  });
  it('leaves the fix out while fixes are unknown', () => {
    expect(verdictSentence(report({}))).not.toContain('ix');
  });
  it('says when no fix heals, and when one is only partial', () => {
    check(
      { spread: [], table: [row(30, 30)], fixes: [fix('A', 'hides'), fix('B', 'fails')] },
      'NaN is born in layer 0 attention (Softmax): 30 query rows of sample 0 have nothing to attend to; it stays at padding, every real token is clean. No fix that was tried heals.',
    );
    expect(verdictSentence(report({ fixes: [fix('A', 'hides'), fix('B', 'partial')] }))).toMatch(
      / Fix “B” cleans every real token and leaves NaN at padding\.$/,
    );
    expect(verdictSentence(report({ fixes: [fix('A', 'declines')] }))).toMatch(/ No fix applies here\.$/);
    expect(verdictSentence(report({ fixes: [fix('A', 'unproven')] }))).toMatch(
      /nothing says what the right numbers are\.$/,
    );
  });
  it('counts several births, samples and healing fixes', () => {
    check(
      {
        origins: [{ ...birth, positions: ['0-29', '0'] }, birth, birth],
        spread: [{ ...crossing, positions: ['30-31', ''] }],
        fixes: [fix('A', 'heals'), fix('B', 'heals'), fix('C', 'heals')],
      },
      // Sample 1 has no padding, so its row 0 is a real token: born real, no crossing needed.
      'NaN is born in layer 0 attention (Softmax), and 2 more births elsewhere: 31 query rows of samples 0 and 1 have nothing to attend to; real tokens are hit at birth, and logits is NaN at 35 of 35 positions of sample 0. Fix “A” heals; so do 2 others.',
    );
  });
  it('counts the real tokens of a crossing that does not reach all', () => {
    expect(verdictSentence(report({ spread: [{ ...crossing, positions: ['30-31', ''] }] }))).toContain(
      'carries it to 2 real tokens of sample 0.',
    );
  });
  it('names inputs, and outputs without positions', () => {
    check(
      {
        origins: [
          {
            ...birth,
            node: null,
            op: null,
            layer: null,
            block: null,
            stage: 'other',
            tensor: 'x',
            mechanism: 'nan-in-input',
            positions: ['34', ''],
          },
        ],
        outputs: [{ name: 'score', nanPositions: [1, 0], of: 1, nanAt: ['0', ''] }],
      },
      'NaN comes in with the input x, at 1 position of sample 0; real tokens are hit at birth, and score is NaN for sample 0.',
    );
  });
  it('keeps hostile names as parts of their own', () => {
    const hostile = '<img src=x onerror=alert(1)>\n\u202e';
    const parts = verdictParts(report({ origins: [{ ...birth, layer: null, stage: 'other', node: hostile }] }));
    expect(parts).toContainEqual({ kind: 'name', text: hostile });
  });
  it('calls a clean batch clean, with what was looked at', () => {
    check(
      { origins: [], spread: [], table: [row(0, 0)], outputs: [] },
      'No NaN anywhere: 1 measured stage clean for 2 samples, 70 positions, 30 of them padding.',
    );
  });
  it('does not call a batch clean whose output holds NaN, nor one with guards', () => {
    check(
      { origins: [], spread: [] },
      'The output logits holds NaN, but no place of birth could be measured; see the notes.',
    );
    check(
      { origins: [], spread: [], outputs: [], silent: [{ ...birth, mechanism: 'guarded' }] },
      'No NaN gets out: NaN is made at 1 place and removed there by an explicit guard.',
    );
  });
  it('says that healthy-looking outputs hide a birth, and how', () => {
    const hidden = (mechanism: 'swallowed' | 'laundered') => ({
      ...birth,
      node: '/logits/end',
      op: 'Where',
      mechanism,
    });
    const rest = { spread: [], outputs: [], table: [row(30, 30)], fixes: [] };
    const start =
      'NaN is born in layer 0 attention (Softmax): 30 query rows of sample 0 have nothing to attend to; ' +
      'it stays at padding, every real token is clean; no output shows it, because /logits/end (Where) ';
    check({ ...rest, silent: [hidden('swallowed')] }, `${start}swallows it.`);
    check({ ...rest, silent: [hidden('swallowed'), hidden('laundered')] }, `${start}wipes it after it has spread.`);
  });
  it('does not speak of hiding where an output shows NaN', () => {
    const silent = [{ ...birth, mechanism: 'swallowed' as const }];
    expect(verdictSentence(report({ silent }))).not.toContain('no output shows it');
  });
  it('uses the roles of the memory for encoder sites', () => {
    const base = report({});
    const change: Partial<Report> = {
      batch: {
        ...base.batch,
        positions: 4,
        roles: ['rrrr', 'rrrr'],
        memory: { positions: 35, roles: base.batch.roles },
      },
      spread: [],
    };
    expect(verdictSentence(report({ ...change, table: [row(30, 30)] }))).toContain('it stays at padding');
  });
});

describe('ranges', () => {
  it('reads what it writes', () => {
    let seed = 7;
    for (let round = 0; round < 200; round++) {
      const bits = Array.from({ length: round % 40 }, () => (seed = (seed * 48271) % 2147483647) % 3 === 0);
      const text = formatRanges(bits.length, (i) => bits[i] === true);
      const back = bits.map(() => false);
      for (const { from, to } of parseRanges(text)) {
        back.fill(true, from, to + 1);
      }
      expect(back, text).toEqual(bits);
      expect(countRanges(text)).toBe(bits.filter(Boolean).length);
    }
  });
  it('is merged and inclusive', () => {
    expect(formatRanges(9, (i) => i <= 3 || i === 7)).toBe('0-3,7');
    expect(countRole('2-4', 'ppprr', 'r')).toBe(2);
  });
  it.each(['1,', '3-2', 'a', '5,3', '-1', '0-2,2'])('refuses %j', (text) => {
    expect(() => parseRanges(text)).toThrow(RangeError);
  });
});
