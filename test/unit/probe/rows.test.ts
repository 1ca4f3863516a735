/** Softmax rows, operands and comparisons, computed by hand. */
import { describe, expect, it } from 'vitest';
import { bitEqual, difference, rowsDifference } from '../../../src/core/probe/inspect/compare';
import { broadcastIndex, coordinates } from '../../../src/core/probe/inspect/elementPath';
import { operands } from '../../../src/core/probe/inspect/operands';
import { softmaxRows } from '../../../src/core/probe/inspect/softmaxRows';
import { inspect } from '../../../src/core/probe/inspectors';
import type { TensorData } from '../../../src/core/tensor';

const n = -Infinity;
const p = Infinity;
const q = NaN;
const f32 = (dims: readonly number[], ...values: number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});

describe('softmaxRows', () => {
  // 1 sample, 2 heads, 2 queries, 3 keys.
  const scores = f32([1, 2, 2, 3], n, n, n, 1, p, 2, n, n, n, q, 1, n);
  const params = {
    cell: Int32Array.of(0, 1),
    axes: [
      { size: 1, kept: true },
      { size: 2, kept: false },
      { size: 2, kept: true },
      { size: 3, kept: false },
    ],
    axis: 3,
    wanted: Uint8Array.of(1, 1),
  };

  it('tells rows of only −inf, rows with +inf and rows with NaN apart, per head', () => {
    expect(softmaxRows([scores], params)).toEqual({
      rows: 4,
      allNegInf: 2,
      withPosInf: 1,
      withNaN: 1,
      maskedCells: 1,
      overflowCells: 1,
      example: { cell: 0, length: 3, negInf: 3, posInf: 0, nan: 0, values: ['-Infinity', '-Infinity', '-Infinity'] },
      looks: [],
    });
  });

  it('looks at wanted cells only', () => {
    const found = softmaxRows([scores], { ...params, wanted: Uint8Array.of(0, 1) });
    expect(found).toMatchObject({ rows: 2, allNegInf: 0, withPosInf: 1, withNaN: 1, maskedCells: 0 });
    expect(found.example?.values).toEqual([1, 'Infinity', 2]);
    expect(softmaxRows([scores], { ...params, wanted: new Uint8Array(2) })).toMatchObject({ rows: 0, example: null });
  });

  it('rows along an axis that is not the last', () => {
    // 2 queries × 3 keys, keys first: columns are rows of the softmax.
    const turned = f32([3, 2], n, 1, n, 2, n, p);
    const axes = [
      { size: 3, kept: false },
      { size: 2, kept: true },
    ];
    const found = softmaxRows([turned], { cell: Int32Array.of(0, 1), axes, axis: 0, wanted: Uint8Array.of(1, 1) });
    expect(found).toMatchObject({ rows: 2, allNegInf: 1, withPosInf: 1, maskedCells: 1, overflowCells: 1 });
  });

  it('no keys at all: no rows', () => {
    const empty = softmaxRows([f32([1, 2, 2, 0])], {
      ...params,
      axes: params.axes.map((axis, i) => (i === 3 ? { size: 0, kept: false } : axis)),
    });
    expect(empty).toMatchObject({ rows: 0, allNegInf: 0, example: null });
  });
});

describe('operands', () => {
  const axes = [
    { size: 2, kept: true },
    { size: 3, kept: false },
  ];
  const params = { cell: Int32Array.of(0, 1), axes, wanted: Uint8Array.of(0, 1), limit: 2 };

  it('shows the broadcast elements behind the first NaN of wanted cells', () => {
    const output = f32([2, 3], q, 1, 1, 1, q, q);
    const found = operands([output, f32([2, 3], 0, 0, 0, 7, 0, p), f32([3], 5, p, 0), f32([2, 1], 3, 4)], params);
    expect(found.nanElements).toBe(2);
    expect(found.examples).toEqual([
      { cell: 1, at: [1, 1], inputs: [0, 'Infinity', 4] },
      { cell: 1, at: [1, 2], inputs: ['Infinity', 0, 4] },
    ]);
    expect(found.inputs[0]).toEqual({ nan: 0, posInf: 1, negInf: 0, elements: 6 });
  });

  it('an input of another shape is not paired with anything', () => {
    const output = f32([2, 3], 1, 1, 1, q, 1, 1);
    expect(operands([output, f32([2], 1, 2)], params).examples[0]?.inputs).toEqual([null]);
    expect(operands([output, f32([1, 2, 3], 1, 2, 3, 4, 5, 6)], params).examples[0]?.inputs).toEqual([null]);
  });

  it('indices', () => {
    expect(coordinates(17, [2, 3, 4])).toEqual([1, 1, 1]);
    expect(coordinates(0, [])).toEqual([]);
    expect(broadcastIndex([1, 2, 3], [3, 4])).toBe(11);
    expect(broadcastIndex([1, 2, 3], [2, 1, 1])).toBe(1);
    expect(broadcastIndex([1, 2, 3], [])).toBe(0);
    expect(broadcastIndex([1, 2, 3], [2])).toBeNull();
    expect(broadcastIndex([1], [1, 1])).toBeNull();
  });
});

describe('comparison', () => {
  it('bits: any NaN equals any NaN, −0 is not 0', () => {
    const other = new Float32Array(new Uint32Array([0x7fc00001, 0xffc00000]).buffer);
    expect(bitEqual(f32([2], q, q), { dtype: 'float32', dims: [2], data: other })).toBe(true);
    expect(bitEqual(f32([1], 0), f32([1], -0))).toBe(false);
    expect(bitEqual(f32([1], 1), f32([1], 1 + 2 ** -23))).toBe(false);
    expect(bitEqual(f32([1], q), f32([1], 1))).toBe(false);
    expect(bitEqual(f32([2], 1, 1), f32([1], 1))).toBe(false);
    const whole = (value: bigint): TensorData => ({ dtype: 'int64', dims: [1], data: BigInt64Array.of(value) });
    expect(bitEqual(whole(2n ** 53n), whole(2n ** 53n))).toBe(true);
    expect(bitEqual(whole(2n ** 53n), whole(2n ** 53n + 1n))).toBe(false);
    expect(bitEqual(f32([1], 1), { dtype: 'float64', dims: [1], data: Float64Array.of(1) })).toBe(false);
  });

  it('difference: NaN in other places shows, equal infinities do not differ', () => {
    expect(difference(f32([3], q, 1, p), f32([3], q, 1.5, p))).toEqual({ maxAbsDiff: 0.5, sameNaN: true });
    expect(difference(f32([2], q, 1), f32([2], 1, q))).toEqual({ maxAbsDiff: 0, sameNaN: false });
    expect(difference(f32([1], p), f32([1], n))).toEqual({ maxAbsDiff: 'Infinity', sameNaN: true });
    expect(difference(f32([1], p), f32([1], 3))).toEqual({ maxAbsDiff: 'Infinity', sameNaN: true });
    expect(difference(f32([1], 1), f32([2], 1, 1))).toEqual({ maxAbsDiff: 'NaN', sameNaN: false });
  });

  it('rows: only the paired rows count', () => {
    // Batch of 2 × 2 positions × 2 logits; position 0 of sample 0 is padding.
    const padded = f32([2, 2, 2], q, q, 1, 2, 3, 4, 5, 6);
    const alone = f32([1, 1, 2], 1, 2.25);
    expect(rowsDifference(padded, alone, { leading: 2, pairs: [[1, 0]] })).toEqual({
      maxAbsDiff: 0.25,
      maxAbs: 2.25,
      nanA: 0,
      nanB: 0,
      nanRowsA: 0,
      topSame: true,
    });
    expect(rowsDifference(padded, alone, { leading: 2, pairs: [[0, 0]] })).toMatchObject({
      maxAbsDiff: 'NaN',
      nanA: 2,
    });
    expect(rowsDifference(padded, f32([1, 1, 2], 9, 2), { leading: 2, pairs: [[1, 0]] }).topSame).toBe(false);
    expect(rowsDifference(f32([1, 1], 1), f32([1, 1], 1), { leading: 1, pairs: [[0, 0]] }).topSame).toBeNull();
    expect(rowsDifference(padded, alone, { leading: 2, pairs: [] }).maxAbsDiff).toBe(0);
  });

  it('a row that the reference does not have is no agreement', () => {
    const found = rowsDifference(f32([1, 2, 1], 1, 1), f32([1, 1, 1], 1), { leading: 2, pairs: [[1, 1]] });
    expect(found.maxAbsDiff).toBe('NaN');
  });
});

describe('inspectors by name', () => {
  it('refuse a name that is none, and a missing tensor', () => {
    expect(() => inspect('toString', [], null)).toThrow(/no inspector/);
    expect(() => inspect('health', [], null)).toThrow(/tensor 0/);
    expect(inspect('bitEqual', [f32([1], 1), f32([1], 1)], null)).toBe(true);
  });
});
