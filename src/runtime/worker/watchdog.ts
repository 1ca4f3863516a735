/**
 * Looks after the child from a thread of its own. A run blocks the child's event loop for as long as it takes, so
 * the closed channel of a dead parent would only be noticed afterwards. This thread runs beside it, looks at the
 * parent, and ends the whole process at once.
 */
import { writeSync } from 'node:fs';
import { Worker, workerData } from 'node:worker_threads';

const INTERVAL_MS = 100;

/** Main thread: starts the watch on the same bundle. Never keeps the process alive. */
export function startWatchdog(bundle: string): void {
  new Worker(bundle, { workerData: { parent: process.ppid }, stdout: false, stderr: false }).unref();
}

/** Watchdog thread. */
export function watch(): void {
  const { parent } = workerData as { parent: number };
  const limit = Number(process.env.NANOSCOPE_MEMORY_LIMIT ?? Infinity);
  setInterval(() => {
    if (!isAlive(parent)) process.kill(process.pid, 'SIGKILL');
    // Only where the client cannot look from outside (it then sets the variable); mapped files count here, too.
    if (limit < Infinity && process.memoryUsage.rss() > limit) {
      // Windows has no signals: the client knows the reason from these words.
      writeSync(2, 'NaNoscope: out of memory, over the limit\n');
      process.kill(process.pid, 'SIGKILL');
    }
  }, INTERVAL_MS);
}

/** On POSIX an orphan gets another parent; on Windows it keeps the number of the dead one. */
function isAlive(parent: number): boolean {
  if (process.platform !== 'win32') return process.ppid === parent;
  try {
    process.kill(parent, 0);
    return true;
  } catch {
    return false;
  }
}
