import { describe, expect, it } from 'vitest';
import { checkBatch } from '../../../src/core/batch/fit';
import { defaultLengths, makeBatch } from '../../../src/core/batch/make';
import type { BatchHints } from '../../../src/core/batch/values';
import type { Batch, InputSpec, PadSide } from '../../../src/core/batch/types';

type Dims = InputSpec['dims'];
const spec = (name: string, dtype = 'int64', dims: Dims = ['batch', 'sequence']): InputSpec => ({ name, dtype, dims });

function make(
  inputs: readonly InputSpec[],
  lengths: readonly number[],
  pad: PadSide = 'left',
  hints?: BatchHints,
): Batch {
  const batch = makeBatch(inputs, { lengths, pad, seed: 3 }, hints);
  // Whatever is made fits the model that it was made for.
  expect(checkBatch(batch, inputs)).toEqual(batch);
  return batch;
}

/** Rows of a [batch, …] tensor as plain numbers. */
function rows(batch: Batch, name: string): number[][] {
  const tensor = batch.inputs[name];
  if (tensor === undefined) throw new Error(`no ${name}`);
  const count = tensor.dims[0] ?? 1;
  const flat = [...tensor.data].map(Number);
  return Array.from({ length: count }, (_, i) =>
    flat.slice((i * flat.length) / count, ((i + 1) * flat.length) / count),
  );
}

const text = [spec('input_ids'), spec('attention_mask'), spec('position_ids'), spec('token_type_ids')];

describe('a batch from lengths', () => {
  it('pads on the left', () => {
    const batch = make(text, [2, 4]);
    expect(rows(batch, 'attention_mask')).toEqual([
      [0, 0, 1, 1],
      [1, 1, 1, 1],
    ]);
    expect(rows(batch, 'position_ids')).toEqual([
      [1, 1, 0, 1],
      [0, 1, 2, 3],
    ]);
    expect(rows(batch, 'token_type_ids').flat()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(rows(batch, 'input_ids').map((row) => row.map((id) => (id === 0 ? 0 : 1)))).toEqual(
      rows(batch, 'attention_mask'),
    );
    expect(batch.lengths).toEqual({ lengths: [2, 4], pad: 'left', seed: 3 });
  });

  it('pads on the right', () => {
    const batch = make(text, [2, 4], 'right');
    expect(rows(batch, 'attention_mask')[0]).toEqual([1, 1, 0, 0]);
    expect(rows(batch, 'position_ids')[0]).toEqual([0, 1, 1, 1]);
  });

  it('a sample is the same whatever the padding, the width and the other samples are', () => {
    const inputs = [spec('input_ids'), spec('inputs_embeds', 'float32', ['batch', 'sequence', 3])];
    const real = (batch: Batch, name: string, sample: number, from: number, count: number): number[] =>
      rows(batch, name)[sample]?.slice(from, from + count) ?? [];
    const left = make(inputs, [5, 9]);
    const right = make(inputs, [5, 9], 'right');
    const wide = make(inputs, [5, 30]);
    const alone = make(inputs, [5], 'none');
    expect(new Set(real(alone, 'input_ids', 0, 0, 5)).size).toBeGreaterThan(2);
    for (const [batch, start] of [
      [left, 4],
      [right, 0],
      [wide, 25],
    ] as const) {
      expect(real(batch, 'input_ids', 0, start, 5)).toEqual(real(alone, 'input_ids', 0, 0, 5));
      expect(real(batch, 'inputs_embeds', 0, start * 3, 15)).toEqual(real(alone, 'inputs_embeds', 0, 0, 15));
    }
    expect(real(left, 'input_ids', 1, 0, 5)).not.toEqual(real(alone, 'input_ids', 0, 0, 5));
  });

  it('the seed decides, and only the seed', () => {
    const of = (seed: number) => makeBatch(text, { lengths: [3, 8], pad: 'left', seed });
    expect(of(1)).toEqual(of(1));
    expect(of(1).inputs.input_ids?.data).not.toEqual(of(2).inputs.input_ids?.data);
  });

  it('ids stay below the bound, and use it', () => {
    const ids = (bound: number) =>
      rows(make([spec('input_ids')], [2000], 'none', { idBounds: { input_ids: bound } }), 'input_ids').flat();
    expect(Math.max(...ids(7))).toBe(6);
    expect(Math.min(...ids(7))).toBe(1);
    expect(Math.max(...ids(50_000))).toBeGreaterThan(49_000);
    expect(Math.max(...ids(1))).toBe(0);
  });

  it('an empty sample is all padding, and a batch is never narrower than one position', () => {
    expect(rows(make(text, [0, 3]), 'attention_mask')).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
    expect(rows(make(text, [0]), 'attention_mask')).toEqual([[0]]);
  });

  it.each([
    ['key_padding_mask', 'bool', [1, 0, 0]],
    ['src_key_padding_mask', 'bool', [1, 0, 0]],
    ['padding_mask', 'int64', [1, 0, 0]],
    ['attention_mask', 'bool', [0, 1, 1]],
    ['mask', 'int32', [0, 1, 1]],
    ['attention_mask', 'float32', [0, 1, 1]],
  ])('%s of %s is %j for one pad and two tokens', (name, dtype, expected) => {
    expect(rows(make([spec(name, dtype)], [2, 3]), name)[0]).toEqual(expected);
  });

  it('a polarity that the graph tells wins over the name', () => {
    const hints = { masks: { mask: { form: 'flag', real: 0 }, key_padding_mask: { form: 'flag', real: 1 } } } as const;
    const batch = make([spec('mask', 'bool'), spec('key_padding_mask', 'bool')], [2, 3], 'left', hints);
    expect(rows(batch, 'mask')[0]).toEqual([1, 0, 0]);
    expect(rows(batch, 'key_padding_mask')[0]).toEqual([0, 1, 1]);
  });

  it('float16 masks hold the bits of 1.0', () => {
    expect(rows(make([spec('attention_mask', 'float16')], [1, 2]), 'attention_mask')[0]).toEqual([0, 0x3c00]);
  });
});

describe('shapes of real exports', () => {
  it('a cached decoder: nothing in the past', () => {
    const cache = ['batch_size', 4, 'past_sequence_length', 16];
    const batch = make(
      [
        spec('input_ids', 'int64', ['batch_size', 'sequence_length']),
        spec('attention_mask', 'int64', ['batch_size', 'past_sequence_length + sequence_length']),
        spec('past_key_values.0.key', 'float32', cache),
        spec('past_key_values.0.value', 'float16', cache),
        spec('use_cache_branch', 'bool', [1]),
      ],
      [2, 6],
    );
    expect(batch.inputs['past_key_values.0.key']?.dims).toEqual([2, 4, 0, 16]);
    expect(batch.inputs.attention_mask?.dims).toEqual([2, 6]);
    expect([...(batch.inputs.use_cache_branch?.data ?? [])]).toEqual([0]);
  });

  it('an encoder-decoder: both sequences', () => {
    const batch = make(
      [
        spec('input_ids', 'int64', ['batch', 'encoder_sequence']),
        spec('attention_mask', 'int64', ['batch', 'encoder_sequence']),
        spec('decoder_input_ids', 'int64', ['batch', 'decoder_sequence']),
        spec('encoder_hidden_states', 'float32', ['batch', 'encoder_sequence', 8]),
      ],
      [2, 6],
    );
    expect(batch.inputs.decoder_input_ids?.dims).toEqual([2, 6]);
    expect(batch.inputs.encoder_hidden_states?.dims).toEqual([2, 6, 8]);
  });

  it('two fixed widths: each sequence has its own', () => {
    const inputs = [spec('input_ids', 'int64', [2, 16]), spec('decoder_input_ids', 'int64', [2, 8])];
    const batch = make(inputs, [3, 8]);
    expect(batch.inputs.input_ids?.dims).toEqual([2, 16]);
    expect(batch.inputs.decoder_input_ids?.dims).toEqual([2, 8]);
  });

  it.each<[string, Dims, number[]]>([
    ['names without meaning', ['dim_0', 'dim_1'], [2, 6]],
    ['one name with meaning', ['x', 'b'], [6, 2]],
    ['no names', [null, null], [2, 6]],
    ['sequence first', ['seq', 'batch'], [6, 2]],
    ['one letter', ['N', 'T'], [2, 6]],
    ['exporter defaults', ['input_ids_dynamic_axes_1', 'input_ids_dynamic_axes_2'], [2, 6]],
    ['no shape', null, [2, 6]],
    ['fixed, wider', [2, 14], [2, 14]],
  ])('ids with %s', (_, dims, expected) => {
    expect(make([spec('input_ids', 'int64', dims)], [2, 6]).inputs.input_ids?.dims).toEqual(expected);
  });

  it.each<[string, Dims, number[]]>([
    ['tokens with features', ['batch', 'seq', 16], [2, 6, 16]],
    ['sequence first', ['seq', 'batch', 16], [6, 2, 16]],
    ['only the width known', [null, null, 16], [2, 6, 16]],
    ['features alone', ['batch', 16], [2, 16]],
    ['a sequence of numbers', ['batch', 'sequence'], [2, 6]],
  ])('floats: %s', (_, dims, expected) => {
    const x = make([spec('x', 'float32', dims)], [2, 6]).inputs.x;
    expect(x?.dims).toEqual(expected);
    expect(new Set([...(x?.data ?? [])].map(Number)).size).toBeGreaterThan(10);
  });

  it('masks that broadcast over heads and queries', () => {
    const batch = make([spec('attention_mask', 'bool', ['batch', 1, 'sequence', 'sequence'])], [1, 2]);
    expect(rows(batch, 'attention_mask')).toEqual([
      [0, 1, 0, 1],
      [1, 1, 1, 1],
    ]);
    expect(
      make([spec('attention_mask', 'bool', ['batch', 1, 1, 'sequence'])], [1, 2]).inputs.attention_mask?.dims,
    ).toEqual([2, 1, 1, 2]);
  });

  it('positions that all samples share', () => {
    expect(
      rows(make([spec('position_ids', 'int64', [1, 'sequence']), spec('input_ids')], [1, 3]), 'position_ids'),
    ).toEqual([[0, 1, 2]]);
  });
});

describe('what cannot be made', () => {
  const fails = (
    inputs: readonly InputSpec[],
    lengths: readonly number[],
    pad: PadSide,
    code: string,
    message: RegExp,
    hint: RegExp,
  ) => {
    expect(() => makeBatch(inputs, { lengths, pad, seed: 1 })).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(hint) as string,
      }),
    );
  };
  it.each<[string, readonly InputSpec[], readonly number[], PadSide, RegExp, RegExp]>([
    ['no samples', text, [], 'left', /at least one sample/, /5,35/],
    ['half a token', text, [1.5], 'left', /1\.5 is not a length/, /whole/],
    [
      'other number of samples',
      [spec('input_ids', 'int64', [3, 14])],
      [5, 9],
      'left',
      /"input_ids" has the shape \[3, 14\]; 2 samples of 5, 9 tokens do not fit/,
      /Give 3 lengths of at most 14, for example 14,13,14/,
    ],
    [
      'too long',
      [spec('input_ids', 'int64', ['batch', 14])],
      [5, 35],
      'left',
      /\[batch, 14\]; 2 samples of 5, 35 tokens do not fit/,
      /Give 2 lengths of at most 14, for example 14,13/,
    ],
    [
      'fixed and not padded',
      [spec('input_ids', 'int64', [1, 14])],
      [5],
      'none',
      /without padding do not fit/,
      /Give 1 length of exactly 14, for example 14\./,
    ],
    [
      'unequal and not padded',
      text,
      [5, 35],
      'none',
      /5 and 35 tokens cannot share a batch without padding/,
      /left or right/,
    ],
    [
      'features of unknown size',
      [spec('x', 'float32', ['batch', 'seq', 'hidden'])],
      [2],
      'left',
      /"x" \[batch, seq, hidden\] cannot be made up: the size of axis 2/,
      /inputs file/,
    ],
    ['no shape at all', [spec('x', 'float32', null)], [2], 'left', /does not say what shape/, /inputs file/],
    ['a scalar', [spec('temperature', 'float32', [])], [2], 'left', /single number/, /inputs file/],
    ['text', [spec('prompt', 'string', ['batch'])], [2], 'left', /type string/, /inputs file/],
    [
      'far too much',
      [spec('x', 'float32', ['batch', 'seq', 4096])],
      [1_000_000],
      'none',
      /larger than 512 MB/,
      /shorter/,
    ],
  ])('%s', (_, inputs, lengths, pad, message, hint) => {
    fails(inputs, lengths, pad, 'bad-input', message, hint);
  });

  it.each<[string, InputSpec]>([
    ['an additive mask', spec('attention_mask', 'float32', ['batch', 1, 'sequence', 'sequence'])],
    ['a float padding mask', spec('key_padding_mask', 'float32')],
    ['a causal mask', spec('causal_mask', 'bool', ['sequence', 'sequence'])],
    ['a mask for all samples', spec('mask', 'bool', [1, 'sequence'])],
  ])('%s is ambiguous', (_, input) => {
    fails([input], [2, 5], 'left', 'mask-ambiguous', /What the mask ".*" .* should hold is not clear/, /inputs file/);
  });
});

describe('default lengths', () => {
  it.each<[Dims, number[]]>([
    [
      ['batch', 'sequence'],
      [5, 35],
    ],
    [
      [3, 14],
      [2, 14, 2],
    ],
    [[1, 'sequence'], [5]],
    [
      ['batch', 128],
      [5, 35],
    ],
    [
      ['batch', 1],
      [1, 1],
    ],
  ])('of %j are %j', (dims, expected) => {
    const inputs = [spec('input_ids', 'int64', dims)];
    const lengths = defaultLengths(inputs);
    expect(lengths.lengths).toEqual(expected);
    expect(checkBatch(makeBatch(inputs, lengths), inputs).lengths).toEqual(lengths);
  });
});
