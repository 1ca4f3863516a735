/** What a job answers, against the real ONNX Runtime. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../../src/runtime/client/engine';
import { workerBundle } from '../../support/workerBundle';
import { doubling, externalFloats, identity, model, node, T, value } from './models';
import type { ChildJob } from '../../../src/runtime/client/job';
import type { TensorData } from '../../../src/core/tensor';
import type { RunRequest, SessionOptions } from '../../../src/app/ports';
import type { AnyInspection } from '../../../src/core/probe/inspectors';

const plain: SessionOptions = { level: 'disabled', prepack: false };

let workerPath: string;
const jobs: ChildJob[] = [];

beforeAll(async () => {
  workerPath = await workerBundle();
});
afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.close()));
});

function start(): ChildJob {
  const job = createEngine({ workerPath }).start();
  jobs.push(job);
  return job;
}

const floats = (dims: number[], values: number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});

describe('a job', () => {
  it('tells the version of the engine that package.json pins', async () => {
    expect(await start().version()).toMatch(/^1\.30\.\d+$/);
  });

  it('describes a session and runs it, non-finite values included', async () => {
    const job = start();
    const session = await job.createSession(doubling(), plain);
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: ['b', 3] }]);
    expect(session.outputs).toEqual([{ name: 'y', dtype: 'float32', dims: ['b', 3] }]);
    expect(session.createMs).toBeGreaterThan(0);
    const feeds = { x: floats([2, 3], [1, NaN, -0, 4, Infinity, -Infinity]) };
    const { tensors, runMs } = await job.run({ session: session.id, feeds, fetch: ['y'] });
    expect(tensors).toEqual({ y: floats([2, 3], [2, NaN, -0, 8, Infinity, -Infinity]) });
    expect(runMs).toBeGreaterThan(0);
  });

  it.each<[string, T, TensorData]>([
    ['int64', T.INT64, { dtype: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) }],
    ['uint64', T.UINT64, { dtype: 'uint64', dims: [1], data: BigUint64Array.of(2n ** 64n - 1n) }],
    ['int32', T.INT32, { dtype: 'int32', dims: [1, 2], data: Int32Array.of(-5, 7) }],
    ['uint32', T.UINT32, { dtype: 'uint32', dims: [1], data: Uint32Array.of(4_000_000_000) }],
    ['int16', T.INT16, { dtype: 'int16', dims: [1], data: Int16Array.of(-300) }],
    ['uint16', T.UINT16, { dtype: 'uint16', dims: [1], data: Uint16Array.of(60_000) }],
    ['int8', T.INT8, { dtype: 'int8', dims: [3], data: Int8Array.of(-1, 0, 1) }],
    ['uint8', T.UINT8, { dtype: 'uint8', dims: [1], data: Uint8Array.of(200) }],
    ['bool', T.BOOL, { dtype: 'bool', dims: [3], data: Uint8Array.of(1, 0, 1) }],
    ['float64', T.DOUBLE, { dtype: 'float64', dims: [2], data: Float64Array.of(1e300, NaN) }],
    // 1, −Inf, a NaN, the smallest subnormal
    ['float16', T.FLOAT16, { dtype: 'float16', dims: [4], data: Uint16Array.of(0x3c00, 0xfc00, 0x7e00, 1) }],
    ['a scalar', T.FLOAT, { dtype: 'float32', dims: [], data: Float32Array.of(3) }],
    ['an empty tensor', T.FLOAT, { dtype: 'float32', dims: [0, 4], data: new Float32Array(0) }],
  ])('carries %s in and out unchanged', async (_name, type, tensor) => {
    const job = start();
    const dims = tensor.dims.map((_, i) => `d${String(i)}`);
    const session = await job.createSession(identity(dims, type), plain);
    const { tensors } = await job.run({ session: session.id, feeds: { x: tensor }, fetch: ['y'] });
    expect(tensors.y).toEqual(tensor);
    expect(tensors.y?.data.constructor).toBe(tensor.data.constructor);
  });

  it('keeps tensors under handles, inspects them later, forgets them', async () => {
    const job = start();
    const session = await job.createSession(doubling(), plain);
    const run = (values: number[], more: Partial<RunRequest>) =>
      job.run({ session: session.id, feeds: { x: floats([1, 3], values) }, fetch: [], ...more });
    const first = await run([1, 2, NaN], { keep: { earlier: 'y' } });
    expect(first.tensors).toEqual({});
    const count: AnyInspection = { id: 'both', inspector: 'count', tensors: ['y', 'earlier'], params: null };
    const second = await run([-Infinity, 5, 6], { inspect: [count] });
    expect(second.inspected.both).toMatchObject([
      { nan: 0, posInf: 0, negInf: 1, min: 10, max: 12 },
      { nan: 1, posInf: 0, negInf: 0, min: 2, max: 4 },
    ]);
    await job.drop(['earlier']);
    await expect(run([1, 2, 3], { inspect: [count] })).rejects.toMatchObject({ code: 'internal' });
    // A refused call does no harm to the job.
    expect((await run([1, 2, 3], { fetch: ['y'] })).tensors.y).toEqual(floats([1, 3], [2, 4, 6]));
  });

  it('feeds what an earlier run left', async () => {
    const job = start();
    const session = await job.createSession(doubling(), plain);
    const feeds = { x: floats([2, 3], [1, NaN, -0, 4, Infinity, -Infinity]) };
    await job.run({ session: session.id, feeds, fetch: [], keep: { twice: 'y' } });
    const again: RunRequest = { session: session.id, feeds: {}, feedKept: { x: 'twice' }, fetch: ['y'] };
    const quadrupled = floats([2, 3], [4, NaN, -0, 16, Infinity, -Infinity]);
    expect((await job.run(again)).tensors).toEqual({ y: quadrupled });
    // It is still there, and as it was.
    expect((await job.run(again)).tensors).toEqual({ y: quadrupled });
    await job.drop(['twice']);
    await expect(job.run(again)).rejects.toMatchObject({ code: 'internal' });
    // A name that is no input is as wrong here as among the feeds.
    await expect(job.run({ ...again, feedKept: { z: 'twice' } })).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('refuses sessions, outputs and inspectors that do not exist', async () => {
    const job = start();
    const session = await job.createSession(doubling(), plain);
    const feeds = { x: floats([1, 3], [1, 2, 3]) };
    await expect(job.run({ session: session.id, feeds, fetch: ['z'] })).rejects.toMatchObject({ code: 'internal' });
    await job.release(session.id);
    await expect(job.run({ session: session.id, feeds, fetch: ['y'] })).rejects.toMatchObject({ code: 'internal' });
    await expect(job.release(99)).rejects.toMatchObject({ code: 'internal' });
  });

  it('answers calls that were made at once in their order', async () => {
    const job = start();
    const sessions = await Promise.all([job.createSession(doubling(), plain), job.createSession(doubling(), plain)]);
    expect(sessions[0].id).not.toBe(sessions[1].id);
    const runs = Array.from({ length: 10 }, (_, i) =>
      job.run({ session: sessions[i % 2]?.id ?? 0, feeds: { x: floats([1, 3], [i, i, i]) }, fetch: ['y'] }),
    );
    const values = (await Promise.all(runs)).map((result) => result.tensors.y?.data[0]);
    expect(values).toEqual(Array.from({ length: 10 }, (_, i) => 2 * i));
  });

  it('sends only what a view shows, both ways', async () => {
    const job = start();
    const huge = new ArrayBuffer(96 * 2 ** 20);
    const bytes = doubling();
    const inside = new Uint8Array(huge, 4096, bytes.length);
    inside.set(bytes);
    const session = await job.createSession(inside, plain);
    const before = await job.peakMemory();
    // 12 bytes behind an odd number of elements: neither at the start nor aligned for more than its own type.
    const data = new Float32Array(huge, 20 * 2 ** 20 + 12, 3);
    data.set([1, 2, 3]);
    const x: TensorData = { dtype: 'float32', dims: [1, 3], data };
    const { tensors } = await job.run({ session: session.id, feeds: { x }, fetch: ['y'] });
    expect(tensors.y).toEqual(floats([1, 3], [2, 4, 6]));
    expect(tensors.y?.data.buffer.byteLength).toBeLessThan(4096);
    const after = await job.peakMemory();
    expect(before).not.toBeNull();
    expect(after).not.toBeNull();
    expect(after ?? 0).toBeLessThan(90 * 2 ** 20);
  });

  it('takes names that hold anything', async () => {
    const job = start();
    const x = '<img src=x onerror=alert(1)>\n"\'\u202e';
    const bytes = model({
      nodes: [node('Add', [x, x], ['constructor']), node('Neg', ['constructor'], ['to"string'])],
      inputs: [value(x, [2])],
      outputs: [value('constructor', [2]), value('to"string', [2])],
    });
    const session = await job.createSession(bytes, plain);
    const feeds = { [x]: floats([2], [1, 2]) };
    const { tensors } = await job.run({ session: session.id, feeds, fetch: ['constructor', 'to"string'] });
    expect(Object.entries(tensors)).toEqual([
      ['constructor', floats([2], [2, 4])],
      ['to"string', floats([2], [-2, -4])],
    ]);
    await expect(job.run({ session: session.id, feeds: {}, fetch: [] })).rejects.toThrow(
      'The input "<img src=x onerror=alert(1)>\\u000a"\'\\u202e" is missing.',
    );
  });

  it('takes __proto__ and constructor for names of inputs and outputs', async () => {
    const job = start();
    const bytes = model({
      nodes: [node('Add', ['__proto__', 'constructor'], ['toString']), node('Neg', ['toString'], ['__proto__ 2'])],
      inputs: [value('__proto__', [2]), value('constructor', [2])],
      outputs: [value('toString', [2]), value('__proto__ 2', [2])],
    });
    const session = await job.createSession(bytes, plain);
    expect(session.inputs.map(({ name }) => name)).toEqual(['__proto__', 'constructor']);
    const feeds = Object.fromEntries([
      ['__proto__', floats([2], [1, 2])],
      ['constructor', floats([2], [10, 20])],
    ]);
    const { tensors } = await job.run({ session: session.id, feeds, fetch: ['toString', '__proto__ 2'] });
    expect(Object.entries(tensors)).toEqual([
      ['toString', floats([2], [11, 22])],
      ['__proto__ 2', floats([2], [-11, -22])],
    ]);
    expect('hasOwnProperty' in tensors).toBe(false);
    const half = Object.fromEntries([['constructor', floats([2], [10, 20])]]);
    await expect(job.run({ session: session.id, feeds: half, fetch: [] })).rejects.toThrow(
      'The input "__proto__" is missing.',
    );

    const out = await job.createSession(
      model({
        nodes: [node('Neg', ['x'], ['__proto__'])],
        inputs: [value('x', [2])],
        outputs: [value('__proto__', [2])],
      }),
      plain,
    );
    const count: AnyInspection = { id: '__proto__', inspector: 'count', tensors: ['__proto__'], params: null };
    const found = await job.run({
      session: out.id,
      feeds: { x: floats([2], [1, NaN]) },
      fetch: ['__proto__'],
      keep: { handle: '__proto__' },
      inspect: [count],
    });
    expect(Object.entries(found.tensors)).toEqual([['__proto__', floats([2], [-1, NaN])]]);
    expect(Object.entries(found.inspected)).toMatchObject([['__proto__', [{ nan: 1, max: -1 }]]]);
  });

  it('reads weights from the folder that it is told, at every level, with and without prepacking', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-engine-'));
    try {
      await writeFile(join(folder, 'w.bin'), new Uint8Array(Float32Array.of(99, 1, 2, 3, 4).buffer));
      const bytes = model({
        nodes: [node('MatMul', ['x', 'w'], ['y'])],
        inputs: [value('x', [1, 2])],
        outputs: [value('y', [1, 2])],
        initializers: [externalFloats('w', [2, 2], { location: 'w.bin', offset: '4', length: '16' })],
      });
      const job = start();
      for (const level of ['disabled', 'basic', 'extended', 'all'] as const) {
        for (const prepack of [true, false]) {
          const session = await job.createSession(bytes, { level, prepack, externalDataFolder: folder, threads: 1 });
          const feeds = { x: floats([1, 2], [10, 1]) };
          const { tensors } = await job.run({ session: session.id, feeds, fetch: ['y'] });
          expect(tensors.y).toEqual(floats([1, 2], [13, 24]));
        }
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('measures its peak of anonymous memory', async () => {
    const job = start();
    const size = 32 * 2 ** 20;
    const session = await job.createSession(doubling(['n']), plain);
    const idle = (await job.peakMemory()) ?? 0;
    expect(idle).toBeGreaterThan(5 * 2 ** 20);
    const x: TensorData = { dtype: 'float32', dims: [size / 4], data: new Float32Array(size / 4) };
    await job.run({ session: session.id, feeds: { x }, fetch: [] });
    const peak = (await job.peakMemory()) ?? 0;
    // Input and output, at least, and not many times that: a message arrives in pieces, is joined, and laid aligned.
    expect(peak - idle).toBeGreaterThan(1.9 * size);
    expect(peak - idle).toBeLessThan(8 * size);
  });
});
