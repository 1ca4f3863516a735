/**
 * Every rule on sources as people write them: a line that ends with `# rule-id` must be found, every other line must
 * not be.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { placed } from '../../../src/app/source/lint';
import { findHazards, mayHaveHazards, type Hazard } from '../../../src/core/python/findings';
import { silencing } from '../../../src/core/python/silence';
import { rules } from '../../../src/core/python/rules';
import { ended } from '../../../src/core/python/syntax';
import type { PythonParser } from '../../../src/runtime/python/parser';
import { pythonParser } from '../../support/pythonParser';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../fixtures/python/hazards');
const files = readdirSync(folder).filter((name) => name.endsWith('.py'));

let parser: PythonParser;
beforeAll(async () => {
  parser = await pythonParser();
});

function search(text: string, off: readonly string[] = []): readonly Hazard[] {
  return ended(findHazards(parser.parse(text), new Set(off)));
}

const found = (text: string, off: readonly string[] = []): string[] =>
  placed(search(text, off), text).map(({ line, rule }) => `${String(line)} ${rule}`);

/** What the source says of itself. */
const expected = (text: string): string[] =>
  text.split('\n').flatMap((line, at) => {
    const [, ids] = /#\s*((?:[a-z]+-)+[a-z]+(?:, (?:[a-z]+-)+[a-z]+)*)$/.exec(line) ?? [];
    return (ids?.split(', ') ?? []).map((id) => `${String(at + 1)} ${id}`);
  });

describe('hazards in source', () => {
  it.each(files)('of %s are found where they are, and nowhere else', (name) => {
    const text = readFileSync(path.join(folder, name), 'utf8');
    expect(found(text)).toEqual(expected(text));
    expect(expected(text).length > 0, 'what is not parsed cannot be found').toBe(
      mayHaveHazards(text) && name !== 'right_padding.py',
    );
  });

  it('every rule has a line that it finds, and lines beside it that it does not', () => {
    const all = files.flatMap((name) => expected(readFileSync(path.join(folder, name), 'utf8')));
    expect([...new Set(all.map((one) => one.split(' ')[1]))].sort()).toEqual(rules.map(({ id }) => id).sort());
  });

  it('can be switched off by rule', () => {
    const text = 'import torch\ny = torch.exp(x) / torch.exp(x).sum()\n';
    expect(found(text)).toEqual(['2 softmax-no-max']);
    expect(found(text, ['softmax-no-max'])).toEqual([]);
  });

  it('are silenced by a comment on the line, above it, or for the file', () => {
    const line = 'y = torch.exp(x) / torch.exp(x).sum()';
    expect(found(`${line}  # nanoscope: ignore\n`)).toEqual([]);
    expect(found(`# nanoscope: ignore[softmax-no-max, other]\n${line}\n`)).toEqual([]);
    expect(found(`# nanoscope: ignore[other]\n${line}\n`)).toEqual(['2 softmax-no-max']);
    expect(found(`${line}\n${line}  # NaNoscope: ignore\n`)).toEqual(['1 softmax-no-max']);
    expect(found(`${line}\n# nanoscope: ignore-file\n`)).toEqual([]);
    expect(found(`text = "# nanoscope: ignore-file"\n${line}\n`)).toEqual(['2 softmax-no-max']);
  });

  it('are silenced by several comments on a line', () => {
    const line = 'y = torch.log(x @ w) / x.norm()';
    const [one, other] = ['# nanoscope: ignore[domain-not-guarded]', '# nanoscope: ignore[division-no-epsilon]'];
    expect(found(`${line}  # why not  ${one}\n`)).toEqual(['1 division-no-epsilon']);
    expect(found(`${line}  ${one}  ${other}\n`)).toEqual([]);
    expect(found(`${one}\n${other}\n${line}\n`)).toEqual(['3 domain-not-guarded']);
  });

  it.each([
    ['at the end of their line', 'y = x / x.norm()\n', 'y = x / x.norm()  # nanoscope: ignore[division-no-epsilon]\n'],
    [
      'behind a comment',
      'y = x / x.norm()  # why\r\n',
      'y = x / x.norm()  # why  # nanoscope: ignore[division-no-epsilon]\r\n',
    ],
    [
      'in a list that is there',
      'y = x / x.norm()  # nanoscope: ignore[other]',
      'y = x / x.norm()  # nanoscope: ignore[other, division-no-epsilon]',
    ],
    [
      'before a line that goes on',
      'y = (x /  # why\n  x.norm()) + \\\n  1\n',
      'y = (x /  # why  # nanoscope: ignore[division-no-epsilon]\n  x.norm()) + \\\n  1\n',
    ],
    ['not inside of a text', 'y = f(x / x.norm(), """\n""")\n', null],
    ['not behind a backslash', 'y = x / x.norm() + \\\n  1\n', null],
  ])('get such a comment %s', (_, text, after) => {
    const [hazard] = search(text);
    if (!hazard) throw new Error('no hazard');
    const edit = silencing(parser.parse(text), hazard);
    expect(edit && text.slice(0, edit.from) + edit.text + text.slice(edit.to)).toBe(after);
    if (after !== null) expect(found(after)).toEqual([]);
  });

  it('of one statement over several lines are silenced by its last line too', () => {
    expect(found('y = (torch.exp(x)\n    / torch.exp(x).sum())  # nanoscope: ignore\n')).toEqual([]);
  });
});

describe('sources that nobody planned for', () => {
  const bad = 'weights = scores.masked_fill(mask == 0, float("-inf")).softmax(-1)\n';

  it.each([
    ['nothing', ''],
    ['a byte order mark', `\ufeff${bad}`],
    ['other line ends', bad.replaceAll('\n', '\r\n')],
    ['tabs', `def f(scores, mask):\n\t${bad}`],
    ['a broken line before', `def broken(:\n${bad}`],
    ['characters of two units', `name = "𝛼𝛽"\n${bad}`],
    ['async code', `async def f(scores, mask):\n    ${bad}`],
    ['a match', `match kind:\n    case 1:\n        ${bad}`],
    ['a decorator', `@torch.no_grad()\ndef f(scores, mask):\n    ${bad}`],
    ['a walrus', `if (scores := scores.masked_fill(mask == 0, float("-inf"))) is not None:\n    scores.softmax(-1)\n`],
    ['a loop', `for layer in layers:\n    ${bad}`],
    ['a try', `try:\n    ${bad}except ValueError:\n    pass\n`],
    ['a comprehension', `all_ = [s.masked_fill(mask == 0, float("-inf")).softmax(-1) for s in scores]\n`],
    ['a lambda', `f = lambda s, mask: s.masked_fill(mask == 0, float("-inf")).softmax(-1)\n`],
    ['a nested function', `def f():\n    def g(scores, mask):\n        ${bad}    return g\n`],
  ])('%s', (name, text) => {
    expect(search(text)).toHaveLength(name === 'nothing' ? 0 : 1);
  });

  it('a function that calls itself, and two that call one another', () => {
    const text = `def f(x):\n    return f(x)\ndef g(x):\n    return h(x)\ndef h(x):\n    ${bad}    return g(x)\n`;
    expect(search(text)).toHaveLength(1);
  });

  it('nesting without end', () => {
    expect(search(`x = ${'('.repeat(5000)}1${')'.repeat(5000)}\n${bad}`).length).toBeLessThanOrEqual(1);
    expect(search(`x = ${'-'.repeat(5000)}1\n${bad}`)).toHaveLength(1);
    expect(search(`x = a${' + a'.repeat(5000)}\n${bad}`)).toHaveLength(1);
    expect(search(`x = a${'.b()'.repeat(3000)}\n${bad}`)).toHaveLength(1);
    const tables = '    t = {"a": t, "b": t}\n'.repeat(60);
    expect(search(`if a:\n    t = {}\n${tables}else:\n    t = {}\n${tables}t["a"][k]\n${bad}`)).toHaveLength(1);
    const loops = Array.from({ length: 60 }, (_, at) => `${' '.repeat(at)}for a in b:\n`).join('');
    expect(search(`${loops}${' '.repeat(60)}${bad}`)).toHaveLength(1);
  });

  it('names that objects of JavaScript have', () => {
    const text =
      'def constructor(__proto__, toString):\n    hasOwnProperty = __proto__ + toString\n    return self.valueOf\n';
    expect(search(`${text}constructor(1, 2)\nx.constructor(1).toString()\n${bad}`)).toHaveLength(1);
  });
});
