/** What may be varied, as it is typed. */
import { describe, expect, it } from 'vitest';
import { combined, labelOf, mostVariants, parseVariation } from '../../../src/core/compare/variations';
import { NanoscopeError } from '../../../src/core/errors';

describe('a variation', () => {
  it.each([
    ['padding=left,right', { key: 'padding', values: ['left', 'right'] }],
    ['padding', { key: 'padding', values: ['left', 'right', 'none'] }],
    ['lengths=31/32/5,35', { key: 'lengths', values: ['31', '32', '5,35'] }],
    ['ranks=1, 8', { key: 'ranks', values: ['1', '8'] }],
    ['fix=none,unmask-rows+clean-weights', { key: 'fix', values: ['none', 'unmask-rows+clean-weights'] }],
  ])('%s', (text, expected) => {
    expect(parseVariation(text)).toEqual(expected);
  });

  it.each([
    ['paddin=left', /“paddin” is nothing that can be varied.*/, /Did you mean padding\?/],
    ['padding=up', /padding cannot be up\./, /left, right, none/],
    ['lengths', /lengths needs values\./, /lengths=31\/32\/33/],
    ['padding=', /padding needs values\./, /Such as padding=left,right,none\./],
    ['ranks=,', /ranks needs values\./, /Such as ranks=1,2,4,8\./],
    ['fix=', /fix needs values\./, /fix=none,unmask-rows/],
    ['lengths=5,35/5, 35', /A value of lengths is given twice\./, /once/],
    ['level=all,all', /A value of level is given twice\./, /once/],
  ])('refuses %s and says what to do', (text, message, hint) => {
    try {
      parseVariation(text);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof NanoscopeError)) throw error;
      expect(error.code).toBe('usage');
      expect(error.message).toMatch(message);
      expect(error.hint).toMatch(hint);
    }
  });
});

describe('several variations', () => {
  it('give every combination, the first one slowest', () => {
    const all = combined([parseVariation('padding=left,right'), parseVariation('ranks=1,2')]);
    expect(all.map(labelOf)).toEqual([
      'padding left, 1 rank',
      'padding left, 2 ranks',
      'padding right, 1 rank',
      'padding right, 2 ranks',
    ]);
  });

  it('are not run in their hundreds', () => {
    const many = [parseVariation('lengths=1/2/3/4/5/6/7'), parseVariation('level')];
    expect(() => combined(many)).toThrow(`That would be 28 variants; ${String(mostVariants)} is the most.`);
  });

  it('are given once each', () => {
    expect(() => combined([parseVariation('ranks=1'), parseVariation('ranks=2')])).toThrow('ranks is varied twice.');
  });
});
