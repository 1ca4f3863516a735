/** Where something is, as merged ranges, against closed forms; and that clean or huge tensors cost no memory. */
import { describe, expect, it } from 'vitest';
import { Grid, placesOf } from '../../../src/core/scan/places';

describe('places', () => {
  it.each([
    ['none', 5, () => false, { count: 0, at: '' }],
    ['all', 5, () => true, { count: 5, at: '0-4' }],
    ['ends', 5, (i: number) => i === 0 || i === 4, { count: 2, at: '0,4' }],
    ['nothing at all', 0, () => true, { count: 0, at: '' }],
  ] as const)('%s', (_, length, holds, expected) => {
    expect(placesOf(length, holds)).toEqual(expected);
  });

  it('beyond a thousand ranges are counted and no longer listed', () => {
    const { count, at, cut } = placesOf(10_000, (i) => i % 2 === 0);
    expect([count, at.split(',').length, at.split(',').at(-1), cut]).toEqual([5000, 1000, '1998', true]);
  });
});

describe('a grid', () => {
  it.each([
    ['C', [2, 3, 4]],
    ['F', [2, 3, 4]],
  ] as const)('finds the row and position of every element in order %s', (order, dims) => {
    const [rows, positions, rest] = dims;
    for (let index = 0; index < 24; index++) {
      const grid = new Grid({ dims, order }, { row: 0, position: 1 });
      grid.mark(index, 'nan');
      // By counting through the axes, the fastest first.
      const sizes = order === 'C' ? [rest, positions, rows] : [rows, positions, rest];
      const at: number[] = [];
      let left = index;
      for (const size of sizes) {
        at.push(left % size);
        left = Math.floor(left / size);
      }
      const [row, position] = order === 'C' ? [at[2] ?? -1, at[1] ?? -1] : [at[0] ?? -1, at[1] ?? -1];
      for (let r = 0; r < rows; r++)
        for (let p = 0; p < positions; p++) expect(grid.has('nan', r, p)).toBe(r === row && p === position);
      expect(grid.rowsWith('inf').count).toBe(0);
    }
  });

  it('keeps no more cells than it may', () => {
    expect(new Grid({ dims: [2 ** 28], order: 'C' }, { row: null, position: 0 }).isKept).toBe(true);
    expect(new Grid({ dims: [2 ** 15, 2 ** 15], order: 'C' }, { row: 0, position: 1 }).isKept).toBe(false);
  });
});
