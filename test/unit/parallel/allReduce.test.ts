import { describe, expect, it } from 'vitest';
import { toFloat16Bits } from '../../../src/core/batch/half';
import { allReduced } from '../../../src/core/parallel/allReduce';
import { floatsOf } from '../../../src/core/probe/floats';
import type { TensorData } from '../../../src/core/tensor';

const f32 = (...values: readonly number[]): TensorData => ({
  dtype: 'float32',
  dims: [values.length],
  data: Float32Array.from(values),
});

describe('the all-reduce', () => {
  it('adds in the order of the ranks, rounded to float32 after each', () => {
    const big = 2 ** 24;
    // 2²⁴ + 1 is 2²⁴ in float32; the other order would give 2²⁴ + 2.
    expect(allReduced('x', [f32(big), f32(1), f32(1)]).data).toEqual(Float32Array.of(big));
    expect(allReduced('x', [f32(1), f32(1), f32(big)]).data).toEqual(Float32Array.of(big + 2));
  });

  it('keeps NaN of any rank, and makes it of opposite infinities', () => {
    const sum = allReduced('x', [f32(NaN, 1, Infinity, Infinity), f32(1, NaN, -Infinity, 1)]);
    expect(Array.from(sum.data, Number)).toEqual([NaN, NaN, NaN, Infinity]);
  });

  it('leaves the terms as they are', () => {
    const first = f32(1, 2);
    allReduced('x', [first, f32(3, 4)]);
    expect(first.data).toEqual(Float32Array.of(1, 2));
  });

  it('rounds float16 once', () => {
    const half = (value: number): TensorData => ({
      dtype: 'float16',
      dims: [],
      data: toFloat16Bits(Float32Array.of(value)),
    });
    const sum = allReduced('x', [half(2048), half(1), half(1)]);
    expect(Array.from(floatsOf(sum))).toEqual([2050]);
  });

  it('refuses terms that do not fit', () => {
    expect(() => allReduced('x', [f32(1), f32(1, 2)])).toThrow(/disagree about "x".*float32 \[1\] and float32 \[2\]/);
    const ints: TensorData = { dtype: 'int64', dims: [1], data: BigInt64Array.of(1n) };
    expect(() => allReduced('x', [ints, ints])).toThrow(/int64/);
  });
});
