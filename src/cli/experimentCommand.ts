/** `nanoscope experiment`: what the investigation tried, run again. */
import { experimentNamed } from '../app/experiments/experiment';
import { markdownExperiment } from '../app/render/experiments/markdown';
import { terminalExperiment } from '../app/render/experiments/terminal';
import { terminalComparison } from '../app/render/compare/terminal';
import { wrap } from '../app/render/text';
import { experimentIds, experiments } from '../core/experiments/catalog';
import type { ExperimentResult } from '../core/experiments/types';
import { NanoscopeError } from '../core/errors';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';

export interface ExperimentOptions {
  readonly all?: true | undefined;
  readonly layers?: number | undefined;
  readonly lengths?: readonly number[] | undefined;
  readonly rows?: readonly number[] | undefined;
  readonly json?: true | undefined;
  readonly markdown?: true | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

/** @throws NanoscopeError */
export async function experimentCommand(
  context: Context,
  names: readonly string[],
  options: ExperimentOptions,
): Promise<ExitCode> {
  const { terminal, signal, work } = context;
  if (options.json === true && options.markdown === true)
    throw new NanoscopeError('usage', '--json and --markdown cannot be given together.', 'Choose one of them.');
  if (options.all === true && names.length > 0)
    throw new NanoscopeError('usage', '--all runs every experiment, and some are named.', 'Leave one of them out.');
  if (options.all !== true && names.length === 0) {
    await terminal.out(options.json === true ? jsonText({ experiments }) : list(context));
    return 0;
  }
  const ids = options.all === true ? experimentIds : names.map(experimentNamed);
  if (options.lengths !== undefined && !ids.includes('extraction-plan'))
    throw new NanoscopeError(
      'usage',
      '--lengths is what extraction-plan plans for, and that is not named.',
      'Name extraction-plan too, or leave --lengths out.',
    );
  const results: ExperimentResult[] = [];
  const print = async (result: ExperimentResult): Promise<void> => {
    results.push(result);
    if (options.json === true) return;
    const gap = results.length > 1 ? '\n' : '';
    await terminal.out(gap + (options.markdown === true ? markdownExperiment(result) : text(context, result, options)));
  };
  const deps = context.createDeps({ timeoutMs: options.timeout });
  const { layers, lengths } = options;
  await work
    .runExperiments(
      deps,
      { ids, layers, lengths },
      {
        onProgress: (progress) => {
          terminal.progress(progress);
        },
      },
      print,
      signal,
    )
    .finally(() => {
      terminal.clearProgress();
    });
  const agrees = results.every((result) => result.agrees);
  if (options.json === true) await terminal.out(jsonText({ schemaVersion: 1, kind: 'experiments', agrees, results }));
  return agrees ? 0 : 1;
}

function text(context: Context, result: ExperimentResult, options: ExperimentOptions): string {
  const { width, outStyle: style } = context.terminal;
  const { comparison } = result;
  // Asked by name, an experiment shows the whole of what was laid side by side.
  const beside =
    comparison && options.all !== true
      ? `\n${terminalComparison(comparison, { width, style, layers: options.rows })}`
      : '';
  return terminalExperiment(result, { width, style }) + beside;
}

function list(context: Context): string {
  const { width, outStyle: style } = context.terminal;
  const widest = Math.max(...experiments.map(({ id }) => id.length));
  const lines = experiments.map(
    ({ id, question }) => `${style.strong(id.padEnd(widest))}  ${wrap(question, width, widest + 2)}`,
  );
  return `${lines.join('\n')}\n\n${style.quiet('Run one: nanoscope experiment nan-trace; or all of them: nanoscope experiment --all')}\n`;
}
