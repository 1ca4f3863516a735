/** The tables of small floats against NumPy's float16 and float32, and the limits that the float8 papers print. */
import { describe, expect, it } from 'vitest';
import { smallFloats } from '../../../src/core/smallFloats';
import { pythonCode } from '../../support/python';

describe('16 bits', () => {
  it('are what NumPy makes of every pattern', async () => {
    const printed = await pythonCode(`
import base64, numpy as np
codes = np.arange(65536, dtype='u2')
half = codes.view('f2').astype('<f4')
brain = (codes.astype('<u4') << 16).view('<f4') # the upper half of a float32
for values in (half, brain): print(base64.b64encode(np.where(np.isnan(values), np.float32('nan'), values).tobytes()).decode())`);
    const [half = '', brain = ''] = printed.split('\n');
    for (const [kind, text] of [
      ['float16', half],
      ['bfloat16', brain],
    ] as const) {
      const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
      expect(bytes.byteLength).toBe(4 * 65536);
      expect(smallFloats(kind)).toEqual(new Float32Array(bytes.buffer));
    }
  });
});

describe('8 bits', () => {
  /** Of the OCP 8-bit floating point and microscaling specifications, and "8-bit Numerical Formats for Deep Neural Networks". */
  it.each([
    ['float8_e4m3fn', { largest: 448, smallest: 2 ** -9, nan: [0x7f, 0xff], inf: [] }],
    [
      'float8_e5m2',
      { largest: 57_344, smallest: 2 ** -16, nan: [0x7d, 0x7e, 0x7f, 0xfd, 0xfe, 0xff], inf: [0x7c, 0xfc] },
    ],
    ['float8_e4m3fnuz', { largest: 240, smallest: 2 ** -10, nan: [0x80], inf: [] }],
    ['float8_e5m2fnuz', { largest: 57_344, smallest: 2 ** -17, nan: [0x80], inf: [] }],
    ['float8_e8m0', { largest: 2 ** 127, smallest: 2 ** -127, nan: [0xff], inf: [] }],
  ] as const)('%s', (kind, { largest, smallest, nan, inf }) => {
    const values = [...smallFloats(kind)];
    const where = (holds: (value: number) => boolean): number[] =>
      values.flatMap((value, code) => (holds(value) ? [code] : []));
    expect(where(Number.isNaN)).toEqual(nan);
    expect(where((value) => Math.abs(value) === Infinity)).toEqual(inf);
    const finite = values.filter(Number.isFinite);
    expect(Math.max(...finite)).toBe(largest);
    expect(Math.min(...finite.filter((value) => value > 0))).toBe(smallest);
    // No two patterns mean the same, but for the two zeros.
    expect(new Set(finite.map((value) => (Object.is(value, -0) ? '-0' : String(value)))).size).toBe(finite.length);
  });

  it.each([
    ['float8_e4m3fn', 0x38],
    ['float8_e5m2', 0x3c],
    ['float8_e4m3fnuz', 0x40],
    ['float8_e5m2fnuz', 0x40],
    ['float8_e8m0', 0x7f],
  ] as const)('the one of %s is where its bias puts it', (kind, code) => {
    expect(smallFloats(kind)[code]).toBe(1);
  });
});
