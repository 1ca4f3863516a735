/** An experiment as GitHub's Markdown. */
import type { ExperimentResult } from '../../../core/experiments/types';
import { markdownComparison } from '../compare/markdown';
import { markdownTable, prose } from '../escape';
import { apartFromPyTorch, checkHeads, checkMarks, explanationWords, outcomeSentence } from './words';

/** Ends with a newline. */
export function markdownExperiment(result: ExperimentResult): string {
  const { id, title, question, checks, explanation, standIns, comparison } = result;
  const apart = apartFromPyTorch(checks);
  return `${[
    `# ${prose(title)}`,
    `\`${id}\`: ${prose(question)}`,
    `**${prose(outcomeSentence(result))}**`,
    ...(apart.length === 0 ? [] : [apart.map((line) => `- ${prose(line)}`).join('\n')]),
    markdownTable(
      [...checkHeads],
      checks.map(({ what, expected, measured, pytorch, verdict }) => [
        prose(what),
        prose(expected ?? ''),
        prose([checkMarks[verdict].trim(), measured].filter((part) => part !== '').join(' ')),
        prose(pytorch ?? ''),
      ]),
    ),
    ...(explanation === null
      ? []
      : [
          `> ${prose(explanation.then)}`,
          `**${explanationWords[explanation.verdict]}.** ${prose(explanation.measured)}`,
        ]),
    ...(standIns.length === 0 ? [] : [standIns.map((line) => `- ${prose(line)}`).join('\n')]),
    ...(comparison ? [markdownComparison(comparison, { differences: false }).replace(/^# /, '## ').trimEnd()] : []),
  ].join('\n\n')}\n`;
}
