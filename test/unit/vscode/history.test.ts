/** Runs that were kept, on a real folder: bounds, names, what is broken, what a killed window leaves. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import { compareStored } from '../../../src/vscode/history/compareStored';
import { HistoryStore, type HistoryLimits } from '../../../src/vscode/history/store';
import { sampleReport } from './sampleReport';

const { FileSystemError } = vi.hoisted(() => ({
  FileSystemError: class extends Error {
    readonly code = 'FileNotFound';
  },
}));

// The editor's file system, over Node's; nothing else of the editor is needed.
vi.mock('vscode', () => ({
  FileSystemError,
  l10n: { t: (text: string) => text },
  Uri: { joinPath: ({ fsPath }: { fsPath: string }, name: string) => ({ fsPath: join(fsPath, name) }) },
  workspace: {
    fs: {
      createDirectory: ({ fsPath }: vscode.Uri) => mkdir(fsPath, { recursive: true }),
      writeFile: ({ fsPath }: vscode.Uri, bytes: Uint8Array) => writeFile(fsPath, bytes),
      readFile: ({ fsPath }: vscode.Uri) => readFile(fsPath),
      rename: ({ fsPath }: vscode.Uri, to: vscode.Uri) => rename(fsPath, to.fsPath),
      stat: async ({ fsPath }: vscode.Uri) => ({ mtime: (await stat(fsPath)).mtimeMs }),
      delete: ({ fsPath }: vscode.Uri) =>
        rm(fsPath).catch(() => {
          throw new FileSystemError('gone');
        }),
      readDirectory: async ({ fsPath }: vscode.Uri) => (await readdir(fsPath)).map((name) => [name, 1]),
    },
  },
}));

let folder = '';
const problems: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope-history-'));
  problems.length = 0;
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function storeWith(limits?: HistoryLimits): HistoryStore {
  const uri: unknown = { fsPath: folder };
  return new HistoryStore(uri as vscode.Uri, (what) => problems.push(what), limits);
}
const run = (name: string) => ({ kind: 'report', report: sampleReport(name) }) as const;
const names = async (store: HistoryStore): Promise<string[]> =>
  (await store.list()).map(({ name, model }) => name ?? model);
const files = (): string[] => readdirSync(folder).sort();
/** Of no run that was kept. */
const gone = '2f0c0a52-8b9e-4c51-8d3c-0d5e6c4f3a21';
const size = Buffer.byteLength(JSON.stringify(sampleReport('a.onnx')));

describe('stored runs', () => {
  it('come back as they were, the latest first, with what a list says of them', async () => {
    const store = storeWith();
    await store.add(run('a.onnx'), 1000);
    const comparison = compareStored(
      { report: sampleReport('a.onnx'), name: 'before', facts: [] },
      { report: sampleReport('b.onnx'), name: 'after', facts: ['1 ms'] },
    );
    await store.add({ kind: 'comparison', comparison }, 2000);
    const [later, earlier] = await storeWith().list();
    expect(earlier).toMatchObject({ at: 1000, kind: 'report', model: 'a.onnx', name: null });
    expect(earlier?.about).toBe('2 × 3, padding left, none');
    expect(earlier?.verdict).toContain('layer 0 attention');
    expect(later).toMatchObject({ kind: 'comparison', model: 'a.onnx, b.onnx', about: 'before · after' });
    expect(later?.verdict).toBe(
      'Identical NaN pattern, at the same positions of every stage: what differs between the models is not the cause.',
    );
    if (!earlier || !later) throw new Error('not kept');
    expect(await store.open(earlier)).toEqual(run('a.onnx'));
    expect(await store.open(later)).toEqual({ kind: 'comparison', comparison });
  });

  it('go when there are too many, the oldest first, those with a name last', async () => {
    const store = storeWith({ entries: 3, bytes: 1e9 });
    const named = await store.add(run('a.onnx'), 1);
    if (named) await store.rename(named, '  the one  ');
    for (const [at, name] of ['b', 'c', 'd', 'e'].entries()) await store.add(run(`${name}.onnx`), at + 2);
    expect(await names(store)).toEqual(['e.onnx', 'd.onnx', 'the one']);
    expect(files()).toHaveLength(6);
    // Names only, and still a new run is kept.
    for (const entry of await store.list()) await store.rename(entry, entry.model);
    await store.add(run('f.onnx'), 9);
    expect(await names(store)).toEqual(['f.onnx', 'e.onnx', 'd.onnx']);
  });

  it('go when they are too large together, and one that is too large alone is not kept', async () => {
    const store = storeWith({ entries: 50, bytes: 2 * size + 10 });
    for (const [at, name] of ['a', 'b', 'c'].entries()) await store.add(run(`${name}.onnx`), at);
    expect(await names(store)).toEqual(['c.onnx', 'b.onnx']);
    expect(await storeWith({ entries: 50, bytes: size - 1 }).add(run('d.onnx'), 9)).toBeNull();
    expect(files()).toHaveLength(4);
  });

  it('never go in favour of one that a clock in the future made', async () => {
    const store = storeWith({ entries: 1, bytes: 1e9 });
    await store.add(run('ahead.onnx'), 9000);
    await store.add(run('now.onnx'), 1000);
    expect(await names(store)).toEqual(['now.onnx']);
  });

  it('that another window has deleted take no name, and do not come back', async () => {
    const store = storeWith();
    const entry = await store.add(run('a.onnx'), 1);
    if (!entry) throw new Error('not kept');
    await storeWith().remove(entry);
    await expect(store.rename(entry, 'x')).rejects.toMatchObject({ code: 'file-not-found' });
    expect(files()).toEqual([]);
  });

  it('are kept although what others left cannot be looked at', async () => {
    // As a file that another window takes away between the list and the look.
    symlinkSync(join(folder, 'nowhere'), join(folder, 'x.tmp'));
    writeFileSync(join(folder, `${gone}.run.json`), '{');
    utimesSync(join(folder, `${gone}.run.json`), 1, 1);
    const store = storeWith();
    expect(await store.add(run('a.onnx'), 1)).not.toBeNull();
    expect(files()).not.toContain(`${gone}.run.json`);
  });

  it('take a name and give it back, and can be deleted', async () => {
    const store = storeWith();
    const entry = await store.add(run('a.onnx'), 1);
    if (!entry) throw new Error('not kept');
    await store.rename(entry, `x`.repeat(500));
    expect((await store.list())[0]?.name).toHaveLength(200);
    await store.rename(entry, ' ');
    expect((await store.list())[0]?.name).toBeNull();
    await store.remove(entry);
    await store.remove(entry);
    expect([await store.list(), files()]).toEqual([[], []]);
    await expect(store.open(entry)).rejects.toMatchObject({ code: 'file-not-found' });
  });

  it.each<[what: string, text: (entry: string) => string]>([
    ['cut off', (entry) => entry.slice(0, 40)],
    ['empty', () => ''],
    ['of another shape', () => '{"id":1}'],
    ['under a name that is not its own', (entry) => entry.replace(/"id":"[^"]*/, `"id":"${gone}`)],
    ['with a time that is none', (entry) => entry.replace(/"at":\d+/, '"at":-1')],
  ])('that are %s are left out and named, the others stay', async (_what, broken) => {
    const store = storeWith();
    const bad = await store.add(run('bad.onnx'), 1);
    await store.add(run('good.onnx'), 2);
    const file = join(folder, `${bad?.id ?? ''}.json`);
    writeFileSync(file, broken(readFileSync(file, 'utf8')));
    expect(await names(store)).toEqual(['good.onnx']);
    expect(problems).toEqual([`Stored run ${bad?.id ?? ''}`]);
  });

  it('whose run is broken are refused with a reason when they are opened', async () => {
    const store = storeWith();
    const entry = await store.add(run('a.onnx'), 1);
    if (!entry) throw new Error('not kept');
    writeFileSync(join(folder, `${entry.id}.run.json`), '{"kind":"comparison","schemaVersion":1}');
    await expect(store.open(entry)).rejects.toMatchObject({ code: 'file-unreadable' });
    expect(await store.find(entry.id)).toBeNull();
    expect(await store.find('../../etc/passwd')).toBeNull();
  });

  it('leave nothing behind of a window that was killed, once it must be dead', async () => {
    const store = storeWith();
    const left = [`${gone}.run.json`, `${gone}.run.json.x.tmp`, `${gone}.json`];
    for (const name of left) writeFileSync(join(folder, name), '{');
    writeFileSync(join(folder, 'not-ours.txt'), 'x');
    await store.add(run('a.onnx'), 1);
    expect(files()).toEqual(expect.arrayContaining(left));
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), 1, 1);
    await store.add(run('b.onnx'), 2);
    expect(files().filter((name) => left.includes(name))).toEqual([]);
    expect(files()).toContain('not-ours.txt');
    expect(await names(store)).toEqual(['b.onnx', 'a.onnx']);
  });
});
