/** What source code may name of a model, and what the last report says of it. */
import { describe, expect, it } from 'vitest';
import { nameAt } from '../../../src/app/names/nameAt';
import { nameHover } from '../../../src/app/names/nameHover';
import { kimi } from '../../fixtures/reports/generate';
import { hostileReport } from '../../support/hostileReport';

/** `^` stands under the column that is pointed at. */
const at = (line: string, pointer: string, words = true): readonly [string, string] | null => {
  const found = nameAt(line, pointer.indexOf('^'), words);
  if (found) expect(line.slice(found.from, found.to)).toBe(found.text);
  return found && [found.text, found.as];
};

describe('the name under the pointer', () => {
  it('is a variable, an attribute, or what stands between quotes', () => {
    expect(at('x = self.self_attn(x)', '^')).toEqual(['x', 'variable']);
    expect(at('x = self.self_attn(x)', '           ^')).toEqual(['self_attn', 'attribute']);
    expect(at("hook('model.layers.0.mlp')", '               ^')).toEqual(['model.layers.0.mlp', 'text']);
    expect(at('a = "/model/mlp/MatMul"; b', '        ^')).toEqual(['/model/mlp/MatMul', 'text']);
    expect(at('a = "/model/mlp/MatMul"; b', '                         ^')).toEqual(['b', 'variable']);
    expect(at('größe = 1', '  ^')).toEqual(['größe', 'variable']);
  });

  it('is only what stands between quotes where names outside mean nothing', () => {
    expect(at('const x = "logits";', '      ^', false)).toBeNull();
    expect(at('const x = "logits";', '             ^', false)).toEqual(['logits', 'text']);
    expect(at('say("")', '    ^')).toBeNull();
    expect(at('   ', ' ^')).toBeNull();
  });
});

describe('what the last report says', () => {
  const report = kimi({ layers: 61 });
  const rows = (card: string | null): string[] => (card ?? '').split('\n').filter((line) => /^\| [^- ]/.test(line));

  it('of a module: its row in every layer, those alike joined, and the NaN that begins there', () => {
    const card = nameHover(report, { text: 'self_attn', as: 'attribute' });
    expect(rows(card)).toEqual([
      '| layer 0 attention | 30/35 pad only | 0/35 |',
      '| layer 1 attention | 35/35 reaches real | 0/35 |',
      '| layers 2–60 attention | 35/35 | 0/35 |',
    ]);
    expect(card).toContain('\n|  | sample 0 (30 pad) | sample 1 |\n');
    expect(card).toMatch(/^`self_attn` in the last diagnosis: `/);
    expect(card).toMatch(
      /\*\*NaN begins here\*\*, layer 0 \(`fully-masked-row`\): Every score of these query rows is −inf/,
    );
  });

  it('of one module of one layer, by its path', () => {
    const label = report.table.find(
      ({ layer, stage, port }) => layer === 7 && stage === 'mlp' && port === 'out',
    )?.label;
    expect(label).toMatch(/layers\.7\./);
    expect(rows(nameHover(report, { text: label ?? '', as: 'text' }))).toEqual(['| layer 7 mlp | 35/35 | 0/35 |']);
  });

  it('of a tensor and of a node, by their names anywhere', () => {
    const made = report.table.find(({ layer, stage, port }) => layer === 1 && stage === 'attention' && port === 'out');
    for (const text of [made?.tensor ?? '', made?.node ?? '']) {
      expect(rows(nameHover(report, { text, as: 'text' }))).toEqual([
        '| layer 1 attention | 35/35 reaches real | 0/35 |',
      ]);
    }
    const output = report.table.at(-1)?.tensor ?? '';
    expect(rows(nameHover(report, { text: output, as: 'variable' }))).toEqual(['| logits | 35/35 | 0/35 |']);
  });

  it('of the node where NaN is born, though it has no row', () => {
    const [origin] = report.origins;
    const card = nameHover(report, { text: origin?.node ?? '', as: 'text' });
    expect(rows(card)).toEqual([]);
    expect(card).toContain('NaN begins here');
  });

  it.each([
    ['x', 'attribute'],
    ['self_att', 'attribute'],
    ['self_attn', 'variable'],
    ['', 'text'],
    ['..', 'text'],
    ['layers.61.mlp', 'text'],
    ['layers.0.mlp.layers.1', 'text'],
    ['constructor', 'attribute'],
    ['__proto__', 'attribute'],
  ] as const)('is nothing of %s as %s', (text, as) => {
    expect(nameHover(report, { text, as })).toBeNull();
  });

  it('is markdown that nothing in a hostile model can break out of', () => {
    const hostile = hostileReport();
    const cards = hostile.table.flatMap(({ tensor, node, label }) =>
      [tensor, node ?? '', label].map((text) => nameHover(hostile, { text, as: 'text' })),
    );
    const told = cards.filter((card) => card !== null);
    expect(told.length).toBeGreaterThan(0);
    for (const card of told) {
      expect(card).not.toMatch(/<(?!code>|\/code>)/);
      expect(card).not.toMatch(/\]\(|!\[/);
    }
  });
});
