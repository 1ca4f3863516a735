/** Runs Debian's Python: the independent truth for numbers and file formats. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Debian's interpreter, which has torch, onnx and numpy; another Python on the PATH usually has not. */
export const systemPython = '/usr/bin/python3';

/** Runs a script file, or code after `-c`, and gives what it printed. Rejects with its standard error. */
export async function python(args: readonly string[], timeoutMs = 120_000): Promise<string> {
  const { stdout } = await run(systemPython, [...args], {
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', OMP_NUM_THREADS: '1' },
  });
  return stdout;
}

/** Runs a few lines of Python with `args` in `sys.argv[1:]`. */
export function pythonCode(code: string, ...args: readonly string[]): Promise<string> {
  return python(['-c', code, ...args]);
}
