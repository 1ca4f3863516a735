import { expect, it } from 'vitest';
import { ranges } from '../../../src/core/trace/ranges';

it('positions as ranges, also of a recording of 300,000 frames', () => {
  expect(ranges([])).toBe('');
  expect(ranges([2, 3, 7])).toBe('2-3,7');
  expect(ranges(Array.from({ length: 300_000 }, (_, i) => i))).toBe('0-299999');
});
