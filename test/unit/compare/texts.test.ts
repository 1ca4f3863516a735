/** A comparison as text, Markdown and CSV; names come from files that nobody vouched for. */
import { describe, expect, it } from 'vitest';
import { csvComparison } from '../../../src/app/render/compare/csv';
import { markdownComparison } from '../../../src/app/render/compare/markdown';
import { terminalComparison } from '../../../src/app/render/compare/terminal';
import { createStyle } from '../../../src/app/render/style';
import { compareRuns } from '../../../src/core/compare/compare';
import { run, type RowInit } from './support';

const rows = (layers: number, ...nanAt: readonly string[]): RowInit[] => [
  { layer: null, stage: 'embed', nanAt: nanAt.map(() => ''), label: 'embed_tokens' },
  ...Array.from({ length: layers }, (_, layer): RowInit => ({ layer, stage: 'attention', nanAt, label: 'self_attn' })),
  { layer: null, stage: 'logits', nanAt, label: 'lm_head' },
];
const plain = { width: 100, style: createStyle(false) };

const sick = run('left', ['ppr', 'rrr'], rows(2, '0-1', ''));
const clean = run('right', ['rpp', 'rrr'], rows(2, '', ''));

describe('in a terminal', () => {
  it('is variants, stages × samples, and the verdict', () => {
    expect(terminalComparison(compareRuns([sick, clean], ['padding']), plain)).toBe(
      [
        '1  left   NaN at padding only; pattern A',
        '2  right  no NaN; pattern B',
        '',
        '                      left                            right',
        '  stage               sample 0 (2 pad)    sample 1    sample 0 (2 pad)    sample 1',
        '  embed_tokens        0/3                 0/3         0/3                 0/3',
        '≠ layer 0  attention  2/3 pad only        0/3         0/3                 0/3',
        '≠ layer 1  attention  2/3 pad only        0/3         0/3                 0/3',
        '≠ logits              2/3 pad only        0/3         0/3                 0/3',
        '',
        'NaN in left, none in right: the side of the padding makes the difference. The first difference is at',
        'layer 0 attention: 2/3 in left; 0/3 in right (sample 0).',
        '',
      ].join('\n'),
    );
  });

  it('folds layers that are alike, and says that nothing differs', () => {
    const deep = run('a', ['rr'], rows(61, '0'));
    const text = terminalComparison(compareRuns([deep, deep], ['model']), plain);
    expect(text).toContain('… layers 1–60: the same');
    expect(text.split('\n').length).toBeLessThan(15);
    const differences = terminalComparison(compareRuns([deep, deep], ['model']), { ...plain, differences: true });
    expect(differences).toContain('No row differs between the variants.');
  });

  it('leaves columns out that repeat others, where there is no room for all', () => {
    const ranks = [sick, sick, clean, sick, clean].map((one, at) => ({ ...one, label: `rank ${String(at)}` }));
    const comparison = compareRuns(ranks, ['sharding']);
    const narrow = terminalComparison(comparison, { ...plain, width: 100 });
    expect(narrow).toContain('Columns of 2, 4 show the same as those of 1, those of 5 show the same as those of 3.');
    expect(narrow).toContain(`  ${' '.repeat(18)}  rank 0                          rank 2\n`);
    const wide = terminalComparison(comparison, { ...plain, width: 300 });
    expect(wide).toMatch(/rank 0 +rank 1 +rank 2 +rank 3 +rank 4/);
    expect(wide).not.toContain('Columns of');
    expect(terminalComparison(comparison, { ...plain, width: 100, all: true })).not.toContain('Columns of');
  });

  it('keeps to the width, whatever variants are called, and lets no name drive the terminal', () => {
    const hostile = { ...sick, label: `\u001b[31m${'long name '.repeat(20)}\u202e` };
    const text = terminalComparison(compareRuns([hostile, clean, clean], ['model']), { ...plain, width: 60 });
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u202e');
    const table = text.split('\n').filter((line) => /\d\/\d/.test(line) && !line.startsWith('NaN'));
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});

describe('as CSV', () => {
  it('has a line per row, variant and sample, quoted where it must be', () => {
    const named = { ...sick, label: 'say "left", please' };
    const lines = csvComparison(compareRuns([named, clean], ['padding'])).split('\r\n');
    expect(lines[0]).toBe('layer,block,stage,port,label,same,variant,sample,nan,of,pad_nan,pad,real_nan,real,nan_at');
    expect(lines).toHaveLength(1 + 4 * 2 * 2 + 1);
    expect(lines[5]).toBe('0,,attention,out,self_attn,false,"say ""left"", please",0,2,3,2,2,0,1,0-1');
  });

  it('is no formula when a spreadsheet opens it', () => {
    const hostile = run('=HYPERLINK("x")', ['r'], [{ layer: 0, stage: 'other', nanAt: ['0'], label: '@cmd|calc' }]);
    const text = csvComparison(compareRuns([hostile, hostile], ['model']));
    expect(text).toContain(`'@cmd|calc`);
    expect(text).toContain(`"'=HYPERLINK(""x"")"`);
  });
});

describe('as Markdown', () => {
  it('is a table whose names cannot leave their cells', () => {
    const hostile = { ...sick, label: 'a|b\n# <img src=x>' };
    const text = markdownComparison(compareRuns([hostile, clean], ['padding']));
    expect(text).toContain('| layer 0 attention **≠** | 2/3 pad only | 0/3 | 0/3 | 0/3 |');
    expect(text).not.toContain('<img');
    expect(text.split('\n').some((line) => line.startsWith('# <'))).toBe(false);
  });
});
