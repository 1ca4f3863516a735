/** ONNX tensors as inputs, compared with what Debian's onnx and NumPy wrote; damage must end in one sentence. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  TensorProto_DataType as T,
  TensorProtoSchema,
} from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPb } from '../../../src/core/batch/pb';
import { readBatchFile } from '../../../src/core/batch/read';
import type { InputSpec } from '../../../src/core/batch/types';
import { dtypes } from '../../../src/core/tensor';
import { pythonCode } from '../../support/python';

const inputs: readonly InputSpec[] = [
  { name: 'x', dtype: 'float32', dims: ['batch', 'sequence'] },
  { name: 'mask', dtype: 'bool', dims: ['batch', 'sequence'] },
];

type Init = MessageInitShape<typeof TensorProtoSchema>;
const pb = (init: Init): Uint8Array => toBinary(TensorProtoSchema, create(TensorProtoSchema, init));
const bytesOf = (data: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');

/** Writes every element type twice, with raw data and in its own field, and says what the bytes are. */
const writer = `
import json, sys, numpy as np, onnx
from onnx import TensorProto as T, helper, numpy_helper
folder = sys.argv[1]
kinds = {
    'float32': (T.FLOAT, '<f4'), 'float64': (T.DOUBLE, '<f8'), 'float16': (T.FLOAT16, '<f2'),
    'int8': (T.INT8, 'i1'), 'int16': (T.INT16, '<i2'), 'int32': (T.INT32, '<i4'), 'int64': (T.INT64, '<i8'),
    'uint8': (T.UINT8, 'u1'), 'uint16': (T.UINT16, '<u2'), 'uint32': (T.UINT32, '<u4'), 'uint64': (T.UINT64, '<u8'),
    'bool': (T.BOOL, '?'),
}
truth = {}
rng = np.random.default_rng(5)
for name, (kind, code) in kinds.items():
    dtype = np.dtype(code)
    if dtype.kind == 'f':
        values = rng.normal(size=(2, 3)).astype(dtype)
        values[0, :] = [np.nan, np.inf, -np.inf]
    elif dtype.kind == 'b':
        values = rng.integers(0, 2, size=(2, 3)).astype(dtype)
    else:
        info = np.iinfo(dtype)
        values = np.array([[info.min, info.max, 0], [1, 2, 3]], dtype)
    onnx.save_tensor(numpy_helper.from_array(values, 'n'), f'{folder}/raw_{name}.pb')
    onnx.save_tensor(helper.make_tensor('n', kind, values.shape, values.flatten()), f'{folder}/typed_{name}.pb')
    truth[name] = values.tobytes().hex()
bits = np.array([[0x3f80, 0xff80, 0x7fc0], [1, 2, 3]], '<u2')
raw = T(name='n', data_type=T.BFLOAT16, dims=bits.shape, raw_data=bits.tobytes())
typed = T(name='n', data_type=T.BFLOAT16, dims=bits.shape, int32_data=[int(b) for b in bits.flatten()])
onnx.save_tensor(raw, f'{folder}/raw_bfloat16.pb')
onnx.save_tensor(typed, f'{folder}/typed_bfloat16.pb')
truth['bfloat16'] = bits.tobytes().hex()
onnx.save_tensor(numpy_helper.from_array(np.float32(1.5)), f'{folder}/scalar.pb')
onnx.save_tensor(numpy_helper.from_array(np.zeros((0, 7), np.int64)), f'{folder}/empty.pb')
open(f'{folder}/sequence.pb', 'wb').write(numpy_helper.from_list([np.zeros((2, 2), np.float32)], 's').SerializeToString())
open(f'{folder}/optional.pb', 'wb').write(numpy_helper.from_optional(np.zeros(3, np.float32), 'o').SerializeToString())
open(f'{folder}/nothing.pb', 'wb').write(numpy_helper.from_optional(None, 'o', 1).SerializeToString())
print(json.dumps(truth))
`;

describe('tensors that the onnx package wrote', () => {
  let folder = '';
  let truth: Record<string, string> = {};
  const read = (name: string) => readPb(`${name}.pb`, readFileSync(join(folder, `${name}.pb`)));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'nanoscope-pb-'));
    truth = JSON.parse(await pythonCode(writer, folder)) as Record<string, string>;
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(dtypes.flatMap((dtype) => [['raw', dtype] as const, ['typed', dtype] as const]))('%s %s', (kind, dtype) => {
    const { name, tensor } = read(`${kind}_${dtype}`);
    expect(name).toBe('n');
    expect(tensor).toMatchObject({ dtype, dims: [2, 3] });
    expect(bytesOf(tensor.data)).toBe(truth[dtype]);
  });

  it('a scalar and an empty tensor', () => {
    expect(read('scalar').tensor).toEqual({ dtype: 'float32', dims: [], data: Float32Array.of(1.5) });
    expect(read('empty').tensor).toEqual({ dtype: 'int64', dims: [0, 7], data: new BigInt64Array() });
  });

  it.each(['sequence', 'optional', 'nothing'])('%s is refused', (name) => {
    expect(() => read(name)).toThrow(/holds a sequence, an optional or a map/);
  });

  it.each(['raw_float32', 'typed_int64', 'typed_float16', 'raw_bool'])('every cut of %s is refused', (name) => {
    const whole = readFileSync(join(folder, `${name}.pb`));
    // The last field may be the name: without these three bytes the file is a whole one that has none.
    for (let length = 0; length < whole.length - 3; length++) {
      expect(() => readPb('cut.pb', Uint8Array.from(whole.subarray(0, length)))).toThrow(
        expect.objectContaining({
          code: 'bad-inputs-file',
          message: expect.stringMatching(/^cut\.pb [^\n]*\.$/) as string,
        }),
      );
    }
  });

  it('changed bytes give a tensor of the size it claims or one sentence, never anything else', () => {
    const whole = readFileSync(join(folder, 'typed_int16.pb'));
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 1, 0x0a, 0x7f, 0x80, 0xff]) {
        const changed = Uint8Array.from(whole);
        changed[at] = value;
        try {
          const { tensor } = readPb('changed.pb', changed);
          expect(tensor.data.length).toBe(tensor.dims.reduce((a, b) => a * b, 1));
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-inputs-file' });
        }
      }
    }
  });
});

const four = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
const float4 = { dims: [2n, 2n], dataType: T.FLOAT as number, rawData: four };

/** Bytes, and the sentence that they must give. */
const wrong: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
  'no protobuf': [new TextEncoder().encode('hello world'), /not an ONNX tensor/],
  'an HTML page': [new TextEncoder().encode('<!doctype html><html></html>'), /not an ONNX tensor|cut off or damaged/],
  'random bytes': [Uint8Array.from({ length: 64 }, (_, i) => (i * 197 + 11) % 256), /not an ONNX tensor|cut off/],
  // ir_version, producer_name: a model has text where a tensor has its type.
  'a model': [Uint8Array.of(0x08, 8, 0x12, 2, 0x70, 0x79), /not an ONNX tensor: its field 2 is of another kind/],
  'no element type': [pb({ dims: [2n] }), /no element type is given/],
  'type 0': [pb({ ...float4, dataType: T.UNDEFINED }), /not an ONNX tensor|ONNX type UNDEFINED/],
  strings: [pb({ dims: [1n], dataType: T.STRING, stringData: [Uint8Array.of(65)] }), /ONNX type STRING/],
  float8: [pb({ dims: [1n], dataType: T.FLOAT8E4M3FN, rawData: Uint8Array.of(1) }), /ONNX type FLOAT8E4M3FN/],
  'a type of the future': [pb({ ...float4, dataType: 999 }), /ONNX type 999/],
  'too few bytes': [pb({ ...float4, dims: [2n, 3n] }), /needs 24 bytes and 16 are there/],
  'too many bytes': [pb({ ...float4, dims: [3n] }), /needs 12 bytes and 16 are there/],
  'half an element': [pb({ ...float4, rawData: four.subarray(0, 15) }), /needs 16 bytes and 15 are there/],
  'too few numbers': [pb({ dims: [3n], dataType: T.INT64, int64Data: [1n] }), /needs 3 elements and 1 are there/],
  'numbers in the wrong field': [
    pb({ dims: [1n], dataType: T.FLOAT, int32Data: [1] }),
    /needs 1 elements and 0 are there/,
  ],
  'a negative size': [pb({ ...float4, dims: [-2n, -2n] }), /not the shape of a tensor/],
  'a size beyond numbers': [pb({ ...float4, dims: [2n ** 62n] }), /not the shape of a tensor/],
  'an absurd shape': [pb({ ...float4, dims: [99999999n, 99999999n] }), /larger than 512 MB/],
  'too many axes': [pb({ ...float4, dims: Array.from({ length: 33 }, () => 1n) }), /not the shape of a tensor/],
  'a value out of range': [
    pb({ dims: [2n], dataType: T.INT8, int32Data: [1, 300] }),
    /holds 300, which int8 cannot hold/,
  ],
  'a bool of 2': [pb({ dims: [1n], dataType: T.BOOL, int32Data: [2] }), /holds 2, which bool cannot hold/],
  'external data': [
    pb({
      dims: [1n],
      dataType: T.FLOAT,
      dataLocation: Location.EXTERNAL,
      externalData: [create(StringStringEntryProtoSchema, { key: 'location', value: '../../secret' })],
    }),
    /keeps its elements in another file/,
  ],
  'part of a tensor': [pb({ ...float4, segment: { begin: 0n, end: 4n } }), /sequence, an optional or a map/],
};

describe('files that are no tensor', () => {
  it.each(Object.entries(wrong))('%s', (_, [bytes, message]) => {
    expect(() => readPb('input_0.pb', bytes)).toThrow(
      expect.objectContaining({
        code: 'bad-inputs-file',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(/^[A-Z].*\.$/) as string,
      }),
    );
  });

  it('numbers one by one that would fill the memory are refused before they are decoded', () => {
    // 40 million one-byte integers in 40 MB: as bigints they would take more than a gigabyte.
    const count = 40_000_000;
    const head = pb({ dims: [BigInt(count)], dataType: T.INT64 });
    const length = [0x3a, (count & 127) | 128, ((count >> 7) & 127) | 128, ((count >> 14) & 127) | 128, count >> 21];
    const bytes = new Uint8Array(head.length + length.length + count);
    bytes.set(head);
    bytes.set(length, head.length);
    const before = process.memoryUsage().heapUsed;
    expect(() => readPb('input_0.pb', bytes)).toThrow(/numbers one by one/);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(300e6);
  });

  it('a shape of no elements is legal however large its other sizes are', () => {
    const dims = [0n, ...Array.from({ length: 30 }, () => 2n ** 52n)];
    expect(readPb('input_0.pb', pb({ dims, dataType: T.FLOAT })).tensor.data.length).toBe(0);
  });
});

describe('which input a lone .pb is', () => {
  const tensor = (name: string): Uint8Array => pb({ ...float4, name });
  const inputOf = (file: string, name: string, of = inputs): string[] =>
    Object.keys(readBatchFile(file, tensor(name), of).inputs);

  it('the name inside wins over the number, the number counts where the name is nobody’s', () => {
    expect(inputOf('/some/where/input_0.pb', 'mask')).toEqual(['mask']);
    expect(inputOf('input_0.pb', '')).toEqual(['x']);
    expect(inputOf('input_1.pb', 'tensor_17')).toEqual(['mask']);
    expect(() => inputOf('input_2.pb', '')).toThrow(/input_2\.pb has no input to go to: the model has 2/);
  });

  it('another file: the name inside, else its own, else the only input', () => {
    expect(inputOf('dump.pb', 'mask')).toEqual(['mask']);
    expect(inputOf('mask.pb', '')).toEqual(['mask']);
    expect(inputOf('dump.pb', '', inputs.slice(0, 1))).toEqual(['x']);
    expect(() => inputOf('dump.pb', '')).toThrow(/holds one tensor, but the model has 2 inputs: x, mask/);
  });

  it('an input that is a sequence is refused by what the model says', () => {
    const of = [{ name: 's', dtype: 'sequenceType', dims: null }];
    expect(() => inputOf('input_0.pb', '', of)).toThrow(/for an input that is a sequence/);
  });
});
