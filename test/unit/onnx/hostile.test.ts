import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/core/errors';
import { NanoscopeError } from '../../../src/core/errors';
import type { RandomAccess } from '../../../src/core/onnx/access';
import { accessBytes } from '../../../src/core/onnx/access';
import type { LoadedModel } from '../../../src/core/onnx/load';
import { loadBytes, loadModel } from '../../../src/core/onnx/load';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { corpus } from '../../fixtures/corrupt/corpus';
import { exportsFolder } from './fixtures';
import { encodeModel, richModel, smallModel, withFolder, writeExternal } from './support';

/** A file system of one file in memory. */
function loadFrom(bytes: Uint8Array, access: RandomAccess = accessBytes(bytes)): Promise<LoadedModel> {
  return loadModel('/models/bad.onnx', {
    files: {
      ...files,
      open: () => Promise.resolve({ ...access, close: () => Promise.resolve() }),
      realPath: (path) => Promise.resolve(path),
      exists: () => Promise.resolve(false),
    },
  });
}

async function errorOf(loading: Promise<unknown>): Promise<NanoscopeError> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof NanoscopeError) return error;
    throw error;
  }
  throw new Error('it loaded');
}

describe('corrupt files give one clear sentence each', () => {
  test.each(corpus.map((entry) => [entry.what, entry] as const))('%s', async (_what, { bytes, code, message }) => {
    const error = await errorOf(loadFrom(bytes));
    expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `));
    expect(error.message).toMatch(message);
    expect(error.message).toContain('"bad.onnx"');
    // One line, with an end, and something to do about it.
    expect(error.message).toMatch(/^[^\n\r\0]+\.$/);
    expect(error.hint).toMatch(/^[^\n\r\0]{10,}\.$/);
  });

  test('bytes in memory give the same kind of errors', () => {
    const bad = corpus.filter(({ what }) => ['a cycle', 'opset 27', 'no graph', 'two producers'].includes(what));
    expect(bad.length).toBe(4);
    for (const { bytes, code } of bad) {
      expect(() => loadBytes('b', bytes)).toThrow(expect.objectContaining({ code }) as Error);
    }
    expect(() => loadBytes('b', new Uint8Array(50).fill(0x99))).toThrow(NanoscopeError);
  });
});

describe('hostile external data', () => {
  interface Case {
    readonly what: string;
    readonly location?: string;
    readonly offset?: string;
    readonly length?: string;
    readonly prepare?: (folder: string) => void;
    readonly code: ErrorCode | null;
  }
  const cases: readonly Case[] = [
    { what: 'as it should be', code: null },
    { what: 'in a folder below', location: 'sub/data', prepare: dataAt('sub/data'), code: null },
    { what: 'with a dot', location: './data', prepare: dataAt('data'), code: null },
    { what: 'missing', location: 'nope', code: 'external-data-missing' },
    { what: 'upwards', location: '../data', prepare: dataAt('../data'), code: 'external-data-escapes' },
    { what: 'down and up', location: 'sub/../../data', prepare: dataAt('../data'), code: 'external-data-escapes' },
    { what: 'upwards for Windows', location: '..\\data', code: 'external-data-escapes' },
    { what: 'absolute', location: '/etc/passwd', code: 'external-data-escapes' },
    { what: 'absolute for Windows', location: 'C:\\data', code: 'external-data-escapes' },
    { what: 'a network share', location: '\\\\server\\share\\data', code: 'external-data-escapes' },
    {
      what: 'through a link to a file',
      location: 'link',
      prepare: linkTo('link', '../outside/data'),
      code: 'external-data-escapes',
    },
    {
      what: 'through a link to a folder',
      location: 'link/data',
      prepare: linkTo('link', '../outside'),
      code: 'external-data-escapes',
    },
    { what: 'through a link that stays', location: 'link', prepare: linkTo('link', 'model.onnx.data'), code: null },
    { what: 'a folder', location: 'sub', prepare: (f) => mkdirSync(join(f, 'sub')), code: 'file-unreadable' },
    { what: 'no name', location: '', code: 'corrupt-model' },
    { what: 'a NUL', location: 'a\0b', code: 'corrupt-model' },
    { what: 'an offset beyond the end', offset: '99999999', code: 'truncated' },
    { what: 'a length beyond the end', length: '99999999', code: 'truncated' },
    { what: 'a negative offset', offset: '-1', code: 'corrupt-model' },
    { what: 'an offset that is no number', offset: 'abc', code: 'corrupt-model' },
    { what: 'an offset beyond 2^53', offset: '9007199254740993', code: 'corrupt-model' },
    { what: 'a length that is not the shape’s', length: '12', code: 'corrupt-model' },
  ];

  function dataAt(place: string): (folder: string) => void {
    return (folder) => {
      mkdirSync(join(folder, place, '..'), { recursive: true });
      writeFileSync(join(folder, place), readFileSync(join(folder, 'model.onnx.data')));
    };
  }
  function linkTo(name: string, target: string): (folder: string) => void {
    return (folder) => {
      mkdirSync(join(folder, '../outside'));
      writeFileSync(join(folder, '../outside/data'), readFileSync(join(folder, 'model.onnx.data')));
      symlinkSync(target, join(folder, name));
    };
  }

  test.each(cases.map((entry) => [entry.what, entry] as const))('%s', async (_what, entry) => {
    await withFolder(async (outer) => {
      const folder = join(outer, 'models');
      mkdirSync(folder);
      const path = writeExternal(folder, 'model.onnx', richModel());
      const proto = fromBinary(ModelProtoSchema, readFileSync(path));
      const entries = proto.graph?.initializer[0]?.externalData ?? [];
      for (const pair of entries) {
        const key = pair.key as 'location' | 'offset' | 'length';
        pair.value = entry[key] ?? pair.value;
      }
      writeFileSync(path, encodeModel(proto));
      entry.prepare?.(folder);
      if (entry.code === null) {
        expect((await loadModel(path, { files })).weights.length).toBeGreaterThan(3);
      } else {
        expect(await errorOf(loadModel(path, { files }))).toMatchObject({ code: entry.code });
      }
    });
  });

  test('a model cache, where model and data are links into one folder of blobs, works', async () => {
    await withFolder(async (folder) => {
      for (const name of ['blobs', 'snapshots']) mkdirSync(join(folder, name));
      writeExternal(join(folder, 'blobs'), 'abc', richModel(), { dataFile: 'model.onnx.data' });
      writeFileSync(join(folder, 'blobs', 'def'), readFileSync(join(folder, 'blobs', 'model.onnx.data')));
      symlinkSync('../blobs/abc', join(folder, 'snapshots', 'model.onnx'));
      symlinkSync('../blobs/def', join(folder, 'snapshots', 'model.onnx.data'));
      const loaded = await loadModel(join(folder, 'snapshots', 'model.onnx'), { files });
      expect(loaded.name).toBe('model.onnx');
      expect(loaded.weights.some((weight) => weight.file === join(folder, 'blobs', 'def'))).toBe(true);
    });
  });

  test('a data file that was cut off', async () => {
    await withFolder(async (folder) => {
      const path = writeExternal(folder, 'model.onnx', richModel());
      truncateSync(`${path}.data`, 1000);
      const error = await errorOf(loadModel(path, { files }));
      expect(error.code).toBe('truncated');
      expect(error.message).toContain('"model.onnx.data"');
    });
  });
});

describe('fuzz: any damage gives a NanoscopeError or a model, soon', () => {
  const originals: readonly (readonly [string, Uint8Array])[] = [
    ['a real export', readFileSync(join(exportsFolder, 'b1_bert_one_empty_sample_op14.onnx'))],
    ['a rich model', encodeModel(richModel())],
    ['a small model', encodeModel(smallModel())],
  ];

  async function survive(bytes: Uint8Array, told: string): Promise<void> {
    try {
      await loadFrom(bytes);
    } catch (error) {
      if (!(error instanceof NanoscopeError) || error.code === 'internal') {
        throw new Error(`${told}: ${String(error)}`, { cause: error });
      }
      expect(error.message, told).toMatch(/^[^\n\r\0]+$/);
    }
  }

  /** Where the structure is, not the weights: else almost all damage would hit payload. */
  function structure(bytes: Uint8Array): (pick: number) => number {
    const rough = Math.min(bytes.length, 12_000);
    return (pick) => (pick < 0.7 ? Math.floor((pick / 0.7) * rough) : Math.floor(((pick - 0.7) / 0.3) * bytes.length));
  }

  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
  }

  test.each(originals)('%s, cut off anywhere', async (_what, bytes) => {
    const next = random(1);
    const at = structure(bytes);
    for (let i = 0; i < 120; i++) {
      const length = at(next());
      await survive(bytes.subarray(0, length), `cut to ${String(length)} bytes`);
    }
  });

  test.each(originals)('%s, with bytes changed anywhere', async (_what, bytes) => {
    const next = random(2);
    const at = structure(bytes);
    for (let i = 0; i < 250; i++) {
      const copy = Uint8Array.from(bytes);
      const changes: string[] = [];
      for (let n = 1 + Math.floor(next() * 3); n > 0; n--) {
        const place = at(next());
        const byte = Math.floor(next() * 256);
        copy[place] = byte;
        changes.push(`[${String(place)}] = ${String(byte)}`);
      }
      await survive(copy, changes.join(', '));
    }
  });

  test('noise', async () => {
    const next = random(3);
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from({ length: Math.floor(next() * 400) }, () => Math.floor(next() * 256));
      if (i % 2 === 0) bytes.set([0x08, 8, 0x3a].slice(0, bytes.length));
      await survive(bytes, Buffer.from(bytes).toString('hex'));
    }
  });

  test('a source that brings fewer bytes than its size promises', async () => {
    const bytes = encodeModel(richModel());
    const short: RandomAccess = {
      size: bytes.length,
      read: (offset, length) => Promise.resolve(bytes.subarray(offset, Math.min(offset + length, 5000))),
    };
    await errorOf(loadFrom(bytes, short));
  });
});
