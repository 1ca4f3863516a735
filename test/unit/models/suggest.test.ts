import { describe, expect, it } from 'vitest';
import { closest } from '../../../src/core/suggest';

describe('did you mean', () => {
  it.each([
    ['layer', ['hidden', 'layers', 'seed'], 'layers'],
    ['atention', ['attention', 'experts'], 'attention'],
    ['SEED', ['seed'], 'seed'],
    ['xyz', ['attention', 'layers'], null],
    ['', ['a', 'layers'], 'a'],
    ['x', [], null],
    ['a'.repeat(201), ['a'.repeat(200)], null],
  ])('%s among %j: %s', (word, names, expected) => {
    expect(closest(word, names)).toBe(expected);
  });
});
