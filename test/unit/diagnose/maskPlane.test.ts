/** Masks as planes of (sample, query, key), and the polarity that is read from them. */
import { describe, expect, it } from 'vitest';
import {
  flippedKey,
  paddingSide,
  polarityFrom,
  polarityTrials,
  seenBy,
  trialMask,
} from '../../../src/core/batch/roles';
import type { MaskPlane } from '../../../src/core/diagnose/maskPlane';
import { isMasked, maskPlane, planeAxes } from '../../../src/core/diagnose/maskPlane';
import { batchFactor, other, positionFactor } from '../../../src/core/onnx/axes/types';
import type { TensorAxes } from '../../../src/core/onnx/axes/types';
import type { TensorData } from '../../../src/core/tensor';

const B = batchFactor(2);
const H = other(3);
const Q = positionFactor(2);
const K = positionFactor(4, 0, true);
const scores: TensorAxes = [[B], [H], [Q], [K]];
const n = -Infinity;

function plane(axes: TensorAxes, mask: TensorData, kind: 'add' | 'where' = 'add', keepWhen = true): MaskPlane {
  const how = planeAxes(axes, mask.dims);
  if (!how) throw new Error('the mask does not fit the scores');
  return maskPlane(mask, { kind, keepWhen, axes: how });
}
const f32 = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});
const bools = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'bool',
  dims,
  data: Uint8Array.from(values),
});

describe('mask planes', () => {
  it('[batch, 1, query, key] additive', () => {
    const rows = [0, n, n, n, 0, 0, n, n, n, n, n, n, n, n, n, 0];
    const found = plane(scores, f32([2, 1, 2, 4], rows));
    expect(found).toMatchObject({ samples: 2, queries: 2, keys: 4 });
    expect([...found.masked]).toEqual(rows.map((value) => (value === n ? 1 : 0)));
  });

  it('heads are folded: masked only if masked in every head', () => {
    const perHead = [n, 0, n, n, n, n, n, 0, n, n, n, n];
    const found = plane([[batchFactor(1)], [H], [positionFactor(1)], [K]], f32([1, 3, 1, 4], perHead));
    expect([...found.masked]).toEqual([1, 0, 1, 0]);
  });

  it('batch × heads merged into one axis', () => {
    const axes: TensorAxes = [[B, other(2)], [positionFactor(1)], [positionFactor(2, 0, true)]];
    // sample 0: head 0 masks key 0, head 1 masks both; sample 1: both heads mask key 1.
    const found = plane(axes, f32([4, 1, 2], [n, 0, n, n, 0, n, 0, n]));
    // Axes of size 1 are broadcast: one query for all.
    expect(found).toMatchObject({ samples: 2, queries: 1, keys: 2 });
    expect([...found.masked]).toEqual([1, 0, 0, 1]);
  });

  it('broadcast: fewer axes, axes of 1', () => {
    const causal = plane(scores, f32([2, 4], [0, n, n, n, 0, 0, n, n]));
    expect(causal).toMatchObject({ samples: 1, queries: 2, keys: 4 });
    expect([0, 1].map((sample) => isMasked(causal, sample, 1, 2))).toEqual([true, true]);
    const keys = plane(scores, f32([2, 1, 1, 4], [n, 0, 0, 0, 0, 0, 0, n]));
    expect(keys).toMatchObject({ samples: 2, queries: 1, keys: 4 });
    expect([isMasked(keys, 0, 1, 0), isMasked(keys, 1, 1, 0), isMasked(keys, 1, 0, 3)]).toEqual([true, false, true]);
    expect(planeAxes([[Q], [K]], [1, 1, 2, 4])).toBeNull();
  });

  it('transposed scores: keys first', () => {
    const found = plane([[K], [Q]], f32([4, 2], [0, 0, n, 0, n, n, n, n]));
    // One query after the other: query 0 sees key 0, query 1 sees keys 0 and 1.
    expect([...found.masked]).toEqual([0, 1, 1, 1, 0, 0, 1, 1]);
  });

  it('an additive mask is very low, a position bias is not, NaN masks nothing', () => {
    const values = [n, -3.4028234663852886e38, -1e9, -1e4, -65504, -4999, -16, 0, 5, Infinity, NaN];
    const axes: TensorAxes = [[positionFactor(1)], [positionFactor(values.length, 0, true)]];
    expect([...plane(axes, f32([1, values.length], values)).masked]).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  });

  it('a condition masks where it does not keep', () => {
    const condition = bools([2, 4], [1, 0, 0, 0, 1, 1, 0, 0]);
    expect([...plane([[Q], [K]], condition, 'where', true).masked]).toEqual([0, 1, 1, 1, 0, 0, 1, 1]);
    expect([...plane([[Q], [K]], condition, 'where', false).masked]).toEqual([1, 0, 0, 0, 1, 1, 0, 0]);
  });
});

describe('polarity', () => {
  const length = 4;
  /** How a causal model makes its plane of a mask input whose element `real` marks real keys. */
  function causalPlane(mask: TensorData, real: 0 | 1, unmaskEmptyRows: boolean): MaskPlane {
    const masked = new Uint8Array(length * length);
    for (let q = 0; q < length; q += 1) {
      for (let k = 0; k < length; k += 1) masked[q * length + k] = k > q || Number(mask.data[k]) !== real ? 1 : 0;
      const row = masked.subarray(q * length, (q + 1) * length);
      if (unmaskEmptyRows && row.every((bit) => bit === 1)) row.fill(0);
    }
    return { samples: 1, queries: length, keys: length, masked };
  }
  const mask: TensorData = { dtype: 'int64', dims: [1, length], data: new BigInt64Array(length) };
  const seen = (planeOf: (trial: TensorData) => MaskPlane): number[] =>
    polarityTrials.map((trial) => seenBy([planeOf(trialMask(mask, trial, 1))]));

  it.each([
    { real: 1 as const, unmaskEmptyRows: false },
    { real: 0 as const, unmaskEmptyRows: false },
    { real: 1 as const, unmaskEmptyRows: true },
    { real: 0 as const, unmaskEmptyRows: true },
  ])('is read from what scores see: real = $real, empty rows opened: $unmaskEmptyRows', ({ real, unmaskEmptyRows }) => {
    expect(polarityFrom(seen((trial) => causalPlane(trial, real, unmaskEmptyRows)))).toBe(real);
  });

  it('is unknown when the input changes nothing', () => {
    const always = causalPlane(mask, 0, false);
    expect(polarityFrom(seen(() => always))).toBeNull();
    expect(polarityFrom([])).toBeNull();
  });

  it('a mask of keys alone', () => {
    const keysOnly = (trial: TensorData): MaskPlane => ({
      samples: 1,
      queries: 1,
      keys: length,
      masked: Uint8Array.from({ length }, (_, key) => (Number(trial.data[key]) === 0 ? 1 : 0)),
    });
    expect(polarityFrom(seen(keysOnly))).toBe(1);
  });

  it('trial masks flip one key of every sample, along any axis and in any type', () => {
    const trial = { fill: 1, flipped: true } as const;
    const batchFirst = trialMask({ dtype: 'bool', dims: [2, 3], data: new Uint8Array(6) }, trial, 1);
    expect([...batchFirst.data]).toEqual([0, 1, 1, 0, 1, 1]);
    const sequenceFirst = trialMask({ dtype: 'float32', dims: [3, 2], data: new Float32Array(6) }, trial, 0);
    expect([...sequenceFirst.data]).toEqual([0, 0, 1, 1, 1, 1]);
    const half = trialMask({ dtype: 'float16', dims: [1, 2], data: new Uint16Array(2) }, trial, 1);
    expect([...half.data]).toEqual([0, 0x3c00]);
    expect(flippedKey).toBe(0);
  });
});

describe('padding side', () => {
  it.each([
    ['rrr', 'none'],
    ['prr', 'left'],
    ['rrp', 'right'],
    ['prp', 'both'],
    ['rpr', 'inside'],
    ['prpr', 'inside'],
    ['ppp', 'left'],
    ['', 'none'],
  ])('%s is padded: %s', (roles, side) => {
    expect(paddingSide(roles)).toBe(side);
  });
});
