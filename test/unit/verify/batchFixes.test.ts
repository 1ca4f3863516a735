/** Other ways to feed a batch: which elements go where, worked out by hand. */
import { describe, expect, it } from 'vitest';
import { noPadding } from '../../../src/core/fix/batch/noPadding';
import { positionIdsFromMask } from '../../../src/core/fix/batch/positionIds';
import { rightPadding } from '../../../src/core/fix/batch/rightPadding';
import { sameLengthBatches } from '../../../src/core/fix/batch/sameLength';
import type { BatchContext, BatchFix, BatchRun } from '../../../src/core/fix/batch/types';
import { batchFactor, positionFactor } from '../../../src/core/onnx/axes/types';
import { numbersColumns } from '../../../src/core/verify/alone';
import type { TensorData } from '../../../src/core/tensor';

const i64 = (dims: readonly number[], ...values: number[]): TensorData => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});
const numbers = (tensor: TensorData | undefined): number[] => Array.from(tensor?.data ?? [], Number);

const batch = batchFactor(2);
const place = positionFactor(4);
const axes: BatchContext['axes'] = new Map([
  ['ids', [[batch], [place]]],
  ['mask', [[batch], [place]]],
  ['position_ids', [[batch], [place]]],
  ['pairs', [[batch], [place], [positionFactor(4, 0, true)]]],
]);
const specs = ['ids', 'mask', 'position_ids'].map((name) => ({ name, dtype: 'int64', dims: ['batch', 'sequence'] }));
const context = (position_ids: TensorData, more: Partial<BatchContext> = {}): BatchContext => ({
  inputs: {
    ids: i64([2, 4], 0, 0, 7, 8, 1, 2, 3, 4),
    mask: i64([2, 4], 0, 0, 1, 1, 1, 1, 1, 1),
    position_ids,
  },
  specs,
  axes,
  roles: [['pprr', 'rrrr']],
  ...more,
});
const columns = i64([2, 4], 0, 1, 2, 3, 0, 1, 2, 3);
const counted = i64([2, 4], 1, 1, 0, 1, 0, 1, 2, 3);

const runs = (fix: BatchFix, own: BatchContext): readonly BatchRun[] => {
  const plan = fix.plan(own);
  if (!plan.applies) throw new Error(plan.reason);
  return plan.runs;
};
const why = (fix: BatchFix, own: BatchContext): string => {
  const plan = fix.plan(own);
  return plan.applies ? '' : plan.reason;
};

describe('right-padding', () => {
  it('tokens, mask and counted positions move together; columns are numbered as before', () => {
    const [moved] = runs(rightPadding, context(counted));
    expect(numbers(moved?.feeds.ids)).toEqual([7, 8, 0, 0, 1, 2, 3, 4]);
    expect(numbers(moved?.feeds.mask)).toEqual([1, 1, 0, 0, 1, 1, 1, 1]);
    expect(numbers(moved?.feeds.position_ids)).toEqual([0, 1, 1, 1, 0, 1, 2, 3]);
    expect(moved?.layout).toEqual({ kind: 'padded', roles: [['rrpp', 'rrrr']] });
    const [numbered] = runs(rightPadding, context(columns));
    expect(numbers(numbered?.feeds.position_ids)).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('ids that happen to be 0 1 2 3 are tokens, and move', () => {
    const [moved] = runs(rightPadding, context(columns, { inputs: { ids: i64([2, 4], 0, 1, 2, 3, 0, 1, 2, 3) } }));
    expect(numbers(moved?.feeds.ids)).toEqual([2, 3, 0, 1, 0, 1, 2, 3]);
  });

  it('a mask of queries and keys moves on both axes', () => {
    const pairs = i64([2, 4, 4], ...Array.from({ length: 32 }, (_, i) => i));
    const [moved] = runs(rightPadding, context(columns, { inputs: { pairs } }));
    // Rows and columns 2, 3, 0, 1 of the first sample; the second stays.
    expect(numbers(moved?.feeds.pairs)).toEqual([
      ...[10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5],
      ...Array.from({ length: 16 }, (_, i) => 16 + i),
    ]);
  });

  it('declines where padding is at the right, or there is none', () => {
    expect(why(rightPadding, context(columns, { roles: [['rrpp', 'rrrr']] }))).toContain('at the right already');
    expect(why(rightPadding, context(columns, { roles: [['rrrr', 'rrrr']] }))).toContain('no padding');
  });
});

describe('batches without padding', () => {
  it('each alone: real tokens in their order, columns numbered from 0', () => {
    const own = runs(noPadding, context(columns));
    expect(own.map(({ samples }) => samples)).toEqual([[0], [1]]);
    expect(own.map(({ feeds }) => numbers(feeds.ids))).toEqual([
      [7, 8],
      [1, 2, 3, 4],
    ]);
    expect(numbers(own[0]?.feeds.position_ids)).toEqual([0, 1]);
    expect(numbers(runs(noPadding, context(i64([2, 4], 9, 9, 5, 6, 0, 1, 2, 3)))[0]?.feeds.position_ids)).toEqual([
      5, 6,
    ]);
  });

  it('samples of equal length together, wherever their padding is', () => {
    const ids = i64([3, 4], 0, 0, 7, 8, 1, 2, 3, 4, 5, 6, 0, 0);
    const own = runs(sameLengthBatches, context(columns, { inputs: { ids }, roles: [['pprr', 'rrrr', 'rrpp']] }));
    expect(own.map(({ samples }) => samples)).toEqual([[1], [0, 2]]);
    expect(own[1]?.feeds.ids?.dims).toEqual([2, 2]);
    expect(numbers(own[1]?.feeds.ids)).toEqual([7, 8, 5, 6]);
    expect(why(sameLengthBatches, context(columns))).toContain('No two samples');
  });
});

describe('position ids from the mask', () => {
  it('are counted over real tokens, 0 at padding', () => {
    const [own] = runs(positionIdsFromMask, context(columns));
    expect(numbers(own?.feeds.position_ids)).toEqual([0, 0, 0, 1, 0, 1, 2, 3]);
    expect(numbers(own?.feeds.ids)).toEqual([0, 0, 7, 8, 1, 2, 3, 4]);
  });

  it('are left alone where they are counted so already, whatever stands at padding', () => {
    expect(why(positionIdsFromMask, context(counted))).toContain('already');
  });
});

it('columns are numbered by position ids alone', () => {
  const own = axes.get('ids');
  expect(numbersColumns('position_ids', columns, own)).toBe(true);
  expect(numbersColumns('position_ids', counted, own)).toBe(false);
  expect(numbersColumns('input_ids', columns, own)).toBe(false);
});
