/** A comparison as GitHub's Markdown: verdict first, then the variants and the stages. */
import type { Comparison } from '../../../core/compare/types';
import { sampleTitle } from '../batch';
import { code, markdownTable, prose } from '../escape';
import { comparedLines, type ComparedChoice } from './rows';
import { cellText } from './terminal';
import { patternName, variantFacts, wholeText } from './words';

/** Ends with a newline. */
export function markdownComparison(comparison: Comparison, choice: ComparedChoice = {}): string {
  const { variants, verdict, notes } = comparison;
  return `${[
    '# Comparison',
    `**${prose(verdict.sentence)}**`,
    markdownTable(
      ['', 'variant', 'model', 'pattern', 'result'],
      variants.map((variant, at) => [
        String(at + 1),
        prose(variant.label),
        code(variant.model),
        patternName(variant.pattern),
        prose(variantFacts(variant, comparison)),
      ]),
    ),
    stages(comparison, choice),
    notes.map((note) => `- ${prose(note)}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function stages(comparison: Comparison, choice: ComparedChoice): string {
  const { variants } = comparison;
  const columns = variants.flatMap(({ label, roles, memoryRoles }, variant) =>
    roles.map((_, sample) => ({
      variant,
      sample,
      title: `${label}: ${sampleTitle({ roles, ...(memoryRoles && { memory: { positions: 0, roles: memoryRoles } }) }, sample)}`,
    })),
  );
  const lines = comparedLines(comparison, choice);
  if (lines.length === 0) return 'No row differs between the variants.';
  return markdownTable(
    ['stage', ...columns.map(({ title }) => prose(title))],
    lines.map((line) => {
      if (line.kind === 'fold') return [prose(`… ${line.layers}: the same`), ...columns.map(() => '')];
      const name = [line.layer, line.name].filter((part) => part !== null).join(' ');
      return [
        `${prose(name)}${line.row.same ? '' : ' **≠**'}`,
        ...columns.map(({ variant, sample }) => {
          const cell = line.row.cells[variant]?.[sample];
          const whole = line.row.whole?.[variant] ?? null;
          if (!cell && whole !== null && sample === 0) return wholeText(whole);
          return cell ? cellText(cell) : '–';
        }),
      ];
    }),
  );
}
