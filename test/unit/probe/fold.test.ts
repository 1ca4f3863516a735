/** From axes to cells (sample × positions + position): merged, transposed, routed, reduced. Expectations by hand. */
import { describe, expect, it } from 'vitest';
import { batchFactor, other, positionFactor, unknown } from '../../../src/core/onnx/axes/types';
import type { Factor, TensorAxes } from '../../../src/core/onnx/axes/types';
import { cellsKey, cellsOf, foldFlags, isWhole, keptAxes } from '../../../src/core/probe/fold';
import { hasNaN, isNaNAt, isNaNInSample, nanPositions } from '../../../src/core/trace/health';

const grid = { samples: 2, positions: [3] };
const B = batchFactor(2);
const S = positionFactor(3);
const K = positionFactor(3, 0, true);
const cells = (axes: TensorAxes): number[] => [...cellsOf(axes, keptAxes(axes), grid).cell];

describe('kept axes and their cells', () => {
  it.each<[string, TensorAxes, number[], number[]]>([
    ['batch, position, features', [[B], [S], [other(4)]], [0, 1], [0, 1, 2, 3, 4, 5]],
    ['sequence first', [[S], [B], [other(4)]], [0, 1], [0, 3, 1, 4, 2, 5]],
    ['heads between', [[B], [other(2)], [S], [other(4)]], [0, 2], [0, 1, 2, 3, 4, 5]],
    ['batch × heads merged', [[B, other(2)], [S]], [0, 1], [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]],
    ['heads × batch merged', [[other(2), B], [S]], [0, 1], [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]],
    ['batch × position merged', [[B, S], [other(4)]], [0], [0, 1, 2, 3, 4, 5]],
    ['position × batch merged', [[S, B], [other(4)]], [0], [0, 3, 1, 4, 2, 5]],
    ['scores: the query counts, not the key', [[B], [other(2)], [S], [K]], [0, 2], [0, 1, 2, 3, 4, 5]],
    ['transposed scores', [[B], [K], [S]], [0, 2], [0, 1, 2, 3, 4, 5]],
    ['a mask of keys alone', [[B], [other(1)], [other(1)], [K]], [0, 3], [0, 1, 2, 3, 4, 5]],
    ['no batch axis', [[S], [other(4)]], [0], [0, 1, 2]],
    ['no position axis', [[other(4)], [B]], [1], [0, 1]],
    ['nothing known', [[unknown(7)], [other(4)]], [], [0]],
  ])('%s', (_, axes, kept, wanted) => {
    expect(keptAxes(axes)).toEqual(kept);
    expect(cells(axes)).toEqual(wanted);
  });

  it('rows picked out of batch and position together, as experts do', () => {
    const routed: Factor = {
      size: 4,
      kind: 'routed',
      sequence: 0,
      key: false,
      samples: Int32Array.of(1, 0, 1, -1),
      positions: Int32Array.of(2, 0, 0, 1),
    };
    expect(cells([[routed], [other(8)]])).toEqual([5, 0, 3, -1]);
  });

  it('positions picked out, some of none (a class token)', () => {
    const picked: Factor = { ...positionFactor(2), positions: Int32Array.of(-1, 1) };
    expect(cells([[B], [picked]])).toEqual([-2, 1, -3, 4]);
  });

  it('without a position axis there is one place per sample, without a batch one for all', () => {
    expect(cellsOf([[B], [other(4)]], [0], grid)).toMatchObject({ samples: 2, positions: 1, perPosition: false });
    expect(cellsOf([[S]], [0], grid)).toMatchObject({ samples: 1, positions: 3, perSample: false });
    expect(cellsOf([[other(4)]], [], grid)).toMatchObject({ samples: 1, positions: 1, perSample: false });
    expect(isWhole([[other(4)], [unknown(2)]])).toBe(true);
    expect(isWhole([[other(4)], [K]])).toBe(false);
  });

  it('only axes that count the same share cells; picked rows never do', () => {
    const key = (axes: TensorAxes): string | null => cellsKey(axes, keptAxes(axes));
    expect(key([[B], [S], [other(4)]])).toBe(key([[B], [other(9)], [S]]));
    expect(key([[B], [S]])).not.toBe(key([[S], [B]]));
    expect(key([[B], [S]])).not.toBe(key([[B, S]]));
    expect(key([[B], [S]])).not.toBe(key([[B], [K]]));
    expect(key([[B], [positionFactor(3, 1)]])).not.toBe(key([[B], [S]]));
    expect(key([[{ ...S, positions: Int32Array.of(0, 1, 2) }]])).toBeNull();
  });
});

describe('flags', () => {
  const fold = (axes: TensorAxes, values: readonly number[]) =>
    foldFlags(cellsOf(axes, keptAxes(axes), grid), Float32Array.from(values));

  it('NaN in any head counts for the position; infinity is not NaN', () => {
    const flags = fold([[B, other(2)], [S]], [0, NaN, 0, 0, 0, Infinity, -Infinity, 0, 0, NaN, 0, 0]);
    expect([0, 1].map((sample) => nanPositions(flags, sample))).toEqual([[1], [0]]);
    expect([...flags.bits]).toEqual([0, 1, 0, 1, 0, 0]);
  });

  it('an element of no position counts for all of them', () => {
    const flags = fold([[B], [{ ...positionFactor(2), positions: Int32Array.of(-1, 1) }]], [NaN, 0, 0, 0]);
    expect(hasNaN(flags)).toBe(true);
    expect(nanPositions(flags, 0)).toEqual([0, 1, 2]);
  });

  it('a tensor without a batch axis speaks for every sample', () => {
    const flags = fold([[S]], [0, NaN, 0]);
    expect([0, 1].map((sample) => isNaNAt(flags, sample, 1))).toEqual([true, true]);
    expect(isNaNInSample(flags, 1)).toBe(true);
    expect(isNaNAt(flags, 1, 0)).toBe(false);
  });
});
