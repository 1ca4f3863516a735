/** Hazards in source, in words for a terminal. */
import { rules, type Severity } from '../../core/python/rules';
import type { LintResult } from '../source/lint';
import type { Style } from './style';
import { visible, wrap } from './text';

const tone: Readonly<Record<Severity, 'bad' | 'warning' | 'quiet'>> = {
  error: 'bad',
  warning: 'warning',
  information: 'quiet',
};

const counted = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

/** @param name how a file is called here */
export function hazardLines(
  { files, results, skipped }: LintResult,
  { style, width, name }: { readonly style: Style; readonly width: number; readonly name: (file: string) => string },
): readonly string[] {
  const lines: string[] = [];
  for (const { file, hazards } of results)
    for (const { line, column, severity, rule, message, source } of hazards)
      lines.push(
        `${style.strong(`${visible(name(file))}:${String(line)}:${String(column)}`)}  ${style[tone[severity]](severity)}  ${rule}`,
        `  ${style.quiet(visible(source))}`,
        `  ${wrap(message, width - 2, 2)}`,
        '',
      );
  for (const { file, why } of skipped) lines.push(`${visible(name(file))}: not read, ${visible(why)}`);
  const found = results.reduce((sum, { hazards }) => sum + hazards.length, 0);
  const read = counted(files - skipped.length, 'file');
  lines.push(
    found === 0
      ? `${style.good('No hazards')} in ${read}.`
      : `${counted(found, 'hazard')} in ${String(results.length)} of ${read}. A comment silences one: # nanoscope: ignore[rule]`,
  );
  return lines;
}

/** Every rule, with what happens and why it matters. */
export const ruleLines = (style: Style, width: number): readonly string[] =>
  rules.flatMap(({ id, severity, title, why }) => [
    `${style.strong(id)}  ${style[tone[severity]](severity)}`,
    `  ${title}.`,
    `  ${wrap(why, width - 2, 2)}`,
    '',
  ]);
