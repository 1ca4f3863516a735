/** Inputs files made by hand to be wrong, and the sentence that each must give. */
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { readBatchFile } from '../../../src/core/batch/read';
import type { InputSpec } from '../../../src/core/batch/types';

const inputs: readonly InputSpec[] = [{ name: 'x', dtype: 'float32', dims: ['batch', 'sequence'] }];

function npy(header: string, data = new Uint8Array(), version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), version, 0, ...length, ...text, ...data]);
}
const header = (shape: string, descr = '<f4'): string =>
  `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;

const cases: Readonly<Record<string, readonly [string, Uint8Array, RegExp]>> = {
  nothing: ['a.npz', new Uint8Array(), /a\.npz is empty/],
  'text called .npz': ['a.npz', new TextEncoder().encode('hello'), /not an \.npz archive/],
  'text called .npy': ['a.npy', new TextEncoder().encode('hello'), /not a NumPy array/],
  'an unknown kind': ['a.csv', new TextEncoder().encode('1,2'), /no inputs file that NaNoscope knows/],
  'a torch checkpoint': ['a.pt', Uint8Array.of(1, 2), /pickle, which can run code/],
  'a bare pickle': ['a.bin', Uint8Array.of(0x80, 4, 0x95), /looks like a Python pickle/],
  'version 9': ['a.npy', npy(header('(1,)'), new Uint8Array(4), 9), /version 9/],
  'no dictionary': ['a.npy', npy('hello'), /header that is not that of a NumPy array/],
  'no shape': ['a.npy', npy("{'descr': '<f4', 'fortran_order': False, }"), /header that is not/],
  'negative size': ['a.npy', npy(header('(-1,)')), /header that is not/],
  'too little data': ['a.npy', npy(header('(3, 2)'), new Uint8Array(20)), /promises 24 bytes of data and 20 are there/],
  'too much data': ['a.npy', npy(header('(2,)'), new Uint8Array(9)), /1 bytes after its last element/],
  'an absurd shape': ['a.npy', npy(header('(99999999, 99999999)')), /larger than 512 MB/],
  'a shape beyond numbers': ['a.npy', npy(header(`(${'9'.repeat(400)},)`)), /not the shape of a tensor/],
  'too many axes': ['a.npy', npy(header(`(${'1, '.repeat(33)})`), new Uint8Array(4)), /not the shape of a tensor/],
  'an odd type': ['a.npy', npy(header('(1,)', '<f3'), new Uint8Array(3)), /NumPy type "<f3"/],
  'a prototype as type': ['a.npy', npy(header('(1,)', 'constructor')), /NumPy type "constructor"/],
  'a huge header': ['a.npy', npy(header('(1,)'), new Uint8Array(), 2).fill(0xff, 8, 12), /header of 4294967295 bytes/],
  'the end record alone': ['a.npz', Uint8Array.of(0x50, 0x4b, 5, 6, 1, 2, 3), /list of its entries cannot be read/],
  'an entry larger than it says': ['a.npz', lyingArchive(1 << 20, 100), /a\.npz \(x\.npy\) is cut off or damaged/],
  'an entry that promises too much to be deflate': [
    'a.npz',
    lyingArchive(100, 1e9),
    /\(x\.npy\) is cut off or damaged/,
  ],
  'an entry that would fill the memory': ['a.npz', lyingArchive(100, 2e9), /unpack to more than 1024 MB/],
};

/** One entry of zeros, with a directory that says it is of another size. */
function lyingArchive(actual: number, said: number): Uint8Array {
  const bytes = zipSync({ 'x.npy': new Uint8Array(actual) }, { level: 9 });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = view.getUint32(bytes.byteLength - 22 + 16, true);
  view.setUint32(directory + 24, said, true);
  return bytes;
}

describe('corrupt inputs files', () => {
  it.each(Object.entries(cases))('%s', (_, [name, bytes, message]) => {
    expect(() => readBatchFile(name, bytes, inputs)).toThrow(
      expect.objectContaining({
        code: 'bad-inputs-file',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(/^[A-Z].*\.$/) as string,
      }),
    );
  });

  it('an archive of many entries', () => {
    const files = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${String(i)}.npy`, new Uint8Array(1)]));
    expect(() => readBatchFile('a.npz', zipSync(files, { level: 0 }), inputs)).toThrow(/5000 entries/);
  });
});
