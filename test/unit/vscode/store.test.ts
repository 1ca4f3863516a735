/** What panels leave in the workspace's storage, on a real folder. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import { BatchMemory, PanelStore } from '../../../src/vscode/panel/store';
import type { SessionRecord } from '../../../src/vscode/panel/sessionParts';
import { sampleReport } from './sampleReport';

const { FileSystemError } = vi.hoisted(() => ({
  FileSystemError: class extends Error {
    readonly code = 'FileNotFound';
  },
}));

// The editor's file system, over Node's; nothing else of the editor is needed.
vi.mock('vscode', () => ({
  FileSystemError,
  Uri: { joinPath: ({ fsPath }: { fsPath: string }, name: string) => ({ fsPath: join(fsPath, name) }) },
  workspace: {
    fs: {
      createDirectory: ({ fsPath }: vscode.Uri) => mkdir(fsPath, { recursive: true }),
      writeFile: ({ fsPath }: vscode.Uri, bytes: Uint8Array) => writeFile(fsPath, bytes),
      readFile: ({ fsPath }: vscode.Uri) => readFile(fsPath),
      delete: ({ fsPath }: vscode.Uri) =>
        rm(fsPath).catch(() => {
          throw new FileSystemError('gone');
        }),
      readDirectory: async ({ fsPath }: vscode.Uri) => (await readdir(fsPath)).map((name) => [name, 1]),
    },
  },
}));

/** All that the store asks of a `Uri`. */
function uri(fsPath: string): vscode.Uri {
  const partial: unknown = { fsPath };
  return partial as vscode.Uri;
}

let folder = '';
let store: PanelStore;
const problems: string[] = [];
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'nanoscope-store-')), 'panels');
  problems.length = 0;
  store = new PanelStore(uri(folder), (what) => problems.push(what));
});
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

const keys = [
  '2f0c0a52-8b9e-4c51-8d3c-0d5e6c4f3a21',
  '2f0c0a52-8b9e-4c51-8d3c-0d5e6c4f3a22',
  '2f0c0a52-8b9e-4c51-8d3c-0d5e6c4f3a23',
] as const;

function record(key: string, model: string, change: Partial<SessionRecord> = {}): SessionRecord {
  return {
    key,
    subject: { kind: 'file', model },
    phase: 'done',
    batch: { kind: 'lengths', lengths: [5, 35], pad: 'left', seed: 1, file: null, mask: null, level: 'all' },
    batchChosen: false,
    inputsPath: null,
    report: sampleReport(),
    error: null,
    stack: [],
    weights: null,
    stamps: {},
    ...change,
  };
}

const stored = (): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);

describe('records of panels', () => {
  it('are deleted when no panel is open and none waits to be restored', async () => {
    await store.prune(new Set(), new Set());
    for (const [at, key] of keys.entries()) store.keep(record(key, `/w/${String(at)}.onnx`, { report: null }));
    await store.settle();
    writeFileSync(join(folder, 'not-ours.txt'), 'x');
    await store.prune(new Set([keys[1]]), new Set());
    expect(stored()).toEqual([`${keys[1]}.json`, 'not-ours.txt']);
    expect(problems).toEqual([]);
  });

  it('stay while a tab that nobody looked at could be theirs, under any name that it may have', async () => {
    const { report } = record(keys[0], '');
    store.keep(record(keys[0], '/w/first.onnx', { report: null }));
    store.keep(record(keys[1], '/w/second.onnx', { report }));
    const written = {
      fixId: 'f',
      file: '/w/third.fixed.onnx',
      weights: 'inside',
      backup: null,
      before: null,
      measured: true,
    } as const;
    store.keep(record(keys[2], '/w/third.onnx', { report: null, stack: [written] }));
    await store.settle();
    await store.prune(
      new Set(),
      new Set(['NaNoscope: first.onnx', 'NaNoscope: sick.onnx', 'NaNoscope: third.fixed.onnx']),
    );
    expect(stored()).toHaveLength(3);
    await store.prune(new Set(), new Set(['NaNoscope: third.fixed.onnx']));
    expect(stored()).toEqual([`${keys[2]}.json`]);
    expect(await store.find(keys[2])).toMatchObject({ subject: { model: '/w/third.onnx' } });
  });

  it('go even when they cannot be read', async () => {
    store.keep(record(keys[0], '/w/first.onnx'));
    await store.settle();
    writeFileSync(join(folder, `${keys[1]}.json`), '{');
    await store.prune(new Set([keys[0]]), new Set(['NaNoscope: first.onnx']));
    expect(stored()).toEqual([`${keys[0]}.json`]);
  });

  it('are never larger than what is read back', async () => {
    const limit = 8192;
    const small = new PanelStore(uri(folder), (what) => problems.push(what), limit);
    const note = 'x'.repeat(limit / 2);
    const report = { ...sampleReport(), notes: [note] };
    const stack = [
      {
        fixId: 'f',
        file: '/w/a.fixed.onnx',
        weights: 'inside',
        backup: null,
        before: report,
        measured: true,
      } as const,
    ];
    small.keep(record(keys[0], '/w/a.onnx', { report, stack }));
    small.keep(record(keys[1], '/w/b.onnx', { report: { ...report, notes: [note, note] }, stack }));
    await small.settle();
    for (const name of stored()) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(limit);
    expect(await small.find(keys[0])).toMatchObject({ report: { notes: [note] }, stack: [{ before: null }] });
    expect(await small.find(keys[1])).toMatchObject({ report: null, stack: [{ before: null }] });
    expect(problems).toEqual([]);
  });

  it('that were never written are forgotten without a word', async () => {
    store.forget(keys[0]);
    await store.settle();
    expect(problems).toEqual([]);
  });
});

describe('the batch that was used last', () => {
  it('is remembered for the models of late, and what makes no sense is not believed', async () => {
    const values = new Map<string, unknown>();
    const memory = new BatchMemory({
      get: (key: string) => values.get(key),
      update: (key: string, value: unknown) => Promise.resolve(void values.set(key, value)),
      keys: () => [...values.keys()],
    } as vscode.Memento);
    const { batch } = record(keys[0], '');
    for (let at = 0; at < 60; at++) {
      await memory.set(`/w/${String(at)}.onnx`, { batch: { ...batch, seed: at }, batchChosen: true, inputsPath: null });
    }
    await memory.set('/w/30.onnx', { batch: { ...batch, seed: 1000 }, batchChosen: true, inputsPath: null });
    expect(memory.get('/w/0.onnx')).toBeNull();
    expect(memory.get('/w/59.onnx')?.batch.seed).toBe(59);
    expect(memory.get('/w/30.onnx')?.batch.seed).toBe(1000);
    expect(values.size).toBe(1);
    values.set([...values.keys()][0] ?? '', [{ model: '/w/1.onnx', batch: 'x' }, null]);
    expect(memory.get('/w/1.onnx')).toBeNull();
  });

  it('is remembered once a person said anything, and what was said can be taken back', async () => {
    const values = new Map<string, unknown>();
    const memory = new BatchMemory({
      get: (key: string) => values.get(key),
      update: (key: string, value: unknown) => Promise.resolve(void values.set(key, value)),
      keys: () => [...values.keys()],
    } as vscode.Memento);
    const { batch } = record(keys[0], '');
    const byDefault = { batchChosen: false, inputsPath: null };
    await memory.set('/w/a.onnx', { ...byDefault, batch });
    expect(memory.get('/w/a.onnx')).toBeNull();
    await memory.set('/w/a.onnx', { ...byDefault, batch: { ...batch, expandAttention: true } });
    expect(memory.get('/w/a.onnx')?.batch.expandAttention).toBe(true);
    await memory.set('/w/a.onnx', { ...byDefault, batch });
    expect(memory.get('/w/a.onnx')?.batch).not.toHaveProperty('expandAttention');
    await memory.set('/w/b.onnx', { ...byDefault, batch: { ...batch, cast: 'float32' } });
    expect(memory.get('/w/b.onnx')?.batch.cast).toBe('float32');
  });
});
