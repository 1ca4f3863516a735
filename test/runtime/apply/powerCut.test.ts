/**
 * A process that is killed at any moment of a change leaves the old file or the new one, whole; what else it leaves is
 * cleaned up by the next change. Moments are random with a fixed seed, so that each run of the test kills as late as the
 * one before, as far as a busy machine allows.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { undo } from '../../../src/app/apply/undo';
import { loadModel } from '../../../src/core/onnx/load';
import { createEngine } from '../../../src/runtime/client/engine';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { Random } from '../../support/randomGraphs/random';
import { bundle, workerBundle } from '../../support/workerBundle';
import { backup, contents, inPlace, modelAt, toCopy } from '../../unit/apply/support';
import { distinct, floats, model as modelOf, node, value } from '../../unit/onnx/support';

const size = 512 * 1024;
/** y = x + a + b + c + d: 8 MB of weights. */
const bigModel = modelOf({
  name: 'big',
  input: [value('x', ['batch', size])],
  output: [value('y', ['batch', size])],
  initializer: ['a', 'b', 'c', 'd'].map((name, i) => floats(name, distinct(size, i))),
  node: ['a', 'b', 'c', 'd'].map((name, i) =>
    node('Add', [i === 0 ? 'x' : `s${String(i)}`, name], [i === 3 ? 'y' : `s${String(i + 1)}`]),
  ),
});

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const strays = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('.nanoscope-'));

let base = '';
let child = '';
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nanoscope-power-'));
  child = await bundle('test/support/applyChild.ts', 'applyChild');
}, 60_000);
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

/** @param after milliseconds from the start of the change to SIGKILL; null lets it end. @returns its duration. */
function change(what: 'apply' | 'copy' | 'undo', path: string, after: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    const own = fork(child, [what, path], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let started = 0;
    own.on('error', reject);
    own.on('message', (text: unknown) => {
      if (text === 'ready') {
        started = performance.now();
        own.send('go');
        if (after !== null) setTimeout(() => own.kill('SIGKILL'), after);
      } else if (text !== 'done') reject(new Error(JSON.stringify(text)));
    });
    own.on('exit', () => {
      resolve(performance.now() - started);
    });
  });
}

/** The model loads in the engine and runs. */
async function runs(path: string): Promise<void> {
  const loaded = await loadModel(path, { files });
  const job = createEngine({ workerPath: await workerBundle() }).start();
  try {
    const session = await job.createSession(readFileSync(path), { level: 'all', prepack: false });
    expect(session.outputs.map(({ name }) => name)).toEqual(['y']);
  } finally {
    await job.close();
  }
  expect(loaded.weights.length).toBe(4);
}

interface Counts {
  old: number;
  new: number;
  strays: number;
  halfway: number;
}

describe('killed at random moments', () => {
  it('applying in place: 50 times the old model or the new one', async () => {
    const folder = join(base, 'apply');
    mkdirSync(folder);
    const path = modelAt(folder, bigModel);
    const clean = contents(folder);
    const before = hashOf(path);
    const whole = await change('apply', path, null);
    const after = hashOf(path);
    await runs(path);
    const fixed = contents(folder);
    await undo({ files }, path);
    expect(contents(folder)).toEqual(clean);
    await runs(path);

    const random = new Random(41);
    const counts: Counts = { old: 0, new: 0, strays: 0, halfway: 0 };
    for (let i = 0; i < 50; i += 1) {
      await change('apply', path, random.next() * whole * 1.1);
      const now = hashOf(path);
      expect([before, after]).toContain(now);
      await loadModel(path, { files });
      counts[now === before ? 'old' : 'new'] += 1;
      counts.strays += strays(folder).length > 0 ? 1 : 0;
      if (now === before && existsSync(backup(path))) counts.halfway += 1;
      if (now === after) {
        expect(contents(folder)['model.onnx.nanoscope-backup']).toBe(fixed['model.onnx.nanoscope-backup']);
        await undo({ files }, path);
      } else if (i % 2 === 0) {
        await inPlace(path, 'a-fix');
        expect(contents(folder)).toEqual(fixed);
        await undo({ files }, path);
      } else {
        await undo({ files }, path).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'not-ours' });
        });
      }
      expect(contents(folder), `kill ${String(i)}`).toEqual(clean);
    }
    expect(counts.old).toBeGreaterThan(5);
    expect(counts.strays).toBeGreaterThan(5);
  }, 300_000);

  it('undoing: 25 times the fixed model or the original', async () => {
    const folder = join(base, 'undo');
    mkdirSync(folder);
    const path = modelAt(folder, bigModel);
    const clean = contents(folder);
    const before = hashOf(path);
    await inPlace(path, 'a-fix');
    const fixed = contents(folder);
    const after = hashOf(path);
    const whole = await change('undo', path, null);
    const random = new Random(42);
    const counts: Counts = { old: 0, new: 0, strays: 0, halfway: 0 };
    for (let i = 0; i < 25; i += 1) {
      if (hashOf(path) === before) await inPlace(path, 'a-fix');
      expect(contents(folder)).toEqual(fixed);
      await change('undo', path, random.next() * whole * 1.1);
      const now = hashOf(path);
      expect([before, after]).toContain(now);
      counts[now === before ? 'old' : 'new'] += 1;
      if (now === after) await undo({ files }, path);
      else
        await undo({ files }, path).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'not-ours' });
        });
      expect(contents(folder)).toEqual(clean);
    }
  }, 300_000);

  it('writing a copy: 25 times no copy or a whole one, and the model untouched', async () => {
    const folder = join(base, 'copy');
    mkdirSync(folder);
    const path = modelAt(folder, bigModel);
    const clean = contents(folder);
    const whole = await change('copy', path, null);
    const copy = join(folder, 'model.fixed.onnx');
    const made = contents(folder);
    await undo({ files }, copy);
    expect(contents(folder)).toEqual(clean);
    const random = new Random(43);
    for (let i = 0; i < 25; i += 1) {
      await change('copy', path, random.next() * whole * 1.1);
      expect(contents(folder)['model.onnx']).toBe(clean['model.onnx']);
      if (existsSync(copy)) {
        expect(contents(folder)).toMatchObject(made);
        await loadModel(copy, { files });
      } else {
        // A data file whose model never came: it is taken for ours and used, or written anew.
        await toCopy(path, 'copy', 'a-fix');
        expect(contents(folder)).toEqual(made);
      }
      await undo({ files }, copy);
      expect(contents(folder)).toEqual(clean);
    }
  }, 300_000);
});

describe('cut off between any two steps', () => {
  class Cut extends Error {}
  /** Files that do `steps` changes and then nothing any more, cleaning up included. */
  function until(steps: number): typeof files {
    let left = steps;
    const counted = <A extends unknown[], R>(action: (...args: A) => Promise<R>) => {
      return async (...args: A): Promise<R> => {
        left -= 1;
        if (left < 0) throw new Cut();
        return action(...args);
      };
    };
    return {
      ...files,
      keepAs: counted((a: string, b: string) => files.keepAs(a, b)),
      replaceBy: counted((a: string, b: string) => files.replaceBy(a, b)),
      remove: counted((path: string) => files.remove(path)),
      stage: counted(async (path: string, chunks: AsyncIterable<Uint8Array>, like?: string) => {
        const staged = await files.stage(path, chunks, like);
        return { commit: counted(() => staged.commit()), discard: counted(() => staged.discard()) };
      }),
      writeAtomic: counted((path: string, chunks: AsyncIterable<Uint8Array>) => files.writeAtomic(path, chunks)),
    };
  }

  it('leaves what the next change tidies up', async () => {
    const folder = join(base, 'steps');
    mkdirSync(folder);
    const path = modelAt(folder, bigModel);
    const clean = contents(folder);
    let steps = 0;
    for (let done = false; !done; steps += 1) {
      done = await inPlace(path, 'a-fix', until(steps)).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(Cut);
          return false;
        },
      );
      if (steps % 2 === 0 && !done) {
        copyFileSync(path, join(base, 'kept'));
        await inPlace(path, 'a-fix');
        expect(strays(folder)).toEqual([]);
        expect(hashOf(backup(path))).toBe(hashOf(join(base, 'kept')));
      }
      await undo({ files }, path).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'not-ours' });
      });
      expect(contents(folder)).toEqual(clean);
    }
    // Staged, kept, committed; then whole.
    expect(steps).toBe(4);
  }, 60_000);
});
