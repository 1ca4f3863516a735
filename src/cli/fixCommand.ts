/** `nanoscope fix`: shows what a fix would change, or writes it into a copy or into the model itself. */
import { warningText } from '../app/render/fixes';
import { previewText } from '../app/render/preview';
import { visible, wrap } from '../app/render/text';
import type { DiagnoseEvents } from '../app/useCases';
import { NanoscopeError } from '../core/errors';
import { traps } from '../core/fix/index';
import type { Report } from '../core/report';
import { verdictSentence } from '../core/trace/verdict';
import { appliedText, undoHint } from './applied';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';
import { limitsOf, requestOf, type RequestOptions } from './request';

export interface FixOptions extends RequestOptions {
  readonly preview?: true | undefined;
  readonly snippet?: true | undefined;
  readonly inPlace?: true | undefined;
  readonly out?: string | undefined;
  readonly weights?: 'reference' | 'copy' | undefined;
  readonly json?: true | undefined;
}

/** @throws NanoscopeError */
export async function fixCommand(
  context: Context,
  model: string,
  fixId: string,
  options: FixOptions,
): Promise<ExitCode> {
  checkTogether(options);
  const { terminal, signal, work } = context;
  const request = requestOf(context, model, options);
  const deps = context.createDeps(limitsOf(options));
  const events: DiagnoseEvents = {
    onProgress: (progress) => {
      terminal.progress(progress);
    },
  };
  const clear = (): void => {
    terminal.clearProgress();
  };
  if (options.preview === true) {
    const preview = await work.previewFix(deps, { ...request, fixId }, events, signal).finally(clear);
    const { width, outStyle: style } = terminal;
    await terminal.out(options.json === true ? jsonText(preview) : previewText(preview, { width, style }));
    return 0;
  }
  if (options.snippet === true) {
    const result = await work.fixSnippet(deps, { ...request, fixId }, events, signal).finally(clear);
    await terminal.out(options.json === true ? jsonText(result) : result.code);
    return 0;
  }
  const out = options.out === undefined ? undefined : context.resolvePath(options.out);
  const how = options.inPlace === true ? { inPlace: true } : { out, weights: options.weights };
  const warning = await warningOf(fixId, () =>
    work.diagnose(deps, { ...request, fixes: true }, events, signal).finally(clear),
  );
  const applied = await work.applyFix(deps, { ...request, ...how, fixId }, events, signal).finally(clear);
  const after = await work.diagnose(deps, { ...request, model: applied.file }, events, signal).finally(clear);
  const { width, outStyle: style } = terminal;
  await terminal.out(
    options.json === true
      ? jsonText({ ...applied, ...(warning !== null && { warning }), after })
      : `${[
          ...(warning === null ? [] : [style.warning(wrap(`Warning: ${visible(warning)}`, width))]),
          style.strong(wrap(appliedText(applied), width)),
          wrap(`Now: ${visible(verdictSentence(after))}`, width),
          undoHint(applied),
        ].join('\n')}\n`,
  );
  return after.origins.length > 0 ? 1 : 0;
}

/** What a fix that only hides NaN does to real tokens of this very batch; null for every other fix. */
async function warningOf(fixId: string, diagnose: () => Promise<Report>): Promise<string | null> {
  const hiding = fixId.split('+').filter((id) => traps.some((trap) => trap.id === id));
  if (hiding.length === 0) return null;
  const { fixes = [] } = await diagnose();
  const told = hiding.flatMap((id) =>
    fixes.filter((fix) => fix.id === id && fix.verdict !== 'declines').map(warningText),
  );
  return told.length === 0 ? null : told.join(' ');
}

function checkTogether({ preview, snippet, inPlace, out, weights }: FixOptions): void {
  const clash = (message: string, hint: string): void => {
    throw new NanoscopeError('usage', message, hint);
  };
  const writes = inPlace === true || out !== undefined || weights !== undefined;
  if (preview === true && snippet === true) {
    clash('--preview and --snippet cannot be given together.', 'Choose one of them.');
  }
  for (const [option, given] of [
    ['--preview', preview],
    ['--snippet', snippet],
  ] as const) {
    if (given === true && writes) {
      clash(`${option} writes nothing, so --in-place, --out and --weights mean nothing with it.`, 'Leave them out.');
    }
  }
  if (inPlace === true && (out !== undefined || weights !== undefined)) {
    clash(
      '--in-place changes the model itself; --out and --weights are for copies.',
      'Leave --in-place out to write a copy.',
    );
  }
}
