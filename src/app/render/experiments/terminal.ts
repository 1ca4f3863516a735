/** An experiment as text for a terminal. */
import type { Check, ExperimentResult } from '../../../core/experiments/types';
import type { Style } from '../style';
import { displayWidth, padTo, visible, wrap } from '../text';
import { apartFromPyTorch, checkHeads, checkMarks, explanationWords, outcomeSentence } from './words';

/** Ends with a newline. */
export function terminalExperiment(
  result: ExperimentResult,
  { width, style }: { readonly width: number; readonly style: Style },
): string {
  const { id, title, question, explanation, standIns, agrees } = result;
  const paint = agrees ? style.good : style.bad;
  return `${[
    `${style.strong(id)}  ${title}\n${style.quiet(wrap(question, width))}`,
    checks(result.checks, style).join('\n'),
    [
      paint(wrap(outcomeSentence(result), width)),
      ...apartFromPyTorch(result.checks).map((line) => style.warning(wrap(`~ ${visible(line)}`, width, 2))),
    ].join('\n'),
    ...(explanation === null
      ? []
      : [
          `${wrap(`Then:      ${explanation.then}`, width, 11)}\n${style.strong(wrap(`${explanationWords[explanation.verdict]}: ${explanation.measured}`, width, 11))}`,
        ]),
    ...(standIns.length === 0 ? [] : [standIns.map((line) => style.quiet(wrap(`- ${line}`, width, 2))).join('\n')]),
  ].join('\n\n')}\n`;
}

function checks(list: readonly Check[], style: Style): string[] {
  const cells = list.map(({ what, expected, measured, pytorch }) =>
    [what, expected ?? '', measured, pytorch ?? ''].map(visible),
  );
  // Without a word of PyTorch there is no column for it.
  const columns = checkHeads.map((_, at) => at).filter((at) => cells.some((row) => row[at] !== ''));
  const widths = columns.map((at) =>
    Math.max(...[checkHeads[at] ?? '', ...cells.map((row) => row[at] ?? '')].map(displayWidth)),
  );
  const line = (row: readonly string[], paint: (at: number, text: string) => string): string =>
    columns
      .map((at, i) => paint(at, padTo(row[at] ?? '', widths[i] ?? 0)))
      .join('   ')
      .trimEnd();
  return [
    `  ${style.heading(line(checkHeads, (_, text) => text))}`,
    ...cells.map((row, i) => {
      const { verdict } = list[i] ?? { verdict: 'measured' };
      const paint = { agrees: style.good, disagrees: style.bad, differs: style.warning, measured: plain }[verdict];
      return `${paint(checkMarks[verdict])} ${line(row, (at, text) => (at === 2 ? paint(text) : text))}`;
    }),
  ];
}

const plain = (text: string): string => text;
