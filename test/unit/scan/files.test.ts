/** Which files of a folder are scanned, what hostile ones give, and that nothing stays open. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { scan, type ScanRequest } from '../../../src/app/scan/scan';
import { markdownScan } from '../../../src/app/render/scan/markdown';
import type { ScanResult } from '../../../src/core/scan/types';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { hidden, npy, safetensors, seedMask } from '../../support/storedFiles';

const root = mkdtempSync(join(tmpdir(), 'nanoscope-scan-files-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});
let count = 0;
function tree(files: Readonly<Record<string, Uint8Array | string>>): string {
  const place = join(root, String((count += 1)));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(place, name, '..'), { recursive: true });
    writeFileSync(join(place, name), content);
  }
  return place;
}

const sick = npy('<f4', [2, 2], Float32Array.of(1, NaN, 2, 3));
const run = (place: string, asked: Partial<ScanRequest> = {}): Promise<ScanResult> =>
  scan(
    nodeFiles,
    { paths: [place], axes: [], mask: null, name: (file) => relative(place, file), ...asked },
    {},
    new AbortController().signal,
  );
const errorsOf = ({ files }: ScanResult): string[] =>
  files.flatMap(({ error, tensors }) =>
    [error, ...tensors.map((one) => one.error)].flatMap((one) => (one ? [one.message] : [])),
  );

describe('a folder', () => {
  it('is searched by the three endings, sorted, each file once, round links and past what is hidden', async () => {
    const place = tree({
      'b.npy': sick,
      'a/c.NPZ': zipSync({ 'x.npy': sick }),
      'a/d.safetensors': safetensors({}),
      'e.txt': 'x',
      'f.pth': 'x',
      'a/g.bin': 'x',
      '.hidden/h.npy': sick,
      '._i.npy': sick,
      'node_modules/j.npy': sick,
    });
    symlinkSync(place, join(place, 'a', 'round'));
    symlinkSync(join(place, 'b.npy'), join(place, 'z.npy'));
    symlinkSync(join(place, 'gone'), join(place, 'dangling.npy'));
    const { files, notRead } = await run(place);
    expect(files.map(({ file, error }) => [file, error?.code ?? null])).toEqual([
      ['a/c.NPZ', null],
      ['a/d.safetensors', null],
      ['b.npy', null],
      ['dangling.npy', 'file-not-found'],
    ]);
    expect(notRead).toEqual(['a/g.bin', 'f.pth']);
  });

  it('gives a file that is named what its first bytes say', async () => {
    const place = tree({ one: sick, two: zipSync({ 'x.npy': sick }), three: 'hello' });
    const { files } = await run(place, { paths: ['one', 'two', 'three', 'one'].map((name) => join(place, name)) });
    expect(files.map(({ file, format, error }) => [file, format, error?.message ?? null])).toEqual([
      ['one', 'npy', null],
      ['two', 'npz', null],
      ['three', null, 'three is no .npy, .npz or .safetensors file.'],
    ]);
  });
});

/** A stored archive whose directory is changed before it is read. */
function archive(change: (view: DataView, directory: number) => void, level: 0 | 9 = 0): Uint8Array {
  const bytes = zipSync({ 'x.npy': sick, 'y.npy': sick }, { level });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  change(view, view.getUint32(bytes.byteLength - 22 + 16, true));
  return bytes;
}
const big = 0x7fff_ffff;

describe('what is damaged', () => {
  it.each([
    ['a.npy', '', /a\.npy is empty/],
    ['a.npy', 'version https://git-lfs.github.com/spec/v1\noid sha256:0', /pointer of Git LFS/],
    ['a.safetensors', 'version https://git-lfs.github.com/spec/v1\noid sha256:0', /pointer of Git LFS/],
    ['a.npy', 'hello', /not a NumPy array/],
    ['a.npz', 'hello', /not an \.npz archive/],
    ['a.safetensors', 'hello, hello', /no safetensors file, or is damaged/],
    ['a.npy', npy('|V2', [2], new Uint8Array(4)), /elements of NumPy type "\|V2", and nothing says/],
    ['a.npy', npy('<f16', [1], new Uint8Array(16)), /elements of NumPy type "<f16", extended precision/],
    ['a.npy', npy('|O', [1], new Uint8Array(8)), /pickled Python objects/],
    ['a.npy', npy('<f4', [2 ** 40, 2 ** 40], new Uint8Array(8)), /not the shape of a tensor/],
    ['a.npy', npy('<f4', [1], new Uint8Array(8)), /has 4 bytes after its last element/],
    ['a.npz', zipSync({ 'data.pkl': new Uint8Array(3), 'x.npy': sick }), /a pickle inside/],
    ['a.npz', zipSync({ 'readme.txt': new Uint8Array(3) }), /holds "readme.txt", which is not a NumPy array/],
    ['a.npz', zipSync({ 'x.npy': sick }).subarray(0, 100), /list of its entries cannot be read/],
    ['a.npz', archive((view, at) => view.setUint32(at + 24, big, true)), /\(x\) is cut off/],
    ['a.npz', archive((view, at) => view.setUint32(at + 24, 40, true), 9), /\(x\) is cut off/],
    ['a.npz', archive((view, at) => view.setUint32(at + 20, big, true)), /entries that overlap/],
    ['a.npz', archive((view, at) => view.setUint32(at + 42, big, true)), /\(x\) is cut off or damaged/],
    ['a.npz', archive((view, at) => view.setUint16(at + 8, 1, true)), /\(x\) is encrypted/],
    ['a.npz', archive((view, at) => view.setUint16(at + 10, 14, true)), /method other than deflate/],
    ['a.npz', archive((view, at) => view.setUint32(at + 16, 1, true)), /\(x\) is cut off or damaged/],
  ] as const)('%s case %#', async (name, content, message) => {
    const result = await run(tree({ [name]: content }));
    expect(errorsOf(result).join('\n')).toMatch(message);
    expect(result.totals.filesFailed).toBe(1);
  });

  it('and is no array leaves the arrays of its archive', async () => {
    const zip = zipSync({ 'readme.txt': new Uint8Array(3), 'x.npy': sick });
    const { files, totals } = await run(tree({ 'a.npz': zip }));
    expect(files[0]?.tensors.map(({ name, state, nan }) => [name, state, nan])).toEqual([
      ['x', 'counted', 1],
      ['readme.txt', 'failed', 0],
    ]);
    expect(files[0]?.tensors[1]?.error?.message).toMatch(/holds "readme.txt", which is not a NumPy array/);
    expect(totals.filesWithNaN).toBe(1);
    const { verdict } = await run(tree({ 'a.npz': zip, 'b.npy': '' }));
    expect(verdict).toMatch(/ 1 could not be read: \S*b\.npy\. 1 could not be read to the end: \S*a\.npz\.$/);
  });

  it('in one entry leaves the others', async () => {
    const { files } = await run(tree({ 'a.npz': archive((view, at) => view.setUint32(at + 16, 1, true)) }));
    expect(files[0]?.tensors.map(({ name, state, nan }) => [name, state, nan])).toEqual([
      ['x', 'failed', 0],
      ['y', 'counted', 1],
    ]);
  });

  it('anywhere in an archive or a safetensors file never passes as clean', async () => {
    const whole = zipSync({ 'x.npy': sick }, { level: 9 });
    const other = safetensors({ h: hidden(() => true) });
    const files: Record<string, Uint8Array> = {};
    for (let at = 0; at < whole.length; at += 3) files[`${String(at)}.npz`] = whole.subarray(0, at);
    for (let at = 0; at < other.length; at += 41) files[`${String(at)}.safetensors`] = other.subarray(0, at);
    const result = await run(tree(files));
    expect(result.totals.filesFailed).toBe(Object.keys(files).length);
  });
});

/** Its directory is told by ZIP64 records alone, as above 4 GB. @param count of its entries, as they say */
function zip64(count: bigint): Uint8Array {
  const plain = zipSync({ 'x.npy': sick, 'y.npy': sick });
  const end = new DataView(plain.buffer, plain.byteOffset + plain.byteLength - 22, 22);
  const large = new DataView(new ArrayBuffer(56 + 20 + 22));
  large.setUint32(0, 0x06064b50, true);
  large.setBigUint64(4, 44n, true);
  for (const at of [24, 32]) large.setBigUint64(at, count, true);
  large.setBigUint64(40, BigInt(end.getUint32(12, true)), true);
  large.setBigUint64(48, BigInt(end.getUint32(16, true)), true);
  large.setUint32(56, 0x07064b50, true);
  large.setBigUint64(64, BigInt(plain.byteLength - 22), true);
  large.setUint32(76, 0x06054b50, true);
  for (const at of [84, 86]) large.setUint16(at, 0xffff, true);
  for (const at of [88, 92]) large.setUint32(at, 0xffffffff, true);
  return Buffer.concat([plain.subarray(0, -22), new Uint8Array(large.buffer)]);
}

it('an archive whose directory is told by ZIP64 records alone is read, and refused where it says too much', async () => {
  const { files } = await run(tree({ 'a.npz': zip64(2n) }));
  expect(files[0]?.tensors.map(({ name, nan }) => [name, nan])).toEqual([
    ['x', 1],
    ['y', 1],
  ]);
  expect(errorsOf(await run(tree({ 'a.npz': zip64(250_001n) })))).toEqual([
    'a.npz holds 250001 entries, more than are looked at.',
  ]);
});

it('a long name does not make a long page', async () => {
  const name = '`'.repeat(10_000);
  const result = await run(tree({ 'a.safetensors': safetensors({ [name]: hidden(() => true) }) }));
  expect(result.files[0]?.tensors[0]?.name).toBe(name);
  expect(markdownScan(result).length).toBeLessThan(5000);
});

it('many corrupt files do not make a long page; how many there are is said', async () => {
  const sick = safetensors({ h: hidden(() => true) });
  const healthy = 'not an array';
  const names = Array.from({ length: 260 }, (_, at) => String(at).padStart(3, '0'));
  const result = await run(
    tree(Object.fromEntries(names.map((name, at) => [`${name}.safetensors`, at < 210 ? sick : healthy]))),
  );
  const page = markdownScan(result);
  expect(page.match(/^## /gm)).toHaveLength(200);
  expect(page).toContain('… and 60 more files, 10 of them with NaN. All of them: `nanoscope scan FOLDER --json`.');
});

describe('a mask', () => {
  const named = { mask: { name: 'attention_mask', inverted: false } };
  const grid = ({ files }: ScanResult) => files[0]?.tensors.find(({ name }) => name === 'h')?.where;

  it('splits only tensors that begin with its sizes', async () => {
    const flat = { dtype: 'F32', shape: [35, 2], data: new Float32Array(70).fill(NaN) };
    const place = tree({
      'a.safetensors': safetensors({ h: hidden((at) => at < 31), flat, attention_mask: seedMask }),
    });
    const result = await run(place, named);
    expect(grid(result)).toMatchObject({
      mask: 'attention_mask',
      list: [{ sample: 0, pad: { of: 30, nan: 30 }, real: { of: 5, nan: 1 } }],
    });
    expect(result.files[0]?.tensors.find(({ name }) => name === 'flat')?.where).toMatchObject({
      kind: 'axis',
      axis: 'first',
    });
    const inverted = await run(place, { mask: { name: 'attention_mask', inverted: true } });
    expect(grid(inverted)).toMatchObject({ list: [{ pad: { of: 5, nan: 1 }, real: { of: 30, nan: 30 } }] });
  });

  it.each([
    ['of floats', { dtype: 'F32', shape: [2, 35], data: new Float32Array(70) }, /it holds float32, and a mask holds/],
    ['of three axes', { dtype: 'U8', shape: [2, 35, 1], data: new Uint8Array(70) }, /it has 3 axes/],
    [
      'of token ids',
      { dtype: 'U8', shape: [2, 35], data: new Uint8Array(70).fill(7) },
      /it holds 7, and a mask holds 0 and 1/,
    ],
  ])('%s is refused with a note', async (_, mask, message) => {
    const result = await run(
      tree({ 'a.safetensors': safetensors({ h: hidden(() => true), attention_mask: mask }) }),
      named,
    );
    expect(result.files[0]?.notes.join()).toMatch(message);
    expect(grid(result)).toMatchObject({ kind: 'axis' });
  });
});

describe('while it runs', () => {
  it('tells how far it is, never back, to the end', async () => {
    const place = tree({ 'a.npy': npy('<f4', [1 << 20], new Float32Array(1 << 20)), 'b.npy': sick });
    const seen: number[] = [];
    const onProgress = ({ fraction }: { fraction: number | null }): void => void seen.push(fraction ?? -1);
    await scan(
      nodeFiles,
      { paths: [place], axes: [], mask: null, name: String },
      { onProgress },
      new AbortController().signal,
    );
    expect(seen.length).toBeGreaterThan(4);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    expect([seen[0], seen.at(-1)]).toEqual([0, 1]);
  });

  it('takes packed bytes in small pieces, as each may be a thousand times as much', async () => {
    const noise = Float32Array.from({ length: 50_000 }, (_, at) => Math.sin(at * at));
    const place = tree({ 'a.npz': zipSync({ 'x.npy': npy('<f4', [50_000], noise) }) });
    const lengths: number[] = [];
    const files = {
      ...nodeFiles,
      open: async (path: string) => {
        const file = await nodeFiles.open(path);
        const read = (offset: number, length: number) => {
          lengths.push(length);
          return file.read(offset, length);
        };
        return { size: file.size, read, close: () => file.close() };
      },
    };
    const { signal } = new AbortController();
    const { totals } = await scan(files, { paths: [place], axes: [], mask: null, name: String }, {}, signal);
    expect(totals).toMatchObject({ elements: 50_000, filesFailed: 0 });
    // The end of the archive, with its longest comment, is the longest.
    expect(Math.max(...lengths)).toBeLessThan(66_000);
  });

  it('ends when it is cancelled, in the middle of a file, and leaves none open', async () => {
    const place = tree({ 'a.npy': npy('<f4', [1 << 21], new Float32Array(1 << 21)) });
    const stop = new AbortController();
    let [open, reads] = [0, 0];
    const files = {
      ...nodeFiles,
      open: async (path: string) => {
        const file = await nodeFiles.open(path);
        open += 1;
        return {
          size: file.size,
          read: (offset: number, length: number) => {
            reads += 1;
            if (reads === 4) stop.abort();
            return file.read(offset, length);
          },
          close: () => {
            open -= 1;
            return file.close();
          },
        };
      },
    };
    await expect(
      scan(files, { paths: [place], axes: [], mask: null, name: String }, {}, stop.signal),
    ).rejects.toMatchObject({ code: 'cancelled' });
    expect(reads).toBeLessThan(7);
    expect(open).toBe(0);
  });
});
