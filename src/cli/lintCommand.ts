/** `nanoscope lint`: hazards in Python source, before anything runs. */
import { hazardLines, ruleLines } from '../app/render/hazards';
import { sarif } from '../app/render/sarif';
import type { LintResult } from '../app/source/lint';
import { NanoscopeError } from '../core/errors';
import { rules } from '../core/python/rules';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';

export interface LintOptions {
  readonly json?: true | undefined;
  readonly sarif?: true | undefined;
  readonly off?: readonly string[] | undefined;
  readonly rules?: true | undefined;
}

/** @throws NanoscopeError */
export async function lintCommand(context: Context, paths: readonly string[], options: LintOptions): Promise<ExitCode> {
  const { terminal, signal, work, version } = context;
  const { outStyle: style, width } = terminal;
  if (options.json === true && options.sarif === true)
    throw new NanoscopeError('usage', '--json and --sarif exclude each other.', 'Choose one of them.');
  const unknown = (options.off ?? []).find((id) => !rules.some((rule) => rule.id === id));
  if (unknown !== undefined)
    throw new NanoscopeError('usage', `There is no rule ${unknown}.`, 'List them with: nanoscope lint --rules');
  if (options.rules === true) {
    const told = rules.map(({ id, severity, title, why, guide }) => ({ id, severity, title, why, guide }));
    await terminal.out(options.json === true ? jsonText({ rules: told }) : ruleLines(style, width).join('\n'));
    return 0;
  }
  if (paths.length === 0)
    throw new NanoscopeError('usage', 'Which files?', 'Name files or folders: nanoscope lint src train.py');
  const result = await work.lint(
    context.source,
    paths.map((path) => context.resolvePath(path)),
    new Set(options.off),
    signal,
  );
  const name = (file: string): string => context.relativePath(file);
  if (options.sarif === true) await terminal.out(jsonText(sarif(result, version, (file) => addressOf(name(file)))));
  else if (options.json === true) await terminal.out(jsonText(namedAs(result, name)));
  else await terminal.out(`${hazardLines(result, { style, width, name }).join('\n')}\n`);
  const serious = result.results.some(({ hazards }) => hazards.some(({ severity }) => severity !== 'information'));
  return serious ? 1 : 0;
}

/** As an address: `#` and `?` would begin another part of it. */
const addressOf = (file: string): string =>
  encodeURI(file.replaceAll('\\', '/')).replaceAll('#', '%23').replaceAll('?', '%3F');

const namedAs = (result: LintResult, name: (file: string) => string): object => ({
  schemaVersion: 1,
  ...result,
  results: result.results.map((one) => ({ ...one, file: name(one.file) })),
  skipped: result.skipped.map((one) => ({ ...one, file: name(one.file) })),
});
