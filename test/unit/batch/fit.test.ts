import { describe, expect, it } from 'vitest';
import { checkBatch } from '../../../src/core/batch/fit';
import type { InputSpec } from '../../../src/core/batch/types';
import { toElements } from '../../../src/core/batch/numbers';
import type { DType, TensorData } from '../../../src/core/tensor';

const spec = (name: string, dtype: string, dims: InputSpec['dims']): InputSpec => ({ name, dtype, dims });
const inputs = [
  spec('input_ids', 'int64', ['batch', 'sequence']),
  spec('attention_mask', 'int64', ['batch', 'sequence']),
];
const ints = (dims: number[], ...values: number[]): TensorData => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});
const good = { input_ids: ints([1, 2], 5, 6), attention_mask: ints([1, 2], 1, 1) };

describe('a batch that fits', () => {
  it('comes back in the order of the model, lengths kept', () => {
    const lengths = { lengths: [2], pad: 'left', seed: 1 } as const;
    const batch = { inputs: { attention_mask: good.attention_mask, input_ids: good.input_ids }, lengths };
    const fitted = checkBatch(batch, inputs);
    expect(fitted).toEqual({ inputs: good, lengths });
    expect(Object.keys(fitted.inputs)).toEqual(['input_ids', 'attention_mask']);
  });

  it.each<[DType, number[], DType, number[]]>([
    ['int32', [-5, 7], 'int64', [-5, 7]],
    ['int64', [-5, 7], 'int32', [-5, 7]],
    ['bool', [1, 0], 'int64', [1, 0]],
    ['bool', [1, 0], 'int32', [1, 0]],
    ['int64', [1, 0], 'bool', [1, 0]],
    ['int32', [1, 0], 'bool', [1, 0]],
    ['float64', [0.1, Infinity, Number.NaN], 'float32', [Math.fround(0.1), Infinity, Number.NaN]],
  ])('%s %j is cast to %s', (from, values, to, expected) => {
    const tensor: TensorData = { dtype: from, dims: [values.length], data: toElements(from, values) };
    const cast = checkBatch({ inputs: { x: tensor } }, [spec('x', to, [null])]).inputs.x;
    expect(cast?.dtype).toBe(to);
    expect([...(cast?.data ?? [])].map(Number)).toEqual(expected);
  });
});

describe('a batch that does not fit', () => {
  const f32 = (dims: number[]): TensorData => ({
    dtype: 'float32',
    dims,
    data: new Float32Array(dims.reduce((a, b) => a * b, 1)),
  });
  const one = (dtype: string, dims: InputSpec['dims']): InputSpec[] => [spec('x', dtype, dims)];
  it.each<[string, Record<string, TensorData>, readonly InputSpec[], RegExp, RegExp]>([
    [
      'missing',
      { input_ids: good.input_ids },
      inputs,
      /no "attention_mask", which the model needs/,
      /"input_ids", "attention_mask"/,
    ],
    [
      'misspelt',
      { ...good, atention_mask: f32([1]) },
      inputs,
      /no input "atention_mask"/,
      /Did you mean "attention_mask"\?/,
    ],
    [
      'misspelt instead',
      { input_ids: good.input_ids, attn_mask: f32([1]) },
      inputs,
      /no input "attn_mask"/,
      /It wants: "input_ids"/,
    ],
    [
      'a name of every object',
      {},
      one('float32', null).map((s) => ({ ...s, name: 'constructor' })),
      /no "constructor"/,
      /wants/,
    ],
    [
      'a name without end',
      { ...good, ['x'.repeat(5000)]: f32([1]) },
      inputs,
      /^The model has no input "x{80}…"\.$/,
      /wants/,
    ],
    [
      'float for int',
      { x: f32([2]) },
      one('int64', [2]),
      /"x" is float32, but the model wants int64/,
      /astype\(numpy\.int64\)/,
    ],
    [
      'int for float',
      { x: ints([1], 1) },
      one('float32', [1]),
      /is int64, but the model wants float32/,
      /astype\(numpy\.float32\)/,
    ],
    [
      'too large for int32',
      { x: ints([2], 1, 2 ** 31) },
      one('int32', [2]),
      /2147483648 at \[1\] does not fit into 32 bits/,
      /int32/,
    ],
    ['2 for bool', { x: ints([1, 2], 1, 2) }, one('bool', [1, 2]), /2 at \[0, 1\] is neither 0 nor 1/, /bool/],
    [
      'a double that overflows',
      { x: { dtype: 'float64', dims: [1], data: Float64Array.of(1e300) } },
      one('float32', [1]),
      /1e\+300 at \[0\] becomes infinite/,
      /float32/,
    ],
    [
      'no batch axis',
      { x: f32([3]) },
      one('float32', ['batch', 'seq']),
      /shape \[3\], but the model wants 2 axes: \[batch, seq\]/,
      /batch axis missing/,
    ],
    [
      'too many axes',
      { x: f32([1, 1, 3]) },
      one('float32', ['batch', 'seq']),
      /\[1, 1, 3\], but the model wants 2 axes/,
      /Reshape/,
    ],
    [
      'a fixed size',
      { x: f32([3, 4]) },
      one('float32', ['batch', 14]),
      /\[3, 4\], but the model fixes \[batch, 14\]: axis 1 must be 14/,
      /dynamic axes/,
    ],
    [
      'sizes that disagree',
      { input_ids: ints([1, 2], 1, 1), attention_mask: ints([1, 3], 1, 1, 1) },
      inputs,
      /disagree on "sequence": it is 2 in "input_ids" \(axis 1\) and 3 in "attention_mask" \(axis 1\)/,
      /same number/,
    ],
    [
      'fewer elements than its shape',
      { x: { ...f32([2]), dims: [3] } },
      one('float32', null),
      /2 elements, but its shape \[3\] needs 3/,
      /agree/,
    ],
    ['no shape', { x: { ...f32([2]), dims: [-2] } }, one('float32', null), /not the shape of a tensor/, /./],
    ['text', { x: f32([2]) }, one('string', null), /holds string/, /numeric/],
  ])('%s', (_, tensors, specs, message, hint) => {
    expect(() => checkBatch({ inputs: tensors }, specs)).toThrow(
      expect.objectContaining({
        code: 'bad-input',
        exitCode: 2,
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(hint) as string,
      }),
    );
  });

  it('one symbol used twice in one input must agree too', () => {
    expect(() => checkBatch({ inputs: { x: f32([2, 3]) } }, one('float32', ['s', 's']))).toThrow(/disagree on "s"/);
  });
});
