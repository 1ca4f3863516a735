/** Where the command writes: standard output and error, with what each of them can show. */
import type { Progress } from '../app/useCases';
import { NanoscopeError } from '../core/errors';
import { createStyle, type Style } from '../app/render/style';
import { clip, visible } from '../app/render/text';

/** What is needed of `process.stdout` and `process.stderr`. */
export interface TextStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string, done: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface Terminal {
  /**
   * Resolves when the text is out, or the reader is gone.
   * @throws NanoscopeError `output-unwritable`, on a full disk for example: what a script reads would be cut off
   */
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  /** Shown only where standard error is a terminal, on one line that is written again. */
  progress(progress: Progress): void;
  clearProgress(): void;
  /** Columns for reports. */
  readonly width: number;
  readonly outStyle: Style;
  readonly errStyle: Style;
  /** The reader of standard output went away (`| head`). */
  readonly closed: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A pipe has no width; logs of CI services are read in wide windows. */
const pipeWidth = 140;
const narrowest = 40;

export function createTerminal(stdout: TextStream, stderr: TextStream, env: Environment): Terminal {
  let closed = false;
  // Node turns a closed pipe into an error event; without a listener it would end the process with a stack trace.
  stdout.on('error', () => (closed = true));
  stderr.on('error', () => undefined);
  const capable = (stream: TextStream): boolean => stream.isTTY === true && env.TERM !== 'dumb';
  const coloured = (stream: TextStream): boolean => capable(stream) && (env.NO_COLOR ?? '') === '';
  let shown = false;
  const clearProgress = (): void => {
    if (shown) {
      shown = false;
      stderr.write('\r\u001b[2K', () => undefined);
    }
  };
  const write = (stream: TextStream, text: string): Promise<Error | null> => {
    clearProgress();
    return new Promise((resolve) => {
      stream.write(text, (error) => {
        resolve(error ?? null);
      });
    });
  };
  return {
    out: async (text) => {
      const error = closed ? null : await write(stdout, text);
      if (error && !isReaderGone(error))
        throw new NanoscopeError(
          'output-unwritable',
          `Standard output cannot be written: ${error.message}.`,
          'Make room, or write it elsewhere.',
          { cause: error },
        );
    },
    err: async (text) => {
      await write(stderr, text);
    },
    progress: ({ text, fraction }) => {
      if (capable(stderr)) {
        const percent = fraction === null ? '' : `  ${String(Math.round(fraction * 100))}%`;
        shown = true;
        stderr.write(
          `\r\u001b[2K${clip(visible(text), columnsOf(stderr, 80) - percent.length - 1)}${percent}`,
          () => undefined,
        );
      }
    },
    clearProgress,
    width: widthOf(stdout, env),
    outStyle: createStyle(coloured(stdout)),
    errStyle: createStyle(coloured(stderr)),
    get closed() {
      return closed;
    },
  };
}

const isReaderGone = (error: Error): boolean =>
  'code' in error && ['EPIPE', 'EOF', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(String(error.code));

function widthOf(stdout: TextStream, env: Environment): number {
  const asked = Number(env.COLUMNS);
  return Math.max(narrowest, columnsOf(stdout, asked > 0 ? asked : pipeWidth));
}

/** Some terminals do not know their size and say 0. */
const columnsOf = (stream: TextStream, unknown: number): number =>
  stream.isTTY === true && stream.columns !== undefined && stream.columns > 0 ? stream.columns : unknown;
