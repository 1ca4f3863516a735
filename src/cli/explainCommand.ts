/** `nanoscope explain`: the field guide. */
import { renderGuideEntry, renderGuideList, renderGuideMarkdown } from '../app/render/guide';
import { NanoscopeError } from '../core/errors';
import { guideTo, isMechanism, mechanisms } from '../core/guide/index';
import type { Context, ExitCode } from './context';
import type { FormatOptions } from './otherCommands';
import { jsonText } from './output';

export interface ExplainOptions extends FormatOptions {
  readonly markdown?: true | undefined;
}

/** @throws NanoscopeError `usage` for a mechanism that does not exist */
export async function explainCommand(
  context: Context,
  mechanism: string | undefined,
  options: ExplainOptions,
): Promise<ExitCode> {
  const { terminal } = context;
  if (options.json === true && options.markdown === true) {
    throw new NanoscopeError('usage', '--json and --markdown exclude each other.', 'Choose one of them.');
  }
  if (mechanism !== undefined && !isMechanism(mechanism)) {
    throw new NanoscopeError('usage', `There is no mechanism ${mechanism}.`, 'List them with: nanoscope explain');
  }
  const chosen = mechanisms.filter(({ id }) => mechanism === undefined || id === mechanism);
  if (options.json === true) {
    const entries = chosen.map(({ id, kind }) => ({ id, kind, ...guideTo(id) }));
    await terminal.out(jsonText(mechanism === undefined ? { mechanisms: entries } : entries[0]));
  } else if (options.markdown === true) {
    await terminal.out(chosen.map(({ id }) => renderGuideMarkdown(id)).join('\n'));
  } else {
    await terminal.out(
      mechanism === undefined
        ? renderGuideList(terminal.outStyle, terminal.width)
        : renderGuideEntry(mechanism, terminal.outStyle, terminal.width),
    );
  }
  return 0;
}
