/** What a person says of axes, and to which tensors it applies. */
import { describe, expect, it } from 'vitest';
import { axesOf, parseAxes } from '../../../src/core/scan/axes';

const wordsOf = (rules: readonly string[], name: string | null, dims: readonly number[]): string | null =>
  axesOf(rules.map(parseAxes), name, dims).axes?.words.join(' ') ?? null;

describe('axes', () => {
  it.each([
    [['batch,position,*'], 'x', [2, 3, 4], 'batch position *'],
    [['batch,position,*'], 'x', [2, 3], null],
    [['batch,position,…'], 'x', [2, 3, 4, 5], 'batch position * *'],
    [['batch,position,...'], 'x', [2, 3], 'batch position'],
    [['…,position'], 'x', [2, 3, 4], '* * position'],
    [['*,…,batch'], 'x', [], null],
    [['batch, position'], null, [2, 3], 'batch position'],
    [['hidden.*=position,batch,*', 'batch,*,*'], 'hidden.3', [2, 3, 4], 'position batch *'],
    [['hidden.*=position,batch,*', 'batch,*,*'], 'other', [2, 3, 4], 'batch * *'],
    [['batch,*,*', 'x=*,batch,*'], 'x', [2, 3, 4], '* batch *'],
    [['batch,*', 'batch,*,*'], 'x', [2, 3, 4], 'batch * *'],
    [['a.b=batch'], 'axb', [2], null],
    [['a=b=batch'], 'a=b', [2], 'batch'],
  ])('%j of %s %j are %s', (rules, name, dims, words) => {
    expect(wordsOf(rules, name, dims)).toBe(words);
  });

  it('that name a tensor which they do not fit are a problem, not a guess', () => {
    expect(axesOf([parseAxes('h=batch,position'), parseAxes('batch,…')], 'h', [2, 3, 4])).toEqual({
      axes: null,
      problem: 'The axes "h=batch,position" do not fit "h", which has 3 axes.',
    });
  });

  it.each([
    ['batch,hidden', /name "hidden"; those that are told apart are batch and position/],
    ['batch,batch', /name batch twice/],
    ['batch,…,…', /name … twice/],
    ['*,*', /neither batch nor position/],
    ['', /name ""; those/],
    ['=batch', /name no tensor/],
  ])('%j is refused', (text, message) => {
    expect(() => parseAxes(text)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) as string }),
    );
  });
});
