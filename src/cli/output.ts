/** The two shapes that leave the command: one JSON document, or a failure in words. */
import { toPayload, type ErrorPayload } from '../core/errors';
import { jsonSafe, visible, wrap } from '../app/render/text';
import type { Terminal } from './terminal';

/**
 * One JSON document with a newline. Non-finite numbers become strings as in the report contract; characters that
 * could drive a terminal are escaped, which JSON allows in every string.
 */
export const jsonText = (value: unknown): string => `${jsonSafe(JSON.stringify(value, finite, 2))}\n`;

function finite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return String(value);
  }
  return typeof value === 'bigint' ? String(value) : value;
}

/** On standard output as JSON where that was asked for, else in words on standard error. */
export async function printFailure(terminal: Terminal, error: ErrorPayload, asJson: boolean): Promise<void> {
  terminal.clearProgress();
  if (asJson && error.code !== 'output-unwritable') {
    try {
      await terminal.out(jsonText({ error: { code: error.code, message: error.message, hint: error.hint } }));
    } catch (unwritable) {
      await printFailure(terminal, toPayload(unwritable), asJson);
    }
    return;
  }
  const { errStyle: style, width } = terminal;
  await terminal.err(
    `${style.bad('nanoscope:')} ${wrap(visible(error.message), width - 11, 2)}\n  ${wrap(visible(error.hint), width - 2, 2)}\n`,
  );
}
