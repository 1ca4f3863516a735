import { describe, expect, it } from 'vitest';
import { fileSize, shortNumber, shortRatio } from '../../../src/app/render/numbers';

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [0.86, '0.86'],
    [1.23456, '1.23'],
    [12.3456, '12.3'],
    [35_017.4, '35017'],
    [123_456, '1.2e+5'],
    [2.7e-6, '2.7e-6'],
    [1e-5, '1e-5'],
    [-3.4028234663852886e38, '-3.4e+38'],
    ['NaN', 'NaN'],
    ['Infinity', 'inf'],
    ['-Infinity', '−inf'],
    [null, '–'],
  ] as const)('%j is %s', (value, text) => {
    expect(shortNumber(value)).toBe(text);
  });

  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [1_949_999, '1.9 MB'],
    [2.5e9, '2.5 GB'],
    [5e15, '5000.0 TB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(fileSize(bytes)).toBe(text);
  });

  it('shows a ratio, or that there is none', () => {
    expect([shortRatio(1.0234), shortRatio(null)]).toEqual(['×1.02', '–']);
  });
});
