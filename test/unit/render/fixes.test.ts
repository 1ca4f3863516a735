/** Fixes in words: the recommendation first, figures side by side, traps as warnings, what does not apply last. */
import { describe, expect, it } from 'vitest';
import {
  batchesText,
  firstDifferent,
  fixGroups,
  nanLeft,
  referenceSentences,
  whyText,
} from '../../../src/app/render/fixes';
import { markdownReport } from '../../../src/app/render/markdown';
import { createStyle } from '../../../src/app/render/style';
import { terminalReport } from '../../../src/app/render/terminal';
import type { FixResult, Report } from '../../../src/core/report';
import { verdictSentence } from '../../../src/core/trace/verdict';
import { seedReport } from '../../support/seedReport';

const fix = (id: string, more: Partial<FixResult> = {}): FixResult => ({
  id,
  kind: 'graph',
  title: `Title of ${id}`,
  effect: `Effect of ${id}.`,
  verdict: 'heals',
  reason: '',
  reference: 'unpadded',
  nanAfter: 0,
  realNanAfter: 0,
  realMaxAbsDiff: 2e-6,
  tolerance: 1e-5,
  topTokenSame: true,
  costRatio: 1,
  edits: 3,
  ...more,
});

const hides = fix('nan-to-num-logits', {
  kind: 'trap',
  verdict: 'hides',
  realMaxAbsDiff: 3.7,
  topTokenSame: false,
});
const declines = fix('eps', {
  verdict: 'declines',
  reason: 'No NaN is born in a division.',
  nanAfter: null,
  realNanAfter: null,
  realMaxAbsDiff: null,
  topTokenSame: null,
  costRatio: null,
});
const report: Report = {
  ...seedReport(),
  recommendation: { fix: 'a', sentence: 'Apply a: it heals with the fewest edits.' },
  fixes: [
    fix('a'),
    fix('same-length-batches', { kind: 'batch', edits: 0, batches: [[0, 2], [1]], costRatio: 0.61 }),
    fix('b', { verdict: 'partial', nanAfter: 30, reason: 'NaN is left at 30 pad positions.' }),
    hides,
    declines,
    fix('drop-padding-mask', { ...declines, kind: 'trap' }),
  ],
};

/** From a heading to the next blank line. */
const section = (text: string): string => text.split('\n\n').find((part) => part.startsWith('Fixes\n')) ?? '';

describe('in a terminal', () => {
  const lines = section(terminalReport(report, { width: 100, style: createStyle(false) })).split('\n');

  it('the recommendation stands first, then one aligned line for each that was tried', () => {
    expect(lines.slice(0, 6)).toEqual([
      'Fixes',
      '  Apply a: it heals with the fewest edits.',
      '  fix                  verdict  NaN left   real tokens differ  top token  cost',
      '  a                    heals    0          2e-6                same       ×1.00',
      '  same-length-batches  heals    0          2e-6                same       ×0.61',
      '  b                    partial  30 (pads)  2e-6                same       ×1.00',
    ]);
  });

  it('says which samples go together, what a fix leaves, and which do not apply', () => {
    const text = lines.join('\n');
    expect(text).toContain(
      '· same-length-batches: Title of same-length-batches. Batch 1: samples 0, 2; batch 2: sample 1.',
    );
    expect(text).toContain('· b: Title of b. NaN is left at 30 pad positions.');
    expect(lines.at(-2)).toBe('  Do not apply here: eps.');
    expect(lines.at(-1)).toBe('  To write a healed copy, add --apply a');
  });

  it('a trap is a warning with its figures, never a line of the table', () => {
    const at = lines.indexOf('  What only looks like a fix:');
    expect(at).toBeGreaterThan(6);
    expect(
      lines
        .slice(at + 1)
        .join(' ')
        .replaceAll(/\s+/g, ' '),
    ).toContain(
      'nan-to-num-logits: Title of nan-to-num-logits: no NaN, and real tokens are wrong by 3.7, the top token among them. Effect of nan-to-num-logits.',
    );
    expect(lines.filter((line) => line.startsWith('  nan-to-num-logits '))).toEqual([]);
    expect(lines.join('\n')).not.toContain('drop-padding-mask');
  });

  const fixesOf = (fixes: readonly FixResult[], id: string | null): string =>
    section(
      terminalReport(
        { ...report, fixes, recommendation: { fix: id, sentence: 'So.' } },
        { width: 200, style: createStyle(false) },
      ),
    );

  it('what holds for several fixes is said once', () => {
    const shifted = { verdict: 'hides', reason: 'Real tokens differ.', paddingShift: 0.21 } as const;
    const text = fixesOf([fix('a', shifted), fix('b', shifted), fix('c')], 'c');
    expect(text).toContain(
      [
        '  · a: Title of a.',
        '  · b: Title of b.',
        '      All of them: Real tokens differ. Padding alone shifts real tokens by 0.21: positions are counted from the wrong end.',
        '  · c: Title of c.',
      ].join('\n'),
    );
  });

  it('of a set only what changes the model is written into it', () => {
    const both = fix('a+position-ids-from-mask', { kind: 'combination', parts: ['a', 'position-ids-from-mask'] });
    const fed = fix('position-ids-from-mask', { kind: 'batch', verdict: 'fails', nanAfter: 9, realNanAfter: 4 });
    expect(fixesOf([both, fed], both.id)).toContain('add --apply a; position-ids-from-mask is for whoever feeds it');
    // Computed in the graph it is one of its fixes, and the one of the batch does not apply.
    expect(fixesOf([both, { ...declines, id: fed.id, kind: 'batch' }], both.id)).toMatch(
      /add --apply a\+position-ids-from-mask$/,
    );
  });

  it('no command is offered where the recommended fix is one of the batch, or none heals', () => {
    expect(fixesOf([fix('right-padding', { kind: 'batch' })], 'right-padding')).not.toContain('--apply');
    expect(fixesOf([fix('b', { verdict: 'partial', nanAfter: 30 })], null)).not.toContain('--apply');
  });
});

describe('in Markdown', () => {
  const text = markdownReport(report);

  it('has the recommendation before the table and traps under a heading of their own', () => {
    const order = ['**Apply a: it heals', '| fix | changes |', '### What only looks like a fix', '<details>'];
    const places = order.map((part) => text.indexOf(part));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(text).toContain('| `same-length-batches` | batch | **heals** | 0 | 2e-6 | same | ×0.61 |');
    expect(text).not.toContain('| `nan-to-num-logits` |');
    expect(text).toContain('- `eps`: No NaN is born in a division.');
  });
});

describe('words', () => {
  it('a trap is no fix in the verdict either', () => {
    const lucky = fix('nan-to-num-logits', { kind: 'trap' });
    const { recommendation: _, ...rest } = report;
    expect(verdictSentence({ ...rest, fixes: [fix('b', { verdict: 'fails' }), lucky] })).toMatch(
      /No fix that was tried heals\.$/,
    );
    expect(verdictSentence({ ...rest, fixes: [lucky] })).not.toContain('Fix “');
  });

  it('the verdict names the fix that is recommended, and how many others heal', () => {
    expect(
      verdictSentence({ ...report, fixes: [fix('x'), fix('a')], recommendation: { fix: 'a', sentence: 'So.' } }),
    ).toMatch(/Fix “Title of a” heals; so does one other\.$/);
  });

  it.each<[Partial<FixResult>, string]>([
    [{ nanAfter: 0 }, '0'],
    [{ nanAfter: 30, realNanAfter: 0 }, '30 (pads)'],
    [{ nanAfter: 35, realNanAfter: 5 }, '35 (5 real)'],
    [{ nanAfter: null }, '–'],
  ])('NaN left: %j', (more, words) => {
    expect(nanLeft(fix('a', more))).toBe(words);
  });

  it('where real tokens begin to differ', () => {
    const place = { block: 'self', stage: 'attention', port: 'out' } as const;
    const byRow = [
      { ...place, layer: 0, maxAbsDiff: 1e-7 },
      { ...place, layer: 3, maxAbsDiff: 'NaN' as const },
      { ...place, layer: 4, maxAbsDiff: 2 },
    ];
    const wrong = fix('x', { verdict: 'hides', reason: 'Real tokens differ.', byRow });
    expect(firstDifferent(wrong)?.layer).toBe(3);
    expect(whyText(wrong)).toBe('Real tokens differ. They differ from layer 3 attention on.');
    expect(firstDifferent(fix('x', { byRow: byRow.slice(0, 1) }))).toBeNull();
  });

  it('padding that shifts positions is told apart; a shift within the tolerance is none', () => {
    expect(whyText(fix('a', { paddingShift: 0.21 }))).toMatch(/shifts real tokens by 0\.21: positions/);
    expect(whyText(fix('a', { paddingShift: 4e-6 }))).not.toContain('shifts');
  });

  it('references: one sentence, or one for each with the fixes that it is for', () => {
    expect(referenceSentences([fix('a'), fix('b')])).toEqual([
      'compared with each sample run alone, without padding, tolerance 1e-5.',
    ]);
    const wide = fix('c', { reference: 'high-precision', tolerance: 0.01 });
    expect(referenceSentences([fix('a'), wide, declines])).toEqual([
      'a: compared with each sample run alone, without padding, tolerance 1e-5.',
      'c: compared with the same batch in higher precision, tolerance 0.01.',
    ]);
    expect(referenceSentences([fix('d', { reference: 'none', tolerance: null, verdict: 'unproven' })])).toEqual([]);
  });

  it('groups and batches', () => {
    const { tried, warnings, declined } = fixGroups(report.fixes ?? []);
    expect([tried, warnings, declined].map((own) => own.map(({ id }) => id))).toEqual([
      ['a', 'same-length-batches', 'b'],
      ['nan-to-num-logits'],
      ['eps'],
    ]);
    expect(batchesText([[0], [1, 2]])).toBe('batch 1: sample 0; batch 2: samples 1, 2');
  });
});
