/** Verdicts, ranking and the sample that is run alone. */
import { describe, expect, it } from 'vitest';
import { batchFactor, other, positionFactor } from '../../../src/core/onnx/axes/types';
import type { FixResult, Verdict } from '../../../src/core/report';
import { realPositions, sampleAlone, take, whyNotAlone } from '../../../src/core/verify/alone';
import type { Outcome } from '../../../src/core/verify/verdict';
import { seedReport } from '../../support/seedReport';
import { rankFixes, verdictOf } from '../../../src/core/verify/verdict';

const good: Outcome = {
  reference: 'unpadded',
  nanAfter: 0,
  realNanAfter: 0,
  realMaxAbsDiff: 2e-6,
  tolerance: 1e-5,
  withoutReference: null,
};

describe('verdict', () => {
  it.each<[string, Partial<Outcome>, Verdict]>([
    ['clean and equal', {}, 'heals'],
    ['a difference of exactly the tolerance is equal', { realMaxAbsDiff: 1e-5 }, 'heals'],
    ['clean, equal, NaN left at pads', { nanAfter: 30 }, 'partial'],
    ['no NaN, but other numbers', { realMaxAbsDiff: 3.7 }, 'hides'],
    ['just beyond the tolerance', { realMaxAbsDiff: 1.0001e-5 }, 'hides'],
    ['other numbers and NaN at pads', { realMaxAbsDiff: 3.7, nanAfter: 30 }, 'hides'],
    ['a difference that is no number', { realMaxAbsDiff: 'Infinity' }, 'hides'],
    ['NaN left at one real token', { nanAfter: 1, realNanAfter: 1, realMaxAbsDiff: 'NaN' }, 'fails'],
    ['NaN at real tokens, without a reference', { nanAfter: 9, realNanAfter: 9, reference: 'none' }, 'fails'],
    ['no reference', { reference: 'none', realMaxAbsDiff: null, tolerance: null }, 'unproven'],
    ['no reference, and what was right stays right', { reference: 'none', realMaxAbsDiff: 1e-6 }, 'unproven'],
    ['no reference, and what was right is changed', { reference: 'none', realMaxAbsDiff: 0.5 }, 'hides'],
    ['no reference, and what was right is no number', { reference: 'none', realMaxAbsDiff: 'NaN' }, 'hides'],
    ['a reference, but nothing was compared', { realMaxAbsDiff: null }, 'unproven'],
  ])('%s', (_, outcome, verdict) => {
    const found = verdictOf({ ...good, ...outcome });
    expect(found.verdict).toBe(verdict);
    expect(found.reason).toMatch(/^[A-Z].*\.$/);
  });

  it('reasons say the figures', () => {
    expect(verdictOf({ ...good, nanAfter: 1 }).reason).toContain('1 pad position.');
    expect(verdictOf({ ...good, nanAfter: 30 }).reason).toContain('30 pad positions.');
    expect(verdictOf({ ...good, realMaxAbsDiff: 3.7 }).reason).toMatch(/3\.7.*tolerance 1e-5/);
    expect(verdictOf({ ...good, reference: 'none', withoutReference: 'lengths are fixed' }).reason).toContain(
      'lengths are fixed',
    );
  });
});

describe('ranking', () => {
  const fix = (id: string, verdict: Verdict, more: Partial<FixResult> = {}): FixResult => ({
    id,
    title: id,
    verdict,
    reason: '',
    reference: 'unpadded',
    nanAfter: 0,
    realNanAfter: 0,
    realMaxAbsDiff: 1e-6,
    tolerance: 1e-5,
    topTokenSame: true,
    costRatio: 1,
    edits: 1,
    ...more,
  });
  const order = (...list: FixResult[]): string[] => rankFixes(list, []).map((one) => one.id);

  it('all six verdicts', () => {
    const verdicts: Verdict[] = ['declines', 'fails', 'hides', 'unproven', 'partial', 'heals'];
    expect(order(...verdicts.map((verdict) => fix(verdict, verdict)))).toEqual([...verdicts].reverse());
  });

  it('a fix that hides never comes before one that leaves pads NaN', () => {
    const pads = fix('pads', 'partial', { nanAfter: 30, costRatio: 2 });
    expect(order(fix('hidden', 'hides', { costRatio: 0.5 }), pads)).toEqual(['pads', 'hidden']);
  });

  it('where difference and cost are noise, the fix made for the cause comes first, and the given order decides the rest', () => {
    const aside = fix('zero-pad-hidden', 'heals', { costRatio: 1.06, realMaxAbsDiff: 0 });
    const other = fix('mask-with-where', 'heals', { costRatio: 1.02, realMaxAbsDiff: 1e-7 });
    const atBirth = fix('eps', 'heals', { costRatio: 1.09, realMaxAbsDiff: 2e-6 });
    const [seed] = seedReport().origins;
    const born = seed ? [{ ...seed, mechanism: 'zero-over-zero' as const }] : [];
    const ids = (...list: FixResult[]): string[] => rankFixes(list, born).map(({ id }) => id);
    expect(ids(aside, other, atBirth)).toEqual(['eps', 'zero-pad-hidden', 'mask-with-where']);
    // Twice the cost is no noise, nor is half of the tolerance.
    expect(ids(aside, { ...atBirth, costRatio: 2.1 })).toEqual(['zero-pad-hidden', 'eps']);
    expect(ids(aside, { ...atBirth, realMaxAbsDiff: 5e-5 })).toEqual(['zero-pad-hidden', 'eps']);
  });

  it('differences that are no numbers come last; the list given is not changed', () => {
    const list = [fix('nan', 'hides', { realMaxAbsDiff: 'NaN' }), fix('big', 'hides', { realMaxAbsDiff: 5.4 })];
    expect(order(...list)).toEqual(['big', 'nan']);
    rankFixes(list, []);
    expect(list.map((one) => one.id)).toEqual(['nan', 'big']);
  });
});

describe('one sample without its padding', () => {
  const roles = [['pprr', 'rrrr', 'prpr']];
  const axes = new Map([
    ['ids', [[batchFactor(3)], [positionFactor(4)]]],
    ['mask', [[batchFactor(3)], [other(1)], [positionFactor(4)], [positionFactor(4, 0, true)]]],
    ['shared', [[batchFactor(1)], [positionFactor(4)]]],
    ['table', [[other(2)]]],
  ]);
  const ids = {
    dtype: 'int64' as const,
    dims: [3, 4],
    data: BigInt64Array.from([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23], BigInt),
  };

  it('keeps the real positions, wherever the padding is', () => {
    expect([0, 1, 2].map((sample) => realPositions(roles, sample))).toEqual([[[2, 3]], [[0, 1, 2, 3]], [[1, 3]]]);
    const alone = [0, 1, 2].map((sample) => sampleAlone({ ids }, axes, sample, realPositions(roles, sample), 1).ids);
    expect(alone.map((tensor) => tensor?.dims)).toEqual([
      [1, 2],
      [1, 4],
      [1, 2],
    ]);
    expect(alone.map((tensor) => Array.from(tensor?.data ?? [], Number))).toEqual([
      [2, 3],
      [10, 11, 12, 13],
      [21, 23],
    ]);
  });

  it('cuts both axes of a mask; repeats for a fixed batch; a batch of one serves all; weights stay', () => {
    const mask = {
      dtype: 'float32' as const,
      dims: [3, 1, 4, 4],
      data: Float32Array.from({ length: 48 }, (_, i) => i),
    };
    const shared = { dtype: 'float32' as const, dims: [1, 4], data: Float32Array.of(5, 6, 7, 8) };
    const table = { dtype: 'float32' as const, dims: [2], data: Float32Array.of(1, 2) };
    const alone = sampleAlone({ mask, shared, table }, axes, 2, realPositions(roles, 2), 2);
    expect(alone.mask?.dims).toEqual([2, 1, 2, 2]);
    // Sample 2 begins at 32; rows and columns 1 and 3.
    expect([...(alone.mask?.data ?? [])]).toEqual([37, 39, 45, 47, 37, 39, 45, 47]);
    expect(alone.shared).toMatchObject({ dims: [2, 2], data: Float32Array.of(6, 8, 6, 8) });
    expect(alone.table).toEqual(table);
  });

  it('take: any rows of any axis, none, repeated', () => {
    const tensor = { dtype: 'int32' as const, dims: [2, 3], data: Int32Array.of(1, 2, 3, 4, 5, 6) };
    expect(
      take(tensor, [
        [1, 0],
        [2, 2, 0],
      ]),
    ).toEqual({
      dtype: 'int32',
      dims: [2, 3],
      data: Int32Array.of(6, 6, 4, 3, 3, 1),
    });
    expect(take(tensor, [[0, 1], []])).toEqual({ dtype: 'int32', dims: [2, 0], data: new Int32Array(0) });
    expect(take({ dtype: 'bool', dims: [], data: Uint8Array.of(1) }, [])).toEqual({
      dtype: 'bool',
      dims: [],
      data: Uint8Array.of(1),
    });
  });

  it('says why a sample does not fit', () => {
    const spec = (dims: readonly (number | string)[]) => [{ name: 'ids', dtype: 'int64', dims }];
    const real = realPositions(roles, 0);
    expect(whyNotAlone(spec(['batch', 'sequence']), axes, real)).toEqual({ copies: 1 });
    expect(whyNotAlone(spec([3, 'sequence']), axes, real)).toEqual({ copies: 3 });
    expect(whyNotAlone(spec([3, 4]), axes, realPositions(roles, 1))).toEqual({ copies: 3 });
    const fit = whyNotAlone(spec(['batch', 4]), axes, real);
    expect('reason' in fit ? fit.reason : '').toContain('4 positions');
  });
});
