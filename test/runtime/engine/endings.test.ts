/** However a job ends, its calls reject in plain words, its process is gone, and the next job works. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NanoscopeError } from '../../../src/core/errors';
import { createEngine } from '../../../src/runtime/client/engine';
import { bundle, workerBundle } from '../../support/workerBundle';
import { doubling, endless, matrix } from './models';
import { children, isRunning, openFiles, untilGone } from './processes';
import type { EngineOptions } from '../../../src/app/ports';
import type { ChildJob, JobEnding } from '../../../src/runtime/client/job';

let workerPath: string;
const jobs: ChildJob[] = [];

beforeAll(async () => {
  workerPath = await workerBundle();
});
afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.close()));
});

interface Started {
  readonly job: ChildJob;
  readonly pid: number;
  readonly ended: Promise<JobEnding>;
}

function start(options: EngineOptions = {}, signal?: AbortSignal): Started {
  let onEnd: (ending: JobEnding) => void = () => undefined;
  const ended = new Promise<JobEnding>((resolve) => (onEnd = resolve));
  const job = createEngine({ workerPath, options, onEnd }).start(signal);
  jobs.push(job);
  if (job.pid === undefined) throw new Error('no child was started');
  return { job, pid: job.pid, ended };
}

const plain = { level: 'disabled', prepack: false } as const;

const failureOf = (call: Promise<unknown>): Promise<NanoscopeError> =>
  call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => {
      if (error instanceof NanoscopeError) return error;
      throw error;
    },
  );

/** In the middle of a run that takes minutes. */
async function running(started: Started, hold = 0): Promise<{ readonly failure: Promise<NanoscopeError> }> {
  const session = await started.job.createSession(endless(1_000_000, hold), plain);
  const failure = failureOf(started.job.run({ session: session.id, feeds: { x: matrix }, fetch: [] }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { failure };
}

/** A whole job of its own. */
async function nextJobWorks(): Promise<void> {
  const { job } = start();
  const session = await job.createSession(doubling(), plain);
  const x = { dtype: 'float32', dims: [1, 3], data: Float32Array.of(1, 2, 3) } as const;
  const { tensors } = await job.run({ session: session.id, feeds: { x }, fetch: ['y'] });
  expect(tensors.y?.data).toEqual(Float32Array.of(2, 4, 6));
  await job.close();
}

describe('cancelling', () => {
  it('kills a run in its middle; every call rejects, then and later', async () => {
    const controller = new AbortController();
    const started = start({}, controller.signal);
    const { failure } = await running(started);
    const queued = failureOf(started.job.version());
    expect(isRunning(started.pid)).toBe(true);
    controller.abort();
    expect(await failure).toMatchObject({ code: 'cancelled', message: 'The run was cancelled.' });
    expect(await queued).toMatchObject({ code: 'cancelled' });
    await untilGone(started.pid, 10_000);
    expect(await failureOf(started.job.version())).toMatchObject({ code: 'cancelled' });
    expect((await started.ended).error.code).toBe('cancelled');
    await nextJobWorks();
  });

  it('before the start forks nothing', async () => {
    const before = children().length;
    const job = createEngine({ workerPath }).start(AbortSignal.abort());
    expect(job.pid).toBeUndefined();
    expect(children()).toHaveLength(before);
    expect(await failureOf(job.version())).toMatchObject({ code: 'cancelled' });
    expect(await job.peakMemory()).toBeNull();
    await job.close();
  });

  it('by close() during a run, twice, resolves when the process is gone', async () => {
    const started = start();
    const { failure } = await running(started);
    await Promise.all([started.job.close(), started.job.close()]);
    expect(isRunning(started.pid)).toBe(false);
    expect(await failure).toMatchObject({ code: 'cancelled' });
    await started.job.close();
  });

  it('one job leaves another one alone', async () => {
    const controller = new AbortController();
    const [cancelled, other] = [start({}, controller.signal), start()];
    const { failure } = await running(cancelled);
    const version = other.job.version();
    controller.abort();
    expect(await failure).toMatchObject({ code: 'cancelled' });
    expect(await version).toMatch(/^1\./);
    expect(isRunning(other.pid)).toBe(true);
  });
});

describe('limits', () => {
  it('stops a job after its time', async () => {
    const started = start({ timeoutMs: 6000 });
    const session = await started.job.createSession(endless(), plain);
    const error = await failureOf(started.job.run({ session: session.id, feeds: { x: matrix }, fetch: [] }));
    expect(error).toMatchObject({ code: 'timeout', message: 'The engine was stopped after 6 s.' });
    expect(error.hint).toMatch(/--timeout .*nanoscope\.engine\.timeoutSeconds/);
    await untilGone(started.pid, 10_000);
    await nextJobWorks();
  });

  it('stops a job that needs more memory than allowed, not one that needs less', async () => {
    const limit = 300 * 2 ** 20;
    const fitting = start({ memoryLimitBytes: limit });
    await running(fitting, 2 ** 20);
    expect(isRunning(fitting.pid)).toBe(true);
    await fitting.job.close();

    const started = start({ memoryLimitBytes: limit });
    const { failure } = await running(started, 2 ** 28);
    const error = await failure;
    expect(error).toMatchObject({
      code: 'out-of-memory',
      message: 'The engine was stopped because it needed more memory than the limit of 300 MB.',
    });
    // Both faces have the limit, each under its own name.
    expect(error.hint).toMatch(/--memory-limit .*nanoscope\.engine\.memoryLimitMB/);
    await untilGone(started.pid, 10_000);
    expect(await started.job.peakMemory()).toBeGreaterThan(limit);
    await nextJobWorks();
  });
});

describe('the limit that a child keeps itself, where the client cannot look at its memory', () => {
  it('ends a run in its middle with the reason', async () => {
    const limit = 400 * 2 ** 20;
    process.env.NANOSCOPE_MEMORY_LIMIT = String(limit);
    let started: Started;
    try {
      started = start();
    } finally {
      delete process.env.NANOSCOPE_MEMORY_LIMIT;
    }
    const { failure } = await running(started, 2 ** 28);
    expect(await failure).toMatchObject({
      code: 'out-of-memory',
      message: 'The engine was stopped: it needed more memory than it may.',
    });
    expect((await failure).hint).toContain('--memory-limit');
    expect((await started.ended).stderr).toContain('over the limit');
    await untilGone(started.pid, 10_000);
  });
});

describe('a child that dies', () => {
  it.each(['SIGSEGV', 'SIGABRT', 'SIGBUS'] as const)('of %s is a crash of the engine', async (signal) => {
    const started = start();
    const { failure } = await running(started);
    process.kill(started.pid, signal);
    const error = await failure;
    expect(error).toMatchObject({ code: 'engine-crashed', exitCode: 3 });
    expect(error.message).toContain(signal);
    expect(error.hint).toContain('next run starts a fresh engine');
    await untilGone(started.pid, 10_000);
    await nextJobWorks();
  });

  it('of a SIGKILL that nobody here sent ran out of memory, most likely', async () => {
    const started = start();
    const { failure } = await running(started);
    process.kill(started.pid, 'SIGKILL');
    expect(await failure).toMatchObject({ code: 'out-of-memory' });
    await untilGone(started.pid, 10_000);
  });

  it('of SIGTERM was ended from outside; Ctrl-C to the group is left to the parent', async () => {
    const started = start();
    await started.job.version();
    process.kill(started.pid, 'SIGINT');
    expect(await started.job.version()).toMatch(/^1\./);
    const { failure } = await running(started);
    process.kill(started.pid, 'SIGTERM');
    expect(await failure).toMatchObject({
      code: 'engine-crashed',
      message: 'The engine was ended from outside (SIGTERM).',
    });
  });

  it('while nothing is asked of it fails the next call', async () => {
    const started = start();
    await started.job.version();
    process.kill(started.pid, 'SIGSEGV');
    await started.ended;
    expect(await failureOf(started.job.version())).toMatchObject({ code: 'engine-crashed' });
  });

  it.each([
    [
      'a full JavaScript heap',
      // A heap can only be bounded at start: what V8 then says comes from a Node inside, with the same stderr.
      `require('node:child_process').spawnSync(
        process.execPath,
        ['--max-old-space-size=40', '-e', 'const a = []; for (;;) a.push(new Array(1e5).fill(1.5))'],
        { stdio: 'inherit' },
      );
      process.abort();`,
      'out-of-memory',
      'ran out of memory',
    ],
    ['an exit', 'process.exit(7);', 'engine-crashed', 'exit code 7'],
    ['an unknown module', "require('no-such-module');", 'engine-missing', "Cannot find module 'no-such-module'"],
    [
      'nonsense on the channel',
      "process.send('hello'); setTimeout(() => 0, 60000);",
      'engine-crashed',
      'did not understand',
    ],
  ])('of %s', async (_name, source, code, says) => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-engine-'));
    try {
      const path = join(folder, 'worker.cjs');
      await writeFile(path, source);
      const job = createEngine({ workerPath: path }).start();
      jobs.push(job);
      const error = await failureOf(job.version());
      expect(error).toMatchObject({ code });
      expect(error.message).toContain(says);
      await job.close();
      if (job.pid !== undefined) await untilGone(job.pid, 10_000);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('cannot be started with a Node binary that is none', async () => {
    const job = createEngine({ workerPath, options: { nodePath: '/no/such/node' } }).start();
    expect(await failureOf(job.version())).toMatchObject({
      code: 'usage',
      message: 'The Node binary for the engine cannot be run: /no/such/node',
    });
    await job.close();
  });

  it('runs under the Node binary that it is told', async () => {
    expect(await start({ nodePath: process.execPath }).job.version()).toMatch(/^1\./);
  });
});

describe('a parent that dies', () => {
  it.each(['wait', 'exit'] as const)('takes its child along in the middle of a run (%s)', async (then) => {
    const script = await bundle('test/runtime/engine/parent.ts', 'parent');
    const parent = spawn(process.execPath, [script, workerPath, then], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => parent.once('close', resolve));
    const pid = await new Promise<number>((resolve, reject) => {
      parent.stdout.once('data', (data: Buffer) => resolve(Number(data.toString())));
      parent.once('error', reject);
    });
    expect(pid).toBeGreaterThan(0);
    if (then === 'wait') {
      expect(isRunning(pid)).toBe(true);
      parent.kill('SIGKILL');
    }
    await gone;
    await untilGone(pid, 2000);
  });
});

describe('many jobs', () => {
  it('leave no process and no open file', async () => {
    await nextJobWorks();
    const [processesBefore, filesBefore] = [children().length, openFiles()];
    for (let i = 0; i < 20; i++) {
      const { job } = start();
      if (i % 3 === 0) await job.version();
      if (i % 3 === 1) job.version().catch(() => undefined);
      await job.close();
    }
    expect(children()).toHaveLength(processesBefore);
    expect(openFiles()).toBeLessThanOrEqual(filesBefore);
  });

  it('at the same time answer each its own calls', async () => {
    const results = await Promise.all(
      [1, 2, 3, 4].map(async (factor) => {
        const { job } = start();
        const session = await job.createSession(doubling(), plain);
        const x = { dtype: 'float32', dims: [1, 3], data: new Float32Array(3).fill(factor) } as const;
        const { tensors } = await job.run({ session: session.id, feeds: { x }, fetch: ['y'] });
        await job.close();
        return tensors.y?.data[0];
      }),
    );
    expect(results).toEqual([2, 4, 6, 8]);
  });
});
