/** Headers of safetensors, right and wrong; each wrong one with the sentence that it must give. */
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader, safetensorsHeaderLength } from '../../../src/core/scan/safetensors';

const text = (header: string): Uint8Array => new TextEncoder().encode(header);
/** @param data bytes behind the header */
const read = (header: string | Uint8Array, data: number): ReturnType<typeof readSafetensorsHeader> => {
  const bytes = typeof header === 'string' ? text(header) : header;
  return readSafetensorsHeader('x.safetensors', bytes, 8 + bytes.byteLength + data);
};
const tensor = (dtype: string, shape: readonly number[], offsets: readonly number[]): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });
const one = (dtype: string, shape: readonly number[], offsets: readonly number[]): string =>
  `{"w":${tensor(dtype, shape, offsets)}}`;

describe('a header', () => {
  it('gives its tensors in the order of their bytes, whatever the order of their names', () => {
    const header = `{"__metadata__":{"format":"pt"},"b":${tensor('F32', [2], [4, 12])},"a":${tensor('BF16', [2, 1], [0, 4])}}   `;
    expect(read(header, 12).map(({ name, type, dims, bytes, at }) => [name, type.name, dims, bytes, at])).toEqual([
      ['a', 'bfloat16', [2, 1], 4, 8 + header.length],
      ['b', 'float32', [2], 8, 12 + header.length],
    ]);
  });

  it.each([
    ['no tensor', '{}', 0, 0],
    ['a scalar', one('F64', [], [0, 8]), 8, 1],
    ['an empty tensor', one('F32', [3, 0], [0, 0]), 0, 0],
    ['half bytes', one('F4', [3, 2], [0, 3]), 3, 6],
    [
      'names with quotes, backslashes and escapes',
      String.raw`{"a\"b\\c\u00e9":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`,
      1,
      1,
    ],
  ])('may hold %s', (_, header, data, elements) => {
    expect(read(header, data).reduce((sum, entry) => sum + entry.elements, 0)).toBe(elements);
  });

  it('keeps odd names apart', () => {
    const header = `{"__proto__":${tensor('U8', [1], [0, 1])},"constructor":${tensor('U8', [1], [1, 2])}}`;
    expect(read(header, 2).map(({ name }) => name)).toEqual(['__proto__', 'constructor']);
  });

  const broken: readonly (readonly [string, string | Uint8Array, number, RegExp])[] = [
    ['no object', '[]', 0, /does not begin with "\{"/],
    ['space before the object', ' {}', 0, /does not begin with "\{"/],
    ['nothing', '', 0, /does not begin with "\{"/],
    ['bytes that are no text', Uint8Array.of(0x7b, 0xff, 0x7d), 0, /not UTF-8/],
    ['an object without end', '{"w":', 0, /where it ends/],
    ['something behind it', '{}x', 0, /nothing more should stand at character 2, not "x"/],
    ['a text without end', '{"w', 0, /a text has no end/],
    ['a text with an unknown escape', String.raw`{"\x":{}}`, 0, /not as JSON writes it/],
    ['a deep nest', `{"w":${'['.repeat(100_000)}`, 0, /"\{" should stand at character 5/],
    ['a key twice', `{"w":${tensor('U8', [1], [0, 1])},"w":${tensor('U8', [1], [0, 1])}}`, 1, /"w" comes twice/],
    ['a field twice', '{"w":{"dtype":"U8","dtype":"F16","shape":[1],"data_offsets":[0,1]}}', 1, /"dtype" comes twice/],
    [
      'a field that is not known',
      '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}',
      1,
      /"w" has a field "x"/,
    ],
    ['no type', '{"w":{"shape":[1],"data_offsets":[0,1]}}', 1, /"w" lacks dtype, shape or data_offsets/],
    ['metadata that are no text', '{"__metadata__":{"n":1}}', 0, /""" should stand/],
    ['an unknown type', one('F128', [1], [0, 16]), 16, /elements of type "F128", which is not known/],
    ['a prototype as type', one('constructor', [1], [0, 1]), 1, /elements of type "constructor"/],
    ['a negative size', '{"w":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', 1, /a whole number should stand/],
    ['half a size', '{"w":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}', 1, /a whole number should stand/],
    ['a size in powers', '{"w":{"dtype":"U8","shape":[1e1],"data_offsets":[0,10]}}', 10, /a whole number should stand/],
    ['sizes beyond numbers', one('F32', [2 ** 31, 2 ** 31], [0, 8]), 8, /not the shape of a tensor/],
    [
      'too many axes',
      one(
        'U8',
        Array.from({ length: 65 }, () => 1),
        [0, 1],
      ),
      1,
      /not the shape of a tensor/,
    ],
    [
      'a list that goes on',
      `{"w":{"dtype":"U8","shape":[${'0,'.repeat(2000)}0],"data_offsets":[0,0]}}`,
      0,
      /a list has more than 1000 numbers/,
    ],
    ['a name that goes on', `{"${'w'.repeat(10_001)}":${tensor('U8', [1], [0, 1])}}`, 1, /a name of 10001 characters/],
    [
      'more keys than any file has',
      `{"__metadata__":{${Array.from({ length: 250_001 }, (_, at) => `"${String(at)}":""`).join()}}}`,
      0,
      /an object has more than 250000 keys/,
    ],
    ['half a byte', one('F4', [3], [0, 2]), 2, /not the shape of a tensor/],
    ['fewer bytes than the shape takes', one('F32', [3], [0, 8]), 8, /has 8 bytes, but \[3\] of float32 takes 12/],
    ['more bytes than the shape takes', one('F16', [3], [0, 8]), 8, /has 8 bytes, but \[3\] of float16 takes 6/],
    ['offsets the wrong way round', one('U8', [1], [1, 0]), 1, /no two offsets/],
    ['one offset', one('U8', [1], [1]), 1, /no two offsets/],
    ['offsets outside of the file', one('U8', [4], [0, 4]), 3, /cut off: its tensors take 4 bytes and 3 are there/],
    [
      'tensors that overlap',
      `{"a":${tensor('U8', [4], [0, 4])},"b":${tensor('U8', [4], [2, 6])}}`,
      6,
      /overlap: "a" and "b"/,
    ],
    [
      'tensors with the same bytes',
      `{"a":${tensor('U8', [4], [0, 4])},"b":${tensor('U8', [4], [0, 4])}}`,
      4,
      /overlap/,
    ],
    [
      'a gap',
      `{"a":${tensor('U8', [1], [0, 1])},"b":${tensor('U8', [1], [3, 4])}}`,
      4,
      /2 bytes before "b" that belong/,
    ],
    ['bytes behind the last tensor', one('U8', [1], [0, 1]), 5, /4 bytes at its end that belong to no tensor/],
  ];
  it.each(broken)('with %s is refused', (_, header, data, message) => {
    expect(() => read(header, data)).toThrow(
      expect.objectContaining({
        code: 'bad-inputs-file',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(/^[A-Z].*\.$/) as string,
      }),
    );
  });

  it('of which any byte is missing is refused', () => {
    const header = `{"__metadata__":{"a":"b"},"w":${tensor('F16', [2, 2], [0, 8])}}`;
    for (let length = 0; length < header.length; length++)
      expect(() => read(header.slice(0, length), 8)).toThrow(expect.objectContaining({ code: 'bad-inputs-file' }));
    expect(read(header, 8)).toHaveLength(1);
  });
});

describe('the length of a header', () => {
  const start = (length: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(length).buffer);
  it.each([
    ['a file of five bytes', start(2n).subarray(0, 5), 5, /cut off: the length of its header takes 8 bytes and 5/],
    ['a header beyond the file', start(100n), 50, /cut off: its header takes 100 bytes and 42 are there/],
    ['a header beyond the limit', start(100_000_001n), 200_000_000, /more than 100 MB/],
    ['the largest number', start(2n ** 64n - 1n), 50, /no safetensors file, or is damaged/],
  ])('%s', (_, bytes, size, message) => {
    expect(() => safetensorsHeaderLength('x.safetensors', bytes, size)).toThrow(message);
  });
  it('is read up to the limit', () => {
    expect(safetensorsHeaderLength('x', start(100_000_000n), 100_000_008)).toBe(100_000_000);
  });
});
