/**
 * A run blocks the child's event loop for as long as it takes, so the closed channel of a dead parent would only be
 * noticed afterwards. This thread runs beside it, looks at the parent, and ends the whole process at once.
 */
import { Worker, workerData } from 'node:worker_threads';

const INTERVAL_MS = 200;

/** Main thread: starts the watch on the same bundle. Never keeps the process alive. */
export function startWatchdog(bundle: string): void {
  new Worker(bundle, { workerData: { parent: process.ppid }, stdout: false, stderr: false }).unref();
}

/** Watchdog thread. */
export function watchParent(): void {
  const { parent } = workerData as { parent: number };
  setInterval(() => {
    if (!isAlive(parent)) process.kill(process.pid, 'SIGKILL');
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
