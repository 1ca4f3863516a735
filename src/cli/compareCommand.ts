/** `nanoscope compare`: variants of a model, a batch or an engine setting, side by side. */
import { csvComparison } from '../app/render/compare/csv';
import { markdownComparison } from '../app/render/compare/markdown';
import { terminalComparison } from '../app/render/compare/terminal';
import type { Comparison } from '../core/compare/types';
import { parseVariation, variationKeys, type Variation } from '../core/compare/variations';
import { NanoscopeError } from '../core/errors';
import { isBuiltin } from '../core/models';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';
import { limitsOf, requestOf, type RequestOptions } from './request';

/** How a comparison is printed. */
export interface ComparisonFormat {
  readonly json?: true | undefined;
  readonly markdown?: true | undefined;
  readonly csv?: true | undefined;
  readonly differences?: true | undefined;
  readonly rows?: readonly number[] | undefined;
  readonly allRows?: true | undefined;
}

export type CompareOptions = RequestOptions & ComparisonFormat;

/** @throws NanoscopeError */
export async function compareCommand(
  context: Context,
  what: readonly string[],
  options: CompareOptions,
): Promise<ExitCode> {
  checkFormat(options);
  const { models, variations } = targets(context, what);
  const { terminal, signal, work } = context;
  const { model: _, fixes: __, ...base } = requestOf(context, models[0] ?? '', options);
  const comparison = await work
    .compare(
      context.createDeps(limitsOf(options)),
      { models, base, variations },
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
  await terminal.out(comparisonText(context, comparison, options));
  return comparison.verdict.same ? 0 : 1;
}

/** Models and `padding=left,right` in any order. @throws NanoscopeError `usage` */
function targets(
  context: Context,
  what: readonly string[],
): { readonly models: readonly string[]; readonly variations: readonly Variation[] } {
  const models = what.filter((text) => !saysWhatVaries(text));
  if (models.length === 0)
    throw new NanoscopeError(
      'usage',
      'There is no model to compare.',
      'Such as: nanoscope compare builtin:kimi-k2-mini padding=left,right,none',
    );
  return {
    models: models.map((model) => (isBuiltin(model) ? model : context.resolvePath(model))),
    variations: what.filter(saysWhatVaries).map(parseVariation),
  };
}

/** Files may have any name; one that is called like a variation is named with its folder: `./padding=left`. */
const saysWhatVaries = (text: string): boolean =>
  !isBuiltin(text) &&
  (/^[A-Za-z-]+=/.test(text) || variationKeys.some((key) => key === text)) &&
  !/\.(onnx|json)$/i.test(text);

/** @throws NanoscopeError `usage` */
export function checkFormat({ json, markdown, csv, rows, allRows }: ComparisonFormat): void {
  const forms = [json && '--json', markdown && '--markdown', csv && '--csv'].filter((form) => form !== undefined);
  if (forms.length > 1)
    throw new NanoscopeError('usage', `${forms.join(' and ')} cannot be given together.`, 'Choose one of them.');
  if (rows !== undefined && allRows === true)
    throw new NanoscopeError('usage', '--rows and --all-rows cannot be given together.', 'Choose one of them.');
}

export function comparisonText(context: Context, comparison: Comparison, options: ComparisonFormat): string {
  if (options.json === true) return jsonText(comparison);
  if (options.csv === true) return csvComparison(comparison);
  const choice = { differences: options.differences, layers: options.rows, all: options.allRows };
  if (options.markdown === true) return markdownComparison(comparison, choice);
  const { width, outStyle } = context.terminal;
  return terminalComparison(comparison, { ...choice, width, style: outStyle });
}
