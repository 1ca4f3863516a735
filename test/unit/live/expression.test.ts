/** What may be evaluated under a pointer: chains without calls, cut at the word that is pointed at. */
import { describe, expect, it } from 'vitest';
import { expressionAt, gives, namesIn, type Language } from '../../../src/core/live/expression';

/** `^` in the second line stands under the column that is pointed at. */
const at = (line: string, pointer: string, language: Language = 'python'): string | null =>
  expressionAt(language, line, pointer.indexOf('^'))?.text ?? null;

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

describe('in JavaScript', () => {
  const js = (line: string, pointer: string): string | null => at(line, pointer, 'javascript');

  it('is a chain of names, optional ones and private ones too, with keys', () => {
    expect(js('const y = this.layers[0].mask;', '                         ^')).toBe('this.layers[0].mask');
    expect(js('const y = this.layers[0].mask;', '           ^')).toBe('this');
    expect(js('log(out?.logits, $x)', '           ^')).toBe('out?.logits');
    expect(js('log(out?.logits, $x)', '                 ^')).toBe('$x');
    expect(js("use(feeds['attention_mask'], 1)", '            ^')).toBe("feeds['attention_mask']");
    expect(js('a.#b.c', '  ^')).toBe('a.#b');
  });

  it('is none for calls, keywords, text, templates and comments', () => {
    expect(js('await session.run(feeds)', '              ^')).toBeNull();
    expect(js('await session.run(feeds)', '                   ^')).toBe('feeds');
    expect(js('await session.run(feeds)', ' ^')).toBeNull();
    expect(js('f?.(x)', '^')).toBeNull();
    expect(js('say(`x ${x}`) // x', '     ^')).toBeNull();
    expect(js('say("x") /* x */ + x', '             ^')).toBeNull();
    expect(js('say("x") /* x */ + x', '                   ^')).toBe('x');
  });

  it('names the variables of a line', () => {
    expect([...namesIn('javascript', 'const x = this.y + $z; // w').keys()].sort()).toEqual(['$z', 'this', 'x']);
  });
});

describe('whether an expression gives a tensor', () => {
  it('asks nothing but its text: quotes and spaces may differ', () => {
    expect(gives('python', 'batch["attention_mask"]', "batch['attention_mask']")).toBe(true);
    expect(gives('python', "batch[ 'a  b' ]", 'batch["a  b"]')).toBe(true);
    expect(gives('python', "batch['a b']", "batch['a  b']")).toBe(false);
    expect(gives('javascript', "out?.logits['x']", 'out.logits["x"]')).toBe(true);
    expect(gives('javascript', 'out.logit', 'out.logits')).toBe(false);
  });

  it('takes a part of a tensor for one in Python, where it is; in JavaScript it is a number', () => {
    expect(gives('python', 'h[:, -1]', 'h')).toBe(true);
    expect(gives('python', 'hidden', 'h')).toBe(false);
    expect(gives('javascript', 'data[0]', 'data')).toBe(false);
  });
});

describe('the names of a line', () => {
  it('are those of variables, where they stand last', () => {
    const names = namesIn('python', 'x = self.x + x if "x" else y  # z');
    expect([...names.keys()].sort()).toEqual(['self', 'x', 'y']);
    expect(names.get('x')).toEqual({ text: 'x', from: 13, to: 14 });
  });
});
