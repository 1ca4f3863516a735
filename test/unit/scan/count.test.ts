/** Elements that come in pieces of any length and at any place in memory are counted once each, and as they are. */
import { describe, expect, it } from 'vitest';
import { Counts } from '../../../src/core/scan/count';
import type { FloatType } from '../../../src/core/scan/elements';

const special = [1.5, NaN, -Infinity, 0, Infinity, NaN, -2.25];
const told = (type: FloatType, bytes: Uint8Array, piece: number, bigEndian = false): unknown => {
  const at: (readonly [number, boolean])[] = [];
  const counts = new Counts(type, bigEndian, (index, isNaN) => at.push([index, isNaN]));
  for (let from = 0; from < bytes.length; from += piece) {
    // Each piece in the middle of a buffer of its own, as a reader may hand it over.
    const own = new Uint8Array(piece + 3).subarray(3, 3 + Math.min(piece, bytes.length - from));
    own.set(bytes.subarray(from, from + piece));
    counts.push(own);
  }
  const { nan, posInf, negInf, min, max, seen } = counts;
  return { at, nan, posInf, negInf, min, max, seen };
};
const expected = {
  at: [
    [1, true],
    [2, false],
    [4, false],
    [5, true],
  ],
  nan: 2,
  posInf: 1,
  negInf: 1,
  min: -2.25,
  max: 1.5,
  seen: 7,
};

describe('counting', () => {
  it.each([1, 2, 3, 5, 7, 8, 11, 64])('in pieces of %i bytes', (piece) => {
    const single = new Uint8Array(Float32Array.from(special).buffer);
    const double = new Uint8Array(Float64Array.from(special).buffer);
    // float16: 1.5, NaN, −Inf, 0, Inf, NaN, −2.25
    const half = new Uint8Array(Uint16Array.of(0x3e00, 0x7e00, 0xfc00, 0, 0x7c00, 0xfe01, 0xc080).buffer);
    expect(told({ kind: 'float32', parts: 1 }, single, piece)).toEqual(expected);
    expect(told({ kind: 'float64', parts: 1 }, double, piece)).toEqual(expected);
    expect(told({ kind: 'float16', parts: 1 }, half, piece)).toEqual(expected);
    const reversed = double.slice();
    for (let at = 0; at < reversed.length; at += 8) reversed.subarray(at, at + 8).reverse();
    expect(told({ kind: 'float64', parts: 1 }, reversed, piece, true)).toEqual(expected);
  });

  it('takes a complex number once: NaN before +Inf before −Inf', () => {
    const parts = [1, NaN, NaN, Infinity, -Infinity, Infinity, -Infinity, 2, 3, 4];
    const bytes = new Uint8Array(Float32Array.from(parts).buffer);
    expect(told({ kind: 'float32', parts: 2 }, bytes, 7)).toMatchObject({ nan: 2, posInf: 1, negInf: 1, seen: 5 });
  });

  it('finds every NaN that is written otherwise, signalling ones and both signs too', () => {
    const bits = Uint32Array.of(0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0x7f7fffff, 0x00000001);
    expect(told({ kind: 'float32', parts: 1 }, new Uint8Array(bits.buffer), 64)).toMatchObject({ nan: 5, posInf: 0 });
  });
});
