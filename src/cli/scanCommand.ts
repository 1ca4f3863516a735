/** `nanoscope scan`: which stored results are corrupt. */
import { markdownScan } from '../app/render/scan/markdown';
import { terminalScan } from '../app/render/scan/terminal';
import { fromPayload, NanoscopeError } from '../core/errors';
import type { AxesRule } from '../core/scan/axes';
import type { ScannedFile } from '../core/scan/types';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';

export interface ScanCommandOptions {
  readonly axes?: readonly AxesRule[] | undefined;
  readonly mask?: string | undefined;
  readonly all?: true | undefined;
  readonly json?: true | undefined;
  readonly markdown?: true | undefined;
}

/** @throws NanoscopeError */
export async function scanCommand(
  context: Context,
  paths: readonly string[],
  options: ScanCommandOptions,
): Promise<ExitCode> {
  const { terminal, signal, work, files } = context;
  if (options.json === true && options.markdown === true)
    throw new NanoscopeError('usage', '--json and --markdown exclude each other.', 'Choose one of them.');
  if (paths.length === 0)
    throw new NanoscopeError('usage', 'Which files?', 'Name files or folders: nanoscope scan results traits.npz');
  const mask = options.mask?.replace(/:inverted$/, '');
  const result = await work
    .scan(
      files,
      {
        paths: paths.map((path) => context.resolvePath(path)),
        axes: options.axes ?? [],
        mask: mask === undefined ? null : { name: mask, inverted: mask !== options.mask },
        name: (path) => context.relativePath(path),
      },
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
  const { outStyle: style, width } = terminal;
  await terminal.out(
    options.json === true
      ? jsonText(result)
      : options.markdown === true
        ? markdownScan(result)
        : terminalScan(result, { style, width, all: options.all }),
  );
  return result.totals.filesWithNaN > 0 ? 1 : worst(result.files);
}

/** What could not be read may hold NaN: nothing was found, but that is no all-clear. */
const worst = (files: readonly ScannedFile[]): ExitCode =>
  files
    .flatMap(({ error, tensors }) => [error, ...tensors.map((tensor) => tensor.error)])
    .reduce<ExitCode>((code, error) => {
      const own = error === undefined ? 0 : fromPayload(error).exitCode;
      return own > code ? own : code;
    }, 0);
