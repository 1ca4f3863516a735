/** The health inspector against numpy, over random axis orders and reduced axes at any place. */
import { describe, expect, it } from 'vitest';
import { toFloat16Bits } from '../../../src/core/batch/half';
import { batchFactor, other, positionFactor } from '../../../src/core/onnx/axes/types';
import type { Factor, TensorAxes } from '../../../src/core/onnx/axes/types';
import { axisSize } from '../../../src/core/onnx/axes/types';
import { cellsOf, keptAxes } from '../../../src/core/probe/fold';
import type { HealthParams } from '../../../src/core/probe/inspect/health';
import { health } from '../../../src/core/probe/inspect/health';
import { countElements } from '../../../src/core/probe/inspect/count';
import { pythonCode } from '../../support/python';

function paramsOf(axes: TensorAxes, samples: number, positions: number): HealthParams {
  const kept = keptAxes(axes);
  const cells = cellsOf(axes, kept, { samples, positions: [positions] });
  return {
    samples: cells.samples,
    positions: cells.positions,
    cell: cells.cell,
    axes: axes.map((axis, i) => ({ size: axisSize(axis), kept: kept.includes(i) })),
  };
}

const B = batchFactor(2);
const S = positionFactor(5);
const K = positionFactor(5, 0, true);
const H = other(3);
const D = other(4);
/** One letter per factor, so that numpy can undo merged axes and transpose. */
const layouts: Record<string, TensorAxes> = {
  'B S D': [[B], [S], [D]],
  'S B D': [[S], [B], [D]],
  'B H S D': [[B], [H], [S], [D]],
  'D S B': [[D], [S], [B]],
  'B D S': [[B], [D], [S]],
  'B H S K': [[B], [H], [S], [K]],
  'BH S D': [[B, H], [S], [D]],
  'H D S B': [[H], [D], [S], [B]],
  'BS D': [[B, S], [D]],
  'D SB': [[D], [S, B]],
  'B D': [[B], [D]],
  'S D': [[S], [D]],
};
const letterOf = (factor: Factor): string =>
  factor === B ? 'B' : factor === S ? 'S' : factor === K ? 'K' : factor === H ? 'H' : 'D';

const script = `
import sys, json, numpy as np
out = []
for case in json.loads(sys.argv[1]):
    x = np.array([float(v) for v in case["data"]], dtype=np.float32).reshape(case["sizes"])
    letters = case["letters"]
    for letter, size in (("B", 1), ("S", 1)):
        if letter not in letters:
            x = x[..., None]; letters = letters + letter
    order = [letters.index("B"), letters.index("S")] + [i for i, l in enumerate(letters) if l not in "BS"]
    x = np.transpose(x, order).reshape(x.shape[letters.index("B")], x.shape[letters.index("S")], -1)
    rows = []
    for b in range(x.shape[0]):
        finite = x[b][np.isfinite(x[b])].astype(np.float64)
        at = [int(i) for i in np.nonzero(np.isnan(x[b]).any(-1))[0]]
        rows.append(dict(at=at, pos=int(np.isposinf(x[b]).any(-1).sum()), neg=int(np.isneginf(x[b]).any(-1).sum()),
            min=float(finite.min()) if finite.size else None, max=float(finite.max()) if finite.size else None,
            norm=float(np.sqrt((finite**2).sum())) if finite.size else None))
    out.append(rows)
print(json.dumps(out))
`;

interface Truth {
  readonly at: readonly number[];
  readonly pos: number;
  readonly neg: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly norm: number | null;
}

/** Small numbers with NaN and infinities in between, the same in every run. */
function values(count: number, seed: number): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const pick = state / 2 ** 32;
    return pick < 0.05 ? NaN : pick < 0.09 ? Infinity : pick < 0.13 ? -Infinity : Math.round((pick - 0.5) * 1e4) / 64;
  });
}

describe('health', () => {
  it('equals numpy for every layout', async () => {
    const cases = Object.entries(layouts).map(([name, axes], i) => {
      const factors = axes.flat();
      const sizes = factors.map((factor) => factor.size);
      const data = values(
        sizes.reduce((a, b) => a * b, 1),
        i + 1,
      );
      return { name, axes, letters: factors.map(letterOf).join(''), sizes, data };
    });
    const asText = cases.map(({ letters, sizes, data }) => ({ letters, sizes, data: Array.from(data, String) }));
    const truth = JSON.parse(await pythonCode(script, JSON.stringify(asText))) as Truth[][];
    let nan = 0;
    for (const [i, { name, axes, data }] of cases.entries()) {
      const dims = axes.map(axisSize);
      const found = health({ dtype: 'float32', dims, data }, paramsOf(axes, 2, 5));
      expect(found, name).toHaveLength(truth[i]?.length ?? -1);
      for (const [sample, row] of found.entries()) {
        const wanted = truth[i]?.[sample];
        const at = wanted?.at ?? [];
        nan += at.length;
        expect(expand(row.nanAt), `${name}, sample ${String(sample)}`).toEqual(at);
        expect([row.nan, row.posInf, row.negInf, row.min, row.max], name).toEqual([
          at.length,
          wanted?.pos,
          wanted?.neg,
          wanted?.min,
          wanted?.max,
        ]);
        expect(row.norm).toBeCloseTo(wanted?.norm ?? -1, 6);
      }
    }
    expect(nan).toBeGreaterThan(20);
  });

  it('a sample without a finite element has no range; one without any element has no counts', () => {
    const params = paramsOf([[B], [positionFactor(1)], [other(2)]], 2, 1);
    const data = Float32Array.of(NaN, Infinity, 1, -2);
    expect(health({ dtype: 'float32', dims: [2, 1, 2], data }, params)).toEqual([
      { nanAt: '0', nan: 1, posInf: 1, negInf: 0, min: null, max: null, norm: null },
      { nanAt: '', nan: 0, posInf: 0, negInf: 0, min: -2, max: 1, norm: Math.sqrt(5) },
    ]);
    const none = health(
      { dtype: 'float32', dims: [2, 0, 4], data: new Float32Array(0) },
      paramsOf([[B], [positionFactor(0)], [D]], 2, 0),
    );
    expect(none).toEqual(Array(2).fill({ nanAt: '', nan: 0, posInf: 0, negInf: 0, min: null, max: null, norm: null }));
  });

  it('zero-size reduced axis', () => {
    const found = health(
      { dtype: 'float32', dims: [2, 5, 0], data: new Float32Array(0) },
      paramsOf([[B], [S], [other(0)]], 2, 5),
    );
    expect(found.map((row) => [row.nan, row.min])).toEqual([
      [0, null],
      [0, null],
    ]);
  });

  it('float16 and float64 are read as the numbers they hold', () => {
    const params = paramsOf([[batchFactor(1)], [positionFactor(3)]], 1, 3);
    const half = toFloat16Bits([65504, NaN, -(2 ** -24)]);
    expect(health({ dtype: 'float16', dims: [1, 3], data: half }, params)).toEqual([
      expect.objectContaining({ nanAt: '1', min: -(2 ** -24), max: 65504 }),
    ]);
    const double = Float64Array.of(1e300, 1, -Infinity);
    expect(health({ dtype: 'float64', dims: [1, 3], data: double }, params)).toEqual([
      expect.objectContaining({ nan: 0, negInf: 1, posInf: 0, min: 1, max: 1e300 }),
    ]);
  });
});

describe('count', () => {
  it('counts elements, not positions', () => {
    const data = Float32Array.of(NaN, NaN, Infinity, -Infinity, -Infinity, -Infinity, 0.5, -3);
    expect(countElements({ dtype: 'float32', dims: [8], data })).toEqual({
      nan: 2,
      posInf: 1,
      negInf: 3,
      min: -3,
      max: 0.5,
    });
    expect(countElements({ dtype: 'float32', dims: [0], data: new Float32Array(0) }).min).toBeNull();
    expect(countElements({ dtype: 'int64', dims: [2], data: BigInt64Array.of(-5n, 9n) })).toMatchObject({
      nan: 0,
      min: -5,
      max: 9,
    });
  });
});

const expand = (text: string): number[] =>
  text === ''
    ? []
    : text.split(',').flatMap((range) => {
        const [from = 0, to = from] = range.split('-').map(Number);
        return Array.from({ length: to - from + 1 }, (_, i) => from + i);
      });

describe('a tensor of other sizes than it was told of', () => {
  const params = paramsOf([[B], [H], [S], [D]], 2, 5);
  const tensor = (...dims: readonly number[]) => {
    const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
    // The last element of sample 1, position 4.
    data[data.length - 1] = NaN;
    return { dtype: 'float32', dims, data } as const;
  };

  it('may have fewer heads', () => {
    expect(health(tensor(2, 1, 5, 4), params).map(({ nanAt }) => nanAt)).toEqual(['', '4']);
  });

  it('is not read where samples or positions are others', () => {
    expect(health(tensor(2, 3, 4, 4), params)).toEqual([]);
    expect(health(tensor(6, 5, 4), params)).toEqual([]);
  });
});
