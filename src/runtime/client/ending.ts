/** Why a child ended that nobody here has ended, in words. */
import { NanoscopeError } from '../../core/errors';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

const crashSignals: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGABRT', 'SIGFPE', 'SIGTRAP']);

/** What V8, libstdc++ and libc++ say when memory runs out. */
const outOfMemoryText =
  /JavaScript heap out of memory|std::bad_alloc|Array buffer allocation failed|Cannot allocate memory|out of memory/i;

/** The child's own last words, where it has to keep its limit itself; see `worker/watchdog.ts`. */
const overLimitWords = 'NaNoscope: out of memory, over the limit';

export const memoryHint = 'Use a smaller batch or shorter sequences, or close other programs.';

export const limitHint =
  'Use a smaller batch or shorter sequences, or raise the limit: --memory-limit in a terminal, ' +
  'nanoscope.engine.memoryLimitMB in the settings.';

export function endingError(ending: Ending): NanoscopeError {
  const { code, signal, stderr } = ending;
  if (stderr.includes(overLimitWords)) {
    return new NanoscopeError('out-of-memory', 'The engine was stopped: it needed more memory than it may.', limitHint);
  }
  if (outOfMemoryText.test(stderr)) {
    return new NanoscopeError('out-of-memory', 'The engine ran out of memory and ended.', memoryHint);
  }
  if (signal === 'SIGKILL') {
    return new NanoscopeError(
      'out-of-memory',
      'The engine was killed from outside, most likely by the system because memory ran out.',
      memoryHint,
    );
  }
  if (/Cannot find module|ERR_MODULE_NOT_FOUND|SyntaxError/.test(stderr)) {
    return new NanoscopeError(
      'engine-missing',
      `The engine's process could not start: ${firstErrorLine(stderr)}`,
      'Install NaNoscope again, and use Node 20.19 or newer for the engine.',
    );
  }
  if (signal !== null && !crashSignals.has(signal)) {
    return new NanoscopeError(
      'engine-crashed',
      `The engine was ended from outside (${signal}).`,
      'Run it again; nothing of the interrupted run is left behind.',
    );
  }
  return new NanoscopeError(
    'engine-crashed',
    `The engine crashed (${signal ?? exitText(code)}) while it worked on this model.`,
    'NaNoscope itself is unharmed and the next run starts a fresh engine. ' +
      'If it happens again with the same model, the fault is in the engine: try another level, and see the log.',
  );
}

/** Windows has no signals; an access violation there is a large exit code, which people know in hexadecimal. */
function exitText(code: number | null): string {
  if (code === null) return 'no exit code';
  return code > 255 ? `exit code 0x${code.toString(16).toUpperCase()}` : `exit code ${String(code)}`;
}

function firstErrorLine(stderr: string): string {
  const line = stderr.split('\n').find((text) => text.includes('Error')) ?? stderr.split('\n')[0] ?? '';
  return line.trim().slice(0, 300);
}
