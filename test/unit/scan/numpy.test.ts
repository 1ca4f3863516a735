/** Files that NumPy wrote, and safetensors that a few lines of Python wrote, against what NumPy says of the arrays. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scan, type ScanRequest } from '../../../src/app/scan/scan';
import { parseAxes } from '../../../src/core/scan/axes';
import type { ScannedFile, ScannedTensor, ScanResult } from '../../../src/core/scan/types';
import { parseRanges } from '../../../src/core/trace/ranges';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { pythonCode } from '../../support/python';

interface Truth {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly nan: number;
  readonly posInf: number;
  readonly negInf: number;
  readonly min: number | null;
  readonly max: number | null;
  /** Indices with NaN, with an infinity, of each axis; and (0, 1) pairs with NaN. */
  readonly nanAlong: readonly (readonly number[])[];
  readonly infAlong: readonly (readonly number[])[];
  readonly pairs: readonly (readonly [number, number])[];
}

/** `file` or `file:tensor`. */
let truth: Readonly<Record<string, Truth>> = {};
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-scan-'));
  await pythonCode(writeEverything, folder);
  truth = JSON.parse(await readFile(join(folder, 'truth.json'), 'utf8')) as typeof truth;
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const writeEverything = `
import json, os, struct, sys, numpy as np
folder = sys.argv[1]
rng = np.random.default_rng(7)
truth = {}
def note(key, array, values=None, dtype=None):
    v = array if values is None else values
    nan = np.isnan(v)
    if np.iscomplexobj(v):
        pos = ~nan & ((v.real == np.inf) | (v.imag == np.inf))
        neg = ~nan & ~pos & np.isinf(v)
        finite = np.zeros(0)
    else:
        pos, neg = v == np.inf, v == -np.inf
        finite = v[np.isfinite(v)]
    along = lambda m: [np.flatnonzero(m.any(axis=tuple(b for b in range(m.ndim) if b != a))).tolist() for a in range(m.ndim)]
    pairs = np.argwhere(nan.any(axis=tuple(range(2, nan.ndim)))).tolist() if nan.ndim >= 2 else []
    truth[key] = dict(dtype=dtype or array.dtype.newbyteorder('=').name, shape=list(v.shape), nan=int(nan.sum()),
        posInf=int(pos.sum()), negInf=int(neg.sum()), min=float(finite.min()) if finite.size else None,
        max=float(finite.max()) if finite.size else None, nanAlong=along(nan), infAlong=along(pos | neg), pairs=pairs)
def hurt(a, share=0.02):
    a = a.copy()
    for value in (np.nan, np.inf, -np.inf): a[rng.random(a.shape) < share] = value
    return a
def npy(name, array):
    np.save(f'{folder}/{name}.npy', array)
    note(f'{name}.npy', array)
shape = (4, 7, 5)
for kind in ('f2', 'f4', 'f8'):
    for order in '<>':
        a = hurt(rng.normal(size=shape)).astype(order + kind)
        tag = kind + ('le' if order == '<' else 'be')
        npy(tag, a)
        npy(tag + 'F', np.asfortranarray(a))
for kind in ('<c8', '>c8', '<c16', '>c16'):
    a = np.empty(shape, dtype=kind); a.real = hurt(rng.normal(size=shape)); a.imag = hurt(rng.normal(size=shape))
    npy('complex' + kind[1:] + ('le' if kind[0] == '<' else 'be'), a)
npy('all', np.full((3, 2), np.nan, dtype='f4'))
npy('clean', rng.normal(size=(6, 2)).astype('f4'))
npy('scalar', np.array(np.nan))
npy('empty', np.zeros((0, 4), dtype='f4'))
npy("vector", hurt(rng.normal(size=1500), 0.3).astype('f2'))
# More than one piece, no whole number of them, in both orders.
big = rng.normal(size=(3, 401, 501)).astype('f8'); big[2, 7:9, 3] = np.nan; big[0, 400, 500] = np.inf
npy('big', big); npy('bigF', np.asfortranarray(big))
arrays = dict(hidden=hurt(rng.normal(size=shape), 0.1).astype('f4'), tokens=np.arange(6).reshape(2, 3), flags=np.ones(3, bool),
    text=np.array(['a', 'bc']), dates=np.array(['2026-01-01', 'NaT'], dtype='M8[D]'), big=np.asfortranarray(big.astype('>f4')))
for save, name in ((np.savez, 'stored.npz'), (np.savez_compressed, 'packed.npz')):
    save(f'{folder}/{name}', **arrays)
    for key in ('hidden', 'big'): note(f'{name}:{key}', arrays[key])
np.savez(f'{folder}/pickled.npz', good=arrays['hidden'], meta=np.array({'a': 1}, dtype=object))
note('pickled.npz:good', arrays['hidden'])
np.savez(f'{folder}/none.npz')

def small(codes, exponent_bits, fraction_bits, bias, edge):
    """float8 by its definition, element by element."""
    def value(c):
        top = 1 << (exponent_bits + fraction_bits)
        sign, e, f = (-1.0 if c & top else 1.0), (c % top) >> fraction_bits, c & ((1 << fraction_bits) - 1)
        if edge == 'fn' and c % top == top - 1: return np.nan
        if edge == 'ieee' and e == (1 << exponent_bits) - 1: return np.nan if f else sign * np.inf
        return sign * (f * 2.0 ** (1 - bias - fraction_bits) if e == 0 else (1 + f * 2.0 ** -fraction_bits) * 2.0 ** (e - bias))
    return np.vectorize(value, otypes=['f8'])(codes)
header, blobs, at = {'__metadata__': {'made': 'by hand'}}, [], 0
def put(name, dtype, array, values=None, shown=None):
    global at
    data = array.tobytes(); header[name] = dict(dtype=dtype, shape=list(array.shape), data_offsets=[at, at + len(data)])
    blobs.append(data); at += len(data)
    if shown: note(f'all.safetensors:{name}', array, values, shown)
half = hurt(rng.normal(size=shape)).astype('<f2')
put('odd', 'U8', np.zeros(3, 'u1'))
put('half', 'F16', half, shown='float16')
brain = (hurt(rng.normal(size=shape)).astype('<f4').view('<u4') >> 16).astype('<u2')
put('brain', 'BF16', brain, (brain.astype('<u4') << 16).view('<f4'), 'bfloat16')
single = hurt(rng.normal(size=shape)).astype('<f4'); put('single', 'F32', single, shown='float32')
double = hurt(rng.normal(size=shape)).astype('<f8'); put('double', 'F64', double, shown='float64')
pair = (hurt(rng.normal(size=shape)) + 1j).astype('<c8'); put('pair', 'C64', pair, shown='complex64')
codes = rng.integers(0, 256, size=shape).astype('u1')
put('e4m3', 'F8_E4M3', codes, small(codes, 4, 3, 7, 'fn'), 'float8_e4m3fn')
put('e5m2', 'F8_E5M2', codes, small(codes, 5, 2, 15, 'ieee'), 'float8_e5m2')
put('nothing', 'F32', np.zeros((2, 0), '<f4'), shown='float32')
put('ids', 'I64', np.arange(4))
text = json.dumps(header, indent=1).encode(); text += b' ' * (-len(text) % 8)
with open(f'{folder}/all.safetensors', 'wb') as f:
    f.write(struct.pack('<Q', len(text)) + text + b''.join(blobs))
json.dump(truth, open(f'{folder}/truth.json', 'w'))
`;

const scanned = (path: string, asked: Partial<ScanRequest> = {}): Promise<ScanResult> =>
  scan(
    nodeFiles,
    { paths: [join(folder, path)], axes: [], mask: null, name: (file) => basename(file), ...asked },
    {},
    new AbortController().signal,
  );
const keyOf = ({ file }: ScannedFile, { name }: ScannedTensor): string => (name === null ? file : `${file}:${name}`);
const listed = (text: string): number[] =>
  parseRanges(text).flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));

function compared({ files }: ScanResult): string[] {
  const keys: string[] = [];
  for (const file of files)
    for (const tensor of file.tensors) {
      const key = keyOf(file, tensor);
      const told = truth[key];
      if (told === undefined) continue;
      keys.push(key);
      const { dtype, shape, nan, posInf, negInf, min, max, where } = tensor;
      const { nanAlong, infAlong, pairs, ...figures } = told;
      expect({ dtype, shape, nan, posInf, negInf, min, max }, key).toEqual(figures);
      if (where?.kind === 'axis') {
        const axis = where.axis === 'position' ? 1 : 0;
        expect(listed(where.nan.at), key).toEqual(nanAlong[axis]);
        expect(listed(where.inf.at), key).toEqual(infAlong[axis]);
        expect([where.of, where.nan.count], key).toEqual([shape[axis], nanAlong[axis]?.length]);
      } else if (where?.kind === 'samples') {
        const found = where.list.flatMap((one) => listed(one.nan.at).map((position) => [one.sample, position]));
        expect(found, key).toEqual(pairs);
        expect(listed(where.nan.at), key).toEqual(nanAlong[0]);
      } else expect(shape, key).toEqual([]);
    }
  return keys;
}

describe('what NumPy wrote', () => {
  it('is counted as NumPy counts it, every type and order, without axes along the first', async () => {
    const result = await scanned('.');
    expect(compared(result).sort()).toEqual(Object.keys(truth).sort());
    expect(Object.keys(truth).length).toBeGreaterThan(35);
    expect(result.totals.nan).toBe(Object.values(truth).reduce((sum, { nan }) => sum + nan, 0));
  });

  it('is told by sample and position where a person says the axes', async () => {
    const result = await scanned('.', { axes: [parseAxes('batch,position,…')] });
    expect(compared(result).length).toBe(Object.keys(truth).length);
    expect(result.files.find(({ file }) => file === 'bigF.npy')?.tensors[0]?.where).toMatchObject({
      kind: 'samples',
      samples: 3,
      positions: 401,
      list: [
        { sample: 0, nan: { count: 0 }, inf: { count: 1, at: '400' } },
        { sample: 2, nan: { count: 2, at: '7-8' }, inf: { count: 0 } },
      ],
    });
  });

  it('is told by position alone, in the second axis', async () => {
    const result = await scanned('.', { axes: [parseAxes('*,position,*')] });
    const along = result.files.flatMap(({ tensors }) => tensors.map(({ where }) => where));
    expect(along.filter((where) => where?.kind === 'axis' && where.axis === 'position').length).toBeGreaterThan(20);
    compared(result);
  });

  it('lists what cannot hold NaN without reading it, and refuses objects', async () => {
    const { files } = await scanned('.');
    const of = (name: string): readonly ScannedTensor[] => files.find(({ file }) => file === name)?.tensors ?? [];
    expect(of('packed.npz').map(({ name, dtype, state }) => [name, dtype, state])).toEqual([
      ['hidden', 'float32', 'counted'],
      ['tokens', 'int64', 'none-possible'],
      ['flags', 'bool', 'none-possible'],
      ['text', 'text', 'none-possible'],
      ['dates', 'datetime64', 'none-possible'],
      ['big', 'float32', 'counted'],
    ]);
    expect(of('pickled.npz').map(({ name, state, error }) => [name, state, error?.message ?? null])).toEqual([
      ['good', 'counted', null],
      ['meta', 'failed', 'pickled.npz (meta) holds pickled Python objects, which can run code when they are loaded.'],
    ]);
    expect(of('none.npz')).toEqual([]);
  });
});
