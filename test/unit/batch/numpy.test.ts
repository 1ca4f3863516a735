/** NumPy is the truth about its own formats: it writes what is read here, and reads what is written here. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy } from '../../../src/core/batch/npy';
import { readNpz, writeNpz } from '../../../src/core/batch/npz';
import { readBatchFile } from '../../../src/core/batch/read';
import { fromBytes } from '../../../src/core/tensor';
import type { TensorData } from '../../../src/core/tensor';
import { pythonCode } from '../../support/python';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-numpy-'));
  await pythonCode(writeEverything, folder);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Arrays of every kind, each beside its row-major little-endian bytes as NumPy gives them. */
const writeEverything = `
import json, sys, warnings, zipfile
import numpy as np
from numpy.lib import format
folder = sys.argv[1]
rng = np.random.default_rng(0)
truth = {}
def save(name, array, version=None, npy=True):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with open(f'{folder}/{name}.npy', 'wb') as f:
            format.write_array(f, array, version=version)
    plain = np.ascontiguousarray(array).reshape(array.shape)
    little = plain.astype(plain.dtype.newbyteorder('<'))
    open(f'{folder}/{name}.raw', 'wb').write(little.tobytes(order='C'))
    truth[name] = {'dtype': array.dtype.newbyteorder('=').name, 'shape': list(array.shape)}
base = rng.integers(-100, 100, size=(2, 3, 4))
for kind in ['b1', 'f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8']:
    for order in '<>':
        save(f'{kind}{"le" if order == "<" else "be"}', (base % 2 == 0 if kind == 'b1' else base).astype(order + kind))
special = np.array([[np.nan, np.inf, -np.inf, -0.0], [1e-45, 3.4028235e38, -3.4028235e38, 0.1]], dtype='<f4')
save('special', special)
save('extremes', np.array([-2**63, 2**63 - 1, 0, -1], dtype='<i8'))
save('fortran', np.asfortranarray(base.astype('<i4')))
save('fortranBig', np.asfortranarray(base.astype('>f8')))
save('fortranLong', np.asfortranarray(base.astype('<i8')))
save('transposed', base.astype('<f4').transpose(2, 0, 1))
save('scalar', np.array(7, dtype='<i8'))
save('one', np.array([1.5], dtype='<f4'))
save('empty', np.zeros((0, 3), dtype='<f4'))
save('emptyFortran', np.asfortranarray(np.zeros((3, 0, 2), dtype='<f4')))
save('bigHeader', np.zeros((1,) * 20 + (3,), dtype='<f4'))
for v in [(1, 0), (2, 0), (3, 0)]:
    save(f'version{v[0]}', base.astype('<f4'), version=v)
json.dump(truth, open(f'{folder}/truth.json', 'w'))
arrays = dict(input_ids=base[:, :, 0], attention_mask=np.asfortranarray(base[:, :, 1] > 0), x=special)
np.savez(f'{folder}/plain.npz', **arrays)
np.savez_compressed(f'{folder}/packed.npz', **arrays, zeros=np.zeros((100, 1000), dtype='f4'))
np.savez(f'{folder}/none.npz')
np.save(f'{folder}/input_ids.npy', base[:, :, 0])
np.save(f'{folder}/pickled.npy', np.array([{'a': 1}, None], dtype=object), allow_pickle=True)
np.savez(f'{folder}/pickled.npz', x=np.array([None, 1], dtype=object))
np.save(f'{folder}/structured.npy', np.zeros(3, dtype=[('a', '<f4'), ('b', '<i8')]))
np.save(f'{folder}/complex.npy', np.zeros(3, dtype='c8'))
np.save(f'{folder}/text.npy', np.array(['a', 'bc']))
np.save(f'{folder}/dates.npy', np.array(['2026-01-01'], dtype='M8[D]'))
with zipfile.ZipFile(f'{folder}/lzma.npz', 'w', zipfile.ZIP_LZMA) as z:
    z.write(f'{folder}/scalar.npy', 'x.npy')
with zipfile.ZipFile(f'{folder}/other.npz', 'w') as z:
    z.writestr('readme.txt', 'hello')
`;

const file = (name: string): Promise<Buffer> => readFile(join(folder, name));

describe('.npy files that NumPy wrote', () => {
  it('give the same dtype, shape and bits', async () => {
    const truth = JSON.parse(String(await file('truth.json'))) as Record<string, { dtype: string; shape: number[] }>;
    expect(Object.keys(truth).length).toBeGreaterThan(30);
    for (const [name, { dtype, shape }] of Object.entries(truth)) {
      const tensor = readNpy(`${name}.npy`, await file(`${name}.npy`));
      expect(tensor.dtype, name).toBe(dtype);
      expect(tensor.dims, name).toEqual(shape);
      const raw = await file(`${name}.raw`);
      const bytes = Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
      expect(bytes.equals(raw), name).toBe(true);
      expect(tensor.data.constructor, name).toBe(fromBytes(tensor.dtype, new Uint8Array(raw)).constructor);
    }
  });

  it('are read from anywhere in a larger buffer', async () => {
    const bytes = await file('f8le.npy');
    const shifted = Buffer.concat([Buffer.alloc(3), bytes]).subarray(3);
    expect(readNpy('x.npy', shifted)).toEqual(readNpy('x.npy', bytes));
  });
});

describe('.npz archives', () => {
  it.each(['plain.npz', 'packed.npz'])('%s that NumPy wrote gives its arrays', async (name) => {
    const arrays = readNpz(name, await file(name));
    expect(Object.keys(arrays).slice(0, 3)).toEqual(['input_ids', 'attention_mask', 'x']);
    expect(arrays.input_ids?.dims).toEqual([2, 3]);
    expect(arrays.attention_mask?.dtype).toBe('bool');
    const text = await pythonCode(
      `
import json, sys, numpy as np
z = np.load(sys.argv[1])
print(json.dumps([z['input_ids'].ravel().tolist(), z['attention_mask'].ravel().astype(int).tolist()]))`,
      join(folder, name),
    );
    expect([...(arrays.input_ids?.data ?? [])].map(Number)).toEqual((JSON.parse(text) as number[][])[0]);
    expect([...(arrays.attention_mask?.data ?? [])]).toEqual((JSON.parse(text) as number[][])[1]);
    expect(arrays.x?.data[0]).toBeNaN();
  });

  it('an archive without arrays is an empty batch', async () => {
    expect(readNpz('none.npz', await file('none.npz'))).toEqual({});
  });

  it('that we write are read by NumPy, every dtype and shape', async () => {
    const tensors: Record<string, TensorData> = {
      f4: { dtype: 'float32', dims: [2, 2], data: Float32Array.of(Number.NaN, Infinity, -0, 0.1) },
      f8: { dtype: 'float64', dims: [1], data: Float64Array.of(Math.PI) },
      f2: { dtype: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xfc00) },
      i8: { dtype: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
      u8: { dtype: 'uint64', dims: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
      i1: { dtype: 'int8', dims: [], data: Int8Array.of(-128) },
      u2: { dtype: 'uint16', dims: [1, 1, 1], data: Uint16Array.of(65535) },
      flag: { dtype: 'bool', dims: [3], data: Uint8Array.of(1, 0, 1) },
      none: { dtype: 'float32', dims: [2, 0], data: new Float32Array() },
      'past/key.0': { dtype: 'int32', dims: [2], data: Int32Array.of(-1, 2) },
    };
    const path = join(folder, 'ours.npz');
    await writeFile(path, writeNpz(tensors));
    const text = await pythonCode(
      `
import sys, numpy as np
z = np.load(sys.argv[1])
for n in z.files: print(n, z[n].dtype.str, z[n].shape, z[n].tolist())`,
      path,
    );
    expect(text.trim().split('\n')).toEqual([
      'f4 <f4 (2, 2) [[nan, inf], [-0.0, 0.10000000149011612]]',
      'f8 <f8 (1,) [3.141592653589793]',
      'f2 <f2 (2,) [1.0, -inf]',
      'i8 <i8 (2,) [-9223372036854775808, 9223372036854775807]',
      'u8 <u8 (1,) [18446744073709551615]',
      'i1 |i1 () -128',
      'u2 <u2 (1, 1, 1) [[[65535]]]',
      'flag |b1 (3,) [True, False, True]',
      'none <f4 (2, 0) [[], []]',
      'past/key.0 <i4 (2,) [-1, 2]',
    ]);
    expect(readNpz('ours.npz', await readFile(path))).toEqual(tensors);
    expect(Buffer.from(writeNpz(tensors)).equals(await readFile(path))).toBe(true);
  });
});

describe('files that are refused', () => {
  it.each([
    ['pickled.npy', /pickled\.npy holds pickled Python objects, which can run code/],
    ['pickled.npz', /pickled\.npz \(x\) holds pickled Python objects/],
    ['structured.npy', /structured array/],
    ['complex.npy', /NumPy type "<c8"/],
    ['text.npy', /NumPy type "<U2"/],
    ['dates.npy', /NumPy type "<M8\[D\]"/],
    ['lzma.npz', /packed with a method other than deflate/],
    ['other.npz', /holds "readme\.txt", which is not a NumPy array/],
  ])('%s', async (name, message) => {
    const bytes = await file(name);
    expect(() => readBatchFile(name, bytes, [{ name: 'x', dtype: 'float32', dims: null }])).toThrow(
      expect.objectContaining({ code: 'bad-inputs-file', message: expect.stringMatching(message) as string }),
    );
  });

  it('every truncation of an archive and of an array, in one clear sentence', async () => {
    for (const name of ['packed.npz', 'plain.npz', 'fortranBig.npy', 'version3.npy']) {
      const bytes = await file(name);
      for (let length = 0; length < bytes.length; length += Math.max(1, Math.floor(bytes.length / 97))) {
        expect(() => readBatchFile(name, bytes.subarray(0, length), [{ name: 'x', dtype: 'f', dims: null }])).toThrow(
          expect.objectContaining({ code: 'bad-inputs-file' }),
        );
      }
    }
  });

  it('an archive with one flipped bit never gives other numbers', async () => {
    const bytes = await file('plain.npz');
    const good = JSON.stringify(Object.values(readNpz('x', bytes)).map((t) => [...t.data].map(String)));
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 7) {
      const bad = Buffer.from(bytes);
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      try {
        // Names, dates and attributes carry no checksum; numbers do.
        const values = JSON.stringify(Object.values(readNpz('x', bad)).map((t) => [...t.data].map(String)));
        expect(good.includes(values.slice(1, -1)), `bit at ${String(at)}`).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad-inputs-file' });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(10);
  });
});

describe('which input a lone .npy is', () => {
  const ids = { name: 'input_ids', dtype: 'int64', dims: null };
  const mask = { name: 'attention_mask', dtype: 'int64', dims: null };
  it('the one it is named after, or the only one', async () => {
    const bytes = await file('input_ids.npy');
    expect(Object.keys(readBatchFile('/a/b/input_ids.npy', bytes, [ids, mask]).inputs)).toEqual(['input_ids']);
    expect(Object.keys(readBatchFile('C:\\a\\whatever.npy', bytes, [mask]).inputs)).toEqual(['attention_mask']);
    expect(() => readBatchFile('whatever.npy', bytes, [ids, mask])).toThrow(
      /one array, but the model has 2 inputs: input_ids, attention_mask/,
    );
  });
});
