/** `nanoscope diff`: two stored reports, for people and for CI. */
import { diff } from '../app/compare/diff';
import { prose } from '../app/render/escape';
import { visible, wrap } from '../app/render/text';
import type { Change, ReportDiff } from '../core/compare/changes';
import { checkFormat, comparisonText, type ComparisonFormat } from './compareCommand';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';

/** @throws NanoscopeError `file-not-found`, `file-unreadable` */
export async function diffCommand(
  context: Context,
  [before, after]: readonly [string, string],
  options: ComparisonFormat,
): Promise<ExitCode> {
  checkFormat(options);
  const read = async (path: string) => ({ name: path, report: await context.readReport(context.resolvePath(path)) });
  const found = diff(await read(before), await read(after));
  await context.terminal.out(text(context, found, options));
  return found.regressed ? 1 : 0;
}

function text(context: Context, found: ReportDiff, options: ComparisonFormat): string {
  if (options.json === true) return jsonText(found);
  const compared = comparisonText(context, found.comparison, options);
  if (options.csv === true) return compared;
  if (options.markdown === true)
    return `${compared}\n## Changes\n\n${found.changes.map(({ kind, text: said }) => `- **${words[kind]}**: ${prose(said)}`).join('\n') || 'None.'}\n`;
  return `${compared}\n${changeLines(context, found.changes)}\n`;
}

const words: Readonly<Record<Change['kind'], string>> = { worse: 'worse', better: 'better', other: 'note' };

function changeLines({ terminal: { outStyle: style, width } }: Context, changes: readonly Change[]): string {
  if (changes.length === 0) return style.good('Nothing became worse or better.');
  const paint = { worse: style.bad, better: style.good, other: style.quiet };
  return changes
    .map(({ kind, text: said }) => paint[kind](wrap(`${words[kind].padEnd(6)}  ${visible(said)}`, width, 8)))
    .join('\n');
}
