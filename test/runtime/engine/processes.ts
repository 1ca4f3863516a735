/** What the operating system says about processes, for tests that leave nothing behind. */
import { readdirSync, readFileSync } from 'node:fs';

/** False also for a zombie that only waits for its parent to look. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // The name in brackets may hold anything; the state follows the last bracket.
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** Milliseconds until the process is gone. @throws Error after `limitMs`. */
export async function untilGone(pid: number, limitMs: number): Promise<number> {
  const started = performance.now();
  while (isRunning(pid)) {
    if (performance.now() - started > limitMs) throw new Error(`process ${String(pid)} still runs`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - started;
}

/** Children of this process, zombies included. */
export const children = (): number[] =>
  readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );

export const openFiles = (): number => readdirSync('/proc/self/fd').length;
