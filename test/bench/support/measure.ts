/** Run times in alternating pairs, peak memory in children of their own. */
import { readFileSync } from 'node:fs';
import { countElements } from '../../../src/core/probe/inspect/count';
import { createEngine } from '../../../src/runtime/client/engine';
import type { SessionOptions } from '../../../src/app/ports';
import type { ChildJob } from '../../../src/runtime/client/job';
import type { TensorData } from '../../../src/core/tensor';

export interface Subject {
  readonly model: Uint8Array;
  /** Fetched on every run. */
  readonly fetch: readonly string[];
  /** Scanned in the child on every run, inside the measured time. */
  readonly scan?: readonly string[] | undefined;
  /** What is fetched is scanned here, inside the measured time: what people do without probes. */
  readonly scanHere?: boolean | undefined;
}

export interface Bench {
  readonly workerPath: string;
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly session: SessionOptions;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
};

interface Time {
  readonly wallMs: number;
  /** Of the child's main thread, everything from feeds to reply; with one engine thread it is all the work. */
  readonly cpuMs: number;
}

/** Nanoseconds on a core; what other programs take does not count. Linux only. */
function cpuNs(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${String(pid)}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return NaN;
  }
}

/** One run: milliseconds of the engine's `run`, with transfer and scan where there is a scan. */
async function timed(job: ChildJob, session: number, bench: Bench, subject: Subject): Promise<Time> {
  const scan = subject.scan ?? [];
  const inspect = scan.length > 0 ? [{ id: 'scan', inspector: 'count' as const, tensors: scan, params: null }] : [];
  const cpu = cpuNs(job.pid);
  const own = process.cpuUsage();
  const started = performance.now();
  const { runMs, tensors } = await job.run({ session, feeds: bench.feeds, fetch: subject.fetch, inspect });
  if (subject.scanHere) Object.values(tensors).forEach(countElements);
  const whole = scan.length > 0 || subject.scanHere;
  const wallMs = whole ? performance.now() - started : runMs;
  const spent = process.cpuUsage(own);
  const here = subject.scanHere ? (spent.user + spent.system) / 1e3 : 0;
  return { wallMs, cpuMs: (cpuNs(job.pid) - cpu) / 1e6 + here };
}

export interface PairResult {
  readonly plainMs: number;
  readonly subjectMs: number;
  /** Median of the ratios of neighbours, which a slow phase of the machine hits together. */
  readonly ratio: number;
  /** The same of processor time. */
  readonly cpuRatio: number;
  readonly createMs: number;
}

/** Plain and subject by turns, in one child; which goes first alternates too. */
export async function pairs(bench: Bench, plain: Subject, subject: Subject, count: number): Promise<PairResult> {
  const job = createEngine({ workerPath: bench.workerPath }).start();
  try {
    const a = await job.createSession(plain.model, bench.session);
    const b = await job.createSession(subject.model, bench.session);
    await timed(job, a.id, bench, plain);
    await timed(job, b.id, bench, subject);
    const plainTimes: Time[] = [];
    const subjectTimes: Time[] = [];
    for (let i = 0; i < count; i++) {
      if (i % 2 === 0) plainTimes.push(await timed(job, a.id, bench, plain));
      subjectTimes.push(await timed(job, b.id, bench, subject));
      if (i % 2 === 1) plainTimes.push(await timed(job, a.id, bench, plain));
    }
    const ratio = (of: (time: Time) => number): number =>
      median(subjectTimes.map((time, i) => of(time) / of(plainTimes[i] ?? time)));
    return {
      plainMs: median(plainTimes.map((time) => time.wallMs)),
      subjectMs: median(subjectTimes.map((time) => time.wallMs)),
      ratio: ratio((time) => time.wallMs),
      cpuRatio: ratio((time) => time.cpuMs),
      createMs: b.createMs,
    };
  } finally {
    await job.close();
  }
}

export interface Peak {
  /** Bytes that no file backs, by sampling. */
  readonly anonymous: number;
  /** Bytes of resident memory, mapped weights included; the kernel's own high-water mark. */
  readonly resident: number;
}

/** Peaks of a child that loads the subject and runs it once; NaN off Linux. */
export async function peakMemory(bench: Bench, subject: Subject): Promise<Peak> {
  const job = createEngine({ workerPath: bench.workerPath, sampleMs: 1 }).start();
  try {
    const session = await job.createSession(subject.model, bench.session);
    await timed(job, session.id, bench, subject);
    const anonymous = (await job.peakMemory()) ?? NaN;
    return { anonymous, resident: highWater(job.pid) };
  } finally {
    await job.close();
  }
}

function highWater(pid: number | undefined): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
    return match ? Number(match[1]) * 1024 : NaN;
  } catch {
    return NaN;
  }
}
