import { describe, expect, it } from 'vitest';
import { readBatchFile } from '../../../src/core/batch/read';
import type { InputSpec } from '../../../src/core/batch/types';
import { pythonCode } from '../../support/python';

const spec = (name: string, dtype: string): InputSpec => ({ name, dtype, dims: null });
const inputs = [
  spec('input_ids', 'int64'),
  spec('small', 'int8'),
  spec('mask', 'bool'),
  spec('x', 'float32'),
  spec('h', 'float16'),
  spec('b', 'bfloat16'),
];
const read = (text: string) => readBatchFile('batch.json', new TextEncoder().encode(text), inputs).inputs;

describe('a JSON batch', () => {
  it('takes the dtype from the model', () => {
    expect(
      read('{"input_ids": [[1, 2], [3, 4]], "mask": [[true, 0]], "x": [1, "NaN", "-Infinity", "Infinity"]}'),
    ).toEqual({
      input_ids: { dtype: 'int64', dims: [2, 2], data: BigInt64Array.of(1n, 2n, 3n, 4n) },
      mask: { dtype: 'bool', dims: [1, 2], data: Uint8Array.of(1, 0) },
      x: { dtype: 'float32', dims: [4], data: Float32Array.of(1, Number.NaN, -Infinity, Infinity) },
    });
  });

  it('guesses it for names the model does not have, so that the check can name them', () => {
    const { a, b, c } = read('{"a": [[1]], "b": [true], "c": [0.5, "NaN"]}');
    expect([a?.dtype, b?.dtype, c?.dtype]).toEqual(['int64', 'bfloat16', 'float32']);
  });

  it('takes dtype, shape and flat or nested data', () => {
    expect(read('{"x": {"dtype": "float64", "shape": [2, 1], "data": [1.5, "NaN"]}}').x).toEqual({
      dtype: 'float64',
      dims: [2, 1],
      data: Float64Array.of(1.5, Number.NaN),
    });
    expect(read('{"x": {"dtype": "int8", "shape": [2, 1], "data": [[1], [-1]]}}').x?.data).toEqual(Int8Array.of(1, -1));
    expect(read('{"x": {"dtype": "int64", "shape": [], "data": 3}}').x?.dims).toEqual([]);
    expect(read('{"x": {"dtype": "float32", "shape": [0, 4], "data": []}}').x?.dims).toEqual([0, 4]);
  });

  it('rounds halves as NumPy does', async () => {
    const text = '[0, -0.0, 0.1, 0.3333333333333333, 65504, 65519.99, 65520, 1e-7, 6e-8, 2.9e-8, -1e10]';
    const expected = await pythonCode(
      `
import json, sys, warnings, numpy as np
warnings.simplefilter('ignore')
print(json.dumps(np.array(json.loads(sys.argv[1])).astype('f2').view('u2').tolist()))`,
      text,
    );
    expect([...(read(`{"h": ${text}}`).h?.data ?? [])]).toEqual(JSON.parse(expected));
  });

  it('rounds bfloat16 as torch does', () => {
    // torch.tensor(v, dtype=torch.float32).bfloat16().view(torch.int16); 1.00390625 is a tie, as is 1.01171875.
    const text =
      '[0.0, -0.0, 0.1, 0.3333333333333333, 65504, 1e-40, -1e10, 3.38e38, 3.395e38, 3.4e38, 1.00390625, 1.01171875, "Infinity"]';
    const expected = [0, 0x8000, 0x3dcd, 0x3eab, 0x4780, 1, 0xd015, 0x7f7e, 0x7f7f, 0x7f80, 0x3f80, 0x3f82, 0x7f80];
    expect([...(read(`{"b": ${text}}`).b?.data ?? [])]).toEqual(expected);
    const [nan] = read('{"b": ["NaN"]}').b?.data ?? [];
    expect(Number(nan) & 0x7fff).toBeGreaterThan(0x7f80);
  });

  it.each([
    ['[1]', /not a JSON object of inputs/],
    ['{"x": [1, NaN]}', /not JSON/, /as strings/],
    ['{"x": [1,', /not JSON/],
    ['{"x": [[1, 2], [3]]}', /"x" in batch\.json is ragged: \[1\] has 1 elements, its neighbours have 2/],
    ['{"x": [[1], 2]}', /ragged: \[1\] has one value/],
    ['{"x": [1, [2]]}', /a list at \[1\], which is not a number/],
    ['{"x": [1, null]}', /null at \[1\], which is not a number/],
    ['{"x": ["nan"]}', /"nan" at \[0\], which is not a number/],
    ['{"input_ids": [[1, 2.5]]}', /2\.5 is not a whole number, at \[0, 1\]/, /int64/],
    ['{"input_ids": [1e300]}', /1e\+300 is outside of int64/],
    ['{"input_ids": ["NaN"]}', /NaN at \[0\], which int64 cannot hold/],
    ['{"small": [128]}', /128 is outside of int8 \(-128 to 127\), at \[0\]/],
    ['{"mask": [2]}', /2 is outside of bool/],
    ['{"x": {"dtype": "float31", "shape": [1], "data": [1]}}', /no known "dtype"/, /float32/],
    ['{"x": {"dtype": "float32", "data": [1]}}', /no "shape"/],
    ['{"x": {"dtype": "float32", "shape": [1]}}', /has nothing at the top/],
    ['{"x": {"dtype": "float32", "shape": [3], "data": [1]}}', /has 1 numbers, but its shape \[3\] needs 3/],
    ['{"x": {"dtype": "float32", "shape": [-3], "data": []}}', /not the shape of a tensor/],
    [`{"x": ${'['.repeat(40)}${']'.repeat(40)}}`, /nested more than 32 levels/],
  ])('%s is refused', (text, message, hint = /./) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        code: 'bad-inputs-file',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(hint) as string,
      }),
    );
  });
});
