import { describe, expect, it } from 'vitest';
import { clip, displayWidth, jsonSafe, padTo, visible, wrap } from '../../../src/app/render/text';
import { hostileName, unsafe } from '../../support/unsafeText';

describe('visible', () => {
  it.each([
    ['a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['\u001b[31mred', '\\x1b[31mred'],
    ['\u009b31m', '\\x9b31m'],
    ['\u0000\u007f', '\\x00\\x7f'],
    ['\u202etxt.\u2066x', '\\u202etxt.\\u2066x'],
    ['a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
    ['\u2028\u2029', '\\u2028\\u2029'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\ud800', '\\ud800'],
    ['/layers.0/self_attn/Softmax', '/layers.0/self_attn/Softmax'],
    ['注意力 🧠 é', '注意力 🧠 é'],
  ])('%j is shown as %s', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it('leaves nothing unsafe and is stable', () => {
    const once = visible(hostileName);
    expect(once).not.toMatch(unsafe);
    expect(once).not.toContain('\n');
    expect(visible(once)).toBe(once);
  });
});

describe('jsonSafe', () => {
  it('keeps the meaning of the document and has nothing unsafe in it', () => {
    const value = { [hostileName]: [hostileName, '\u{e0041}\u009b'] };
    const text = jsonSafe(JSON.stringify(value, null, 2));
    expect(text).not.toMatch(unsafe);
    expect(JSON.parse(text)).toEqual(value);
  });
});

describe('widths', () => {
  it('counts columns, not code units', () => {
    expect(displayWidth('abc')).toBe(3);
    expect(displayWidth('注意')).toBe(4);
    expect(displayWidth('🧠')).toBe(2);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('−∞ ← …')).toBe(6);
    expect(padTo('注', 4)).toBe('注  ');
  });

  it('clips in the middle to at most the width', () => {
    expect(clip('short', 10)).toBe('short');
    expect(clip('abcdefghij', 7)).toBe('abc…hij');
    for (const text of ['layers.0.注意力注意力注意力.softmax', 'x'.repeat(100)]) {
      for (let width = 1; width < 20; width++) {
        expect(displayWidth(clip(text, width))).toBeLessThanOrEqual(width);
      }
    }
  });

  it('wraps between words, keeps long words whole and loses nothing', () => {
    expect(wrap('one two three four', 9, 2)).toBe('one two\n  three\n  four');
    expect(wrap('a verylongnamethatcannotwrap b', 10)).toBe('a\nverylongnamethatcannotwrap\nb');
    expect(wrap('one two', Infinity)).toBe('one two');
  });
});
