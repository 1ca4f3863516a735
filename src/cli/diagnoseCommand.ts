/** `nanoscope diagnose`: the report as text, markdown or JSON; with `--apply`, before and after. */
import { markdownReport } from '../app/render/markdown';
import { terminalReport } from '../app/render/terminal';
import type { DiagnoseDeps, DiagnoseRequest } from '../app/useCases';
import { NanoscopeError } from '../core/errors';
import type { Report } from '../core/report';
import { appliedMarkdown, appliedText, undoHint } from './applied';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';
import { requestOf, type RequestOptions } from './request';

export interface DiagnoseOptions extends RequestOptions {
  readonly json?: true | undefined;
  readonly markdown?: true | undefined;
  readonly fixes: boolean;
  readonly apply?: string | undefined;
  readonly out?: string | undefined;
  readonly weights?: 'reference' | 'copy' | undefined;
  readonly rows?: readonly number[] | undefined;
  readonly allRows?: true | undefined;
}

/** @throws NanoscopeError */
export async function diagnoseCommand(
  context: Context,
  model: string,
  options: DiagnoseOptions,
  args: readonly string[],
): Promise<ExitCode> {
  checkTogether(options);
  const request = { ...requestOf(context, model, options), fixes: options.fixes };
  const deps = context.createDeps({ timeoutMs: options.timeout, memoryLimitBytes: options.memoryLimit });
  if (options.apply === undefined) {
    const report = await run(context, deps, request);
    await context.terminal.out(reportText(context, report, options, args));
    return exitCode(report);
  }
  return applyAndProve(context, deps, request, options, options.apply, args);
}

const exitCode = (report: Report): ExitCode => (report.origins.length > 0 ? 1 : 0);

async function run(context: Context, deps: DiagnoseDeps, request: DiagnoseRequest): Promise<Report> {
  const { terminal, signal, work } = context;
  try {
    return await work.diagnose(
      deps,
      request,
      {
        onProgress: (progress) => {
          terminal.progress(progress);
        },
      },
      signal,
    );
  } finally {
    terminal.clearProgress();
  }
}

/** Diagnose, write the healed copy, diagnose the copy with the same batch; the copy decides the exit code. */
async function applyAndProve(
  context: Context,
  deps: DiagnoseDeps,
  request: DiagnoseRequest,
  options: DiagnoseOptions,
  fixId: string,
  args: readonly string[],
): Promise<ExitCode> {
  const { terminal, signal, work } = context;
  const asText = options.json === undefined && options.markdown === undefined;
  const before = await run(context, deps, request);
  if (asText) {
    await terminal.out(reportText(context, before, options, args));
  }
  const out = options.out === undefined ? undefined : context.resolvePath(options.out);
  const applied = await work
    .applyFix(
      deps,
      { ...request, fixId, out, weights: options.weights },
      {
        onProgress: (progress) => {
          terminal.progress(progress);
        },
      },
      signal,
    )
    .finally(() => {
      terminal.clearProgress();
    });
  if (asText) {
    await terminal.out(`\n${terminal.outStyle.strong(appliedText(applied))}\n${undoHint(applied)}\n\n`);
  }
  const after = await run(context, deps, { ...request, model: applied.file });
  await terminal.out(
    options.json === true
      ? jsonText({ ...after, applied, before })
      : options.markdown === true
        ? `${markdownReport(before, { command: args })}\n---\n\n${appliedMarkdown(applied)}\n\n---\n\n${markdownReport(after)}`
        : reportText(context, after, options, args),
  );
  return exitCode(after);
}

function reportText(context: Context, report: Report, options: DiagnoseOptions, args: readonly string[]): string {
  if (options.json === true) {
    return jsonText(report);
  }
  if (options.markdown === true) {
    return markdownReport(report, { command: args });
  }
  const { width, outStyle } = context.terminal;
  return terminalReport(report, { width, style: outStyle, layers: options.rows, all: options.allRows });
}

function checkTogether(options: DiagnoseOptions): void {
  const clash = (message: string, hint: string): void => {
    throw new NanoscopeError('usage', message, hint);
  };
  if (options.json === true && options.markdown === true) {
    clash('--json and --markdown cannot be given together.', 'Choose one of them.');
  }
  if (options.rows !== undefined && options.allRows === true) {
    clash('--rows and --all-rows cannot be given together.', 'Choose one of them.');
  }
  if (options.apply !== undefined && options.expandAttention === true) {
    clash(
      '--expand-attention and --apply cannot be given together: a fix is written into the model as it is.',
      'Diagnose with --expand-attention to see inside, and apply a fix without it.',
    );
  }
  if (options.apply !== undefined && options.cast !== undefined) {
    clash(
      '--cast and --apply cannot be given together: a fix is written into the model as it is.',
      'Diagnose with --cast, or export the model in float32 and apply the fix to that.',
    );
  }
  if (options.apply === undefined && options.out !== undefined) {
    clash(
      '--out says where --apply writes, and there is no --apply.',
      'Add --apply FIX, or redirect the output: > FILE.',
    );
  }
  if (options.apply === undefined && options.weights !== undefined) {
    clash('--weights says how --apply writes, and there is no --apply.', 'Add --apply FIX.');
  }
}
