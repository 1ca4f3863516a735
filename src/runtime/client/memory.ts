/**
 * Anonymous memory of another process, sampled from here: the child cannot look at itself while a run blocks it.
 * Linux only (`RssAnon`); elsewhere nothing is known, and the child's own watchdog keeps the limit.
 */
import { readFileSync } from 'node:fs';

/** Resident memory that no file backs, bytes; `null` where the platform does not tell or the process is gone. */
export function anonymousMemory(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  try {
    // Synchronous: the kernel answers in tens of microseconds, and a late sample is a wrong one.
    const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
    return match ? Number(match[1]) * 1024 : null;
  } catch {
    return null;
  }
}

/** Samples while started and keeps the peak. */
export class MemoryWatch {
  private timer: NodeJS.Timeout | undefined;
  private highest: number | null = null;

  constructor(
    private readonly pid: number,
    private readonly intervalMs: number,
    private readonly onSample: (bytes: number) => void,
  ) {}

  start(): void {
    if (this.timer) return;
    this.sample();
    this.timer = setInterval(() => this.sample(), this.intervalMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  sample(): void {
    const bytes = anonymousMemory(this.pid);
    if (bytes === null) return;
    if (this.highest === null || bytes > this.highest) this.highest = bytes;
    this.onSample(bytes);
  }

  /** Bytes. */
  get peak(): number | null {
    return this.highest;
  }
}
