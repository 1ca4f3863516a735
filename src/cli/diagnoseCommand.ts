/** `nanoscope diagnose`: the report as text, markdown or JSON; with `--apply`, before and after. */
import { commandLine } from '../app/render/command';
import { markdownReport } from '../app/render/markdown';
import { terminalReport } from '../app/render/terminal';
import { visible } from '../app/render/text';
import { code } from '../app/render/escape';
import type { ApplyResult, DiagnoseDeps, DiagnoseRequest } from '../app/useCases';
import { isBuiltin } from '../core/models';
import { NanoscopeError } from '../core/errors';
import type { EngineLevel, Report } from '../core/report';
import { lengthSpec, type BatchOptions } from './arguments';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';

export interface DiagnoseOptions extends BatchOptions {
  readonly mask?: string | undefined;
  readonly level: EngineLevel;
  readonly cast?: 'float32' | undefined;
  readonly expandAttention?: true | undefined;
  readonly json?: true | undefined;
  readonly markdown?: true | undefined;
  readonly fixes: boolean;
  readonly apply?: string | undefined;
  readonly out?: string | undefined;
  readonly weights?: 'reference' | 'copy' | undefined;
  readonly rows?: readonly number[] | undefined;
  readonly allRows?: true | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
  /** Bytes. */
  readonly memoryLimit?: number | undefined;
}

/** @throws NanoscopeError */
export async function diagnoseCommand(
  context: Context,
  model: string,
  options: DiagnoseOptions,
  args: readonly string[],
): Promise<ExitCode> {
  checkTogether(options);
  const request = requestOf(context, model, options);
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

const weightsText: Readonly<Record<ApplyResult['weights'], string>> = {
  inside: 'weights inside the file',
  referenced: 'big weights are read from the original file, which must stay where it is',
  copied: 'big weights copied along',
};

const appliedText = (applied: ApplyResult): string =>
  `Applied ${visible(applied.fixId)}: ${String(applied.edits)} ${applied.edits === 1 ? 'edit' : 'edits'}, written to ${visible(applied.file)} (${weightsText[applied.weights]}).`;

const undoHint = (applied: ApplyResult): string => `To remove it: ${visible(commandLine(['undo', applied.file]))}`;

const appliedMarkdown = (applied: ApplyResult): string =>
  `**Applied ${code(applied.fixId)}**: ${String(applied.edits)} ${applied.edits === 1 ? 'edit' : 'edits'}, written to ${code(applied.file)} (${weightsText[applied.weights]}).`;

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

function requestOf(context: Context, model: string, options: DiagnoseOptions): DiagnoseRequest {
  return {
    model: isBuiltin(model) ? model : context.resolvePath(model),
    inputsFile: options.inputs === undefined ? undefined : context.resolvePath(options.inputs),
    lengths: lengthSpec(options),
    mask: options.mask,
    userLevel: options.level,
    cast: options.cast,
    expandAttention: options.expandAttention,
    fixes: options.fixes,
  };
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
