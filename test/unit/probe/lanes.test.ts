/** Which elements an operator puts together, against sums written out in loops that share nothing with it. */
import { describe, expect, it } from 'vitest';
import { follow } from '../../../src/core/probe/inspect/elementPath';
import type { LaneSpec } from '../../../src/core/probe/inspect/laneSpec';
import { laneOf } from '../../../src/core/probe/inspect/laneSpec';
import { lanes } from '../../../src/core/probe/inspect/lanes';

const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
/** Distinct small integers, so that sums are exact and no two terms are alike by accident. */
const filled = (dims: readonly number[], seed: number): number[] =>
  Array.from({ length: size(dims) }, (_, i) => ((i * 7 + seed * 13) % 23) - 11);

function total(spec: LaneSpec, at: readonly number[], tensors: readonly { dims: readonly number[]; data: number[] }[]) {
  const found = laneOf(
    spec,
    at,
    tensors.map(({ dims }) => dims),
  );
  const [first] = found;
  if (!first) throw new Error('no lane');
  return first.reduce(
    (sum, _, k) =>
      sum +
      found.slice(0, 2).reduce((product, own, i) => product * (own ? (tensors[i]?.data[own[k] ?? -1] ?? NaN) : 1), 1),
    0,
  );
}

describe('laneOf', () => {
  it('matmul, with batches that broadcast', () => {
    const a = { dims: [2, 1, 3, 4], data: filled([2, 1, 3, 4], 1) };
    const b = { dims: [5, 4, 2], data: filled([5, 4, 2], 2) };
    for (const [s, h, m, n] of [
      [0, 0, 0, 0],
      [1, 4, 2, 1],
      [1, 2, 0, 1],
    ] as const) {
      let want = 0;
      for (let k = 0; k < 4; k += 1) want += (a.data[(s * 3 + m) * 4 + k] ?? 0) * (b.data[(h * 4 + k) * 2 + n] ?? 0);
      expect(total({ kind: 'matmul' }, [s, h, m, n], [a, b])).toBe(want);
    }
  });

  it('matmul of vectors', () => {
    const a = { dims: [4], data: [1, 2, 3, 4] };
    const b = { dims: [4, 2], data: [1, 0, 1, 0, 1, 0, 0, 5] };
    expect(total({ kind: 'matmul' }, [0], [a, b])).toBe(6);
    expect(total({ kind: 'matmul' }, [1], [a, b])).toBe(20);
    expect(total({ kind: 'matmul' }, [], [a, { dims: [4], data: [1, 1, 1, 1] }])).toBe(10);
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('gemm, turned %s %s', (transA, transB) => {
    const a = { dims: transA ? [4, 3] : [3, 4], data: filled([3, 4], 3) };
    const b = { dims: transB ? [2, 4] : [4, 2], data: filled([4, 2], 4) };
    let want = 0;
    for (let k = 0; k < 4; k += 1)
      want += (a.data[transA ? k * 3 + 2 : 2 * 4 + k] ?? 0) * (b.data[transB ? 1 * 4 + k : k * 2 + 1] ?? 0);
    expect(total({ kind: 'gemm', transA, transB }, [2, 1], [a, b])).toBe(want);
  });

  it('einsum over two letters', () => {
    const a = { dims: [2, 3, 4], data: filled([2, 3, 4], 5) };
    const b = { dims: [4, 3], data: filled([4, 3], 6) };
    for (const s of [0, 1]) {
      let want = 0;
      for (let i = 0; i < 3; i += 1)
        for (let k = 0; k < 4; k += 1) want += (a.data[(s * 3 + i) * 4 + k] ?? 0) * (b.data[k * 3 + i] ?? 0);
      expect(total({ kind: 'einsum', terms: ['sik', 'ki'], out: 's' }, [s], [a, b])).toBe(want);
    }
  });

  it('convolution: stride, padding, dilation, groups', () => {
    const x = { dims: [1, 4, 7], data: filled([1, 4, 7], 7) };
    const w = { dims: [2, 2, 3], data: filled([2, 2, 3], 8) };
    const spec: LaneSpec = { kind: 'conv', strides: [2], padsBegin: [1], dilations: [2], group: 2 };
    for (const [m, o] of [
      [0, 0],
      [1, 1],
      [1, 2],
    ] as const) {
      let want = 0;
      for (let c = 0; c < 2; c += 1)
        for (let j = 0; j < 3; j += 1) {
          const place = o * 2 - 1 + j * 2;
          if (place < 0 || place >= 7) continue;
          want += (x.data[(m * 2 + c) * 7 + place] ?? 0) * (w.data[(m * 2 + c) * 3 + j] ?? 0);
        }
      expect(total(spec, [0, m, o], [x, w])).toBe(want);
    }
  });

  it('reductions with and without kept axes, running sums', () => {
    const x = { dims: [2, 3, 4], data: filled([2, 3, 4], 9) };
    let want = 0;
    for (let i = 0; i < 2; i += 1) for (let k = 0; k < 4; k += 1) want += x.data[(i * 3 + 1) * 4 + k] ?? 0;
    expect(total({ kind: 'reduce', axes: [0, 2], keepdims: false }, [1], [x])).toBe(want);
    expect(total({ kind: 'reduce', axes: [0, 2], keepdims: true }, [0, 1, 0], [x])).toBe(want);
    const row = { dims: [4], data: [1, 10, 100, 1000] };
    const prefix = (exclusive: boolean, reverse: boolean): number =>
      total({ kind: 'prefix', axis: 0, exclusive, reverse }, [2], [row]);
    expect([prefix(false, false), prefix(true, false), prefix(false, true), prefix(true, true)]).toEqual([
      111, 11, 1100, 1000,
    ]);
  });

  it('norms: the vector, and one element of scale', () => {
    expect(laneOf({ kind: 'norm', axes: [2], vectors: 1, channel: null }, [1, 0, 2], [[2, 3, 4], [4]])).toEqual([
      [12, 13, 14, 15],
      [2],
    ]);
    expect(laneOf({ kind: 'norm', axes: [], vectors: 1, channel: 1 }, [1, 2, 0], [[2, 3, 4], [3]])).toEqual([
      [20],
      [2],
    ]);
  });
});

describe('lanes', () => {
  it('takes the first NaN of the wanted cells, and leaves out what was not handed over', () => {
    const output = { dtype: 'float32' as const, dims: [2, 2], data: Float32Array.of(NaN, 1, 2, NaN) };
    const a = { dtype: 'float32' as const, dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, Infinity, 6) };
    const found = lanes([output, a], {
      cell: Int32Array.of(0, 1),
      axes: [
        { size: 2, kept: true },
        { size: 2, kept: false },
      ],
      wanted: Uint8Array.of(0, 1),
      spec: { kind: 'matmul' },
      dims: [
        [2, 3],
        [3, 2],
      ],
      tensors: [1, -1],
    });
    expect(found).toMatchObject({ cell: 1, at: [1, 1], index: 3 });
    expect(Array.from(found?.operands[0]?.values ?? [])).toEqual([4, Infinity, 6]);
    expect(found?.operands[1]?.values).toBeNull();
    expect(Array.from(found?.operands[1]?.indices ?? [])).toEqual([1, 3, 5]);
  });
});

describe('elementPath', () => {
  it('broadcasts, turns, slices, tiles and reshapes back', () => {
    expect(follow([{ kind: 'broadcast', dims: [1, 4] }], [2, 1, 3])).toEqual([0, 3]);
    expect(follow([{ kind: 'broadcast', dims: [5, 4] }], [3])).toBeNull();
    expect(follow([{ kind: 'transpose', perm: [2, 0, 1] }], [7, 8, 9])).toEqual([8, 9, 7]);
    expect(follow([{ kind: 'slice', starts: [1, 0], steps: [2, 1] }], [2, 3])).toEqual([5, 3]);
    expect(follow([{ kind: 'tile', dims: [2, 3] }], [5, 4])).toEqual([1, 1]);
    expect(follow([{ kind: 'reshape', from: [2, 3], to: [6] }], [4])).toEqual([1, 1]);
    // bmm's merged batch × heads, then a mask of the batch alone.
    expect(
      follow(
        [
          { kind: 'reshape', from: [2, 4, 5, 5], to: [8, 5, 5] },
          { kind: 'broadcast', dims: [2, 1, 1, 5] },
        ],
        [6, 3, 2],
      ),
    ).toEqual([1, 0, 0, 2]);
  });
});
