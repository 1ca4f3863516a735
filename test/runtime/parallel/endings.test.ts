/** A process that dies, a run that is cancelled: one clear error at once, and no process is left. */
import { beforeAll, describe, expect, it } from 'vitest';
import { NanoscopeError } from '../../../src/core/errors';
import type { Parallel } from '../../../src/core/parallel/settings';
import { createEngine } from '../../../src/runtime/client/engine';
import type { ForkingEngine } from '../../../src/runtime/client/engine';
import { workerBundle } from '../../support/workerBundle';
import { isRunning } from '../engine/processes';
import { known, run, type Known } from './support';

let engine: ForkingEngine;
let whole: Known;
beforeAll(async () => {
  engine = createEngine({ workerPath: await workerBundle() });
  whole = await known(engine, 'builtin:kimi-k2-mini?layers=4');
});

interface Ended {
  readonly error: unknown;
  /** Milliseconds from `act`. */
  readonly after: number;
  readonly pids: readonly number[];
}

/** @param at text of the progress at which something is done to the processes */
async function ending(
  how: Parallel,
  at: string,
  act: (pids: readonly number[]) => void,
  signal?: AbortSignal,
): Promise<Ended> {
  const pids: number[] = [];
  const counted: ForkingEngine = {
    start: (own) => {
      const job = engine.start(own);
      if (job.pid !== undefined) pids.push(job.pid);
      return job;
    },
  };
  let acted = 0;
  const onProgress = ({ text }: { readonly text: string }): void => {
    if (acted > 0 || !text.includes(at)) return;
    expect(pids.every(isRunning)).toBe(true);
    acted = performance.now();
    act(pids);
  };
  const error: unknown = await run(counted, whole, how, onProgress, signal).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { error, after: performance.now() - acted, pids };
}

const kill = (pid: number | undefined): void => {
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
};

describe('several processes', () => {
  it('a rank that is killed is named, and the others end with it', async () => {
    const { error, after, pids } = await ending({ kind: 'ranks', ranks: 4, shard: 'all' }, 'part 4 of', (own) => {
      kill(own[2]);
    });
    expect(error).toBeInstanceOf(NanoscopeError);
    expect((error as NanoscopeError).message).toMatch(
      /^Rank 2 of 4 failed, and the other ranks were ended with it\. The engine was killed/,
    );
    expect((error as NanoscopeError).hint).not.toBe('');
    expect(after).toBeLessThan(1000);
    expect(pids).toHaveLength(4);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  it('a stage that waits for its turn is missed at once', async () => {
    const { error, after, pids } = await ending({ kind: 'stages', stages: 2 }, 'stage 1 of 2', (own) => {
      kill(own[1]);
    });
    expect((error as NanoscopeError).message).toMatch(/^Stage 1 of 2 failed, and the other stages were ended/);
    expect(after).toBeLessThan(1000);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  it('cancelling ends all of them', async () => {
    const controller = new AbortController();
    const how = { kind: 'ranks', ranks: 2, shard: 'all' } as const;
    const { error, after, pids } = await ending(how, 'part 4 of', () => controller.abort(), controller.signal);
    expect(error).toMatchObject({ code: 'cancelled', message: 'The run was cancelled.' });
    expect(after).toBeLessThan(1000);
    expect(pids).toHaveLength(2);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  it('nothing is left of a run that ends well', async () => {
    const { error, pids } = await ending({ kind: 'ranks', ranks: 2, shard: 'moe' }, 'never', () => undefined);
    expect(error).toBeNull();
    expect(pids.filter(isRunning)).toEqual([]);
  });
});
