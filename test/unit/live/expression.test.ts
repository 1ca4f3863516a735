/** What may be evaluated under a pointer: chains without calls, cut at the word that is pointed at. */
import { describe, expect, it } from 'vitest';
import { expressionAt, namesIn } from '../../../src/core/live/expression';

/** `^` in the second line stands under the column that is pointed at. */
const at = (line: string, pointer: string): string | null => expressionAt(line, pointer.indexOf('^'))?.text ?? null;

describe('the expression under the pointer', () => {
  it('is a name, or the chain up to what is pointed at', () => {
    expect(at('y = self.attn.mask + x', '          ^')).toBe('self.attn');
    expect(at('y = self.attn.mask + x', '               ^')).toBe('self.attn.mask');
    expect(at('y = self.attn.mask + x', '                     ^')).toBe('x');
    expect(at('y = self.attn.mask', '     ^')).toBe('self');
  });

  it('holds subscripts by numbers, names, slices and keys', () => {
    expect(at("z = batch['attention_mask'][0]", '          ^')).toBe("batch['attention_mask']");
    expect(at("z = batch['attention_mask'][0]", '                            ^')).toBe("batch['attention_mask'][0]");
    expect(at('z = h[:, -1, i]', '       ^')).toBe('h[:, -1, i]');
    expect(at('z = h[:, -1, i]', '    ^')).toBe('h');
  });

  it('is none for what would be called, a keyword, text or a comment', () => {
    expect(at('z = model(x)', '      ^')).toBeNull();
    expect(at('z = torch.softmax(x, -1)', '            ^')).toBeNull();
    expect(at('z = torch.softmax(x, -1)', '                  ^')).toBe('x');
    expect(at('return x', ' ^')).toBeNull();
    expect(at('print("x is", x)  # x', '       ^')).toBeNull();
    expect(at('print("x is", x)  # x', '                    ^')).toBeNull();
    expect(at('print("x is", x)  # x', '              ^')).toBe('x');
    expect(at('h[f(x)]', '^')).toBe('h');
    expect(at('h[f(x)].t', '        ^')).not.toBe('h[f(x)].t');
  });
});

describe('the names of a line', () => {
  it('are those of variables, where they stand last', () => {
    const names = namesIn('x = self.x + x if "x" else y  # z');
    expect([...names.keys()].sort()).toEqual(['self', 'x', 'y']);
    expect(names.get('x')).toEqual({ text: 'x', from: 13, to: 14 });
  });
});
