/** Files of arrays for tests, byte by byte after the descriptions of the formats; not by the product's own writers. */

export interface Stored {
  /** As safetensors calls the type. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

export function safetensors(tensors: Readonly<Record<string, Stored>>): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text.padEnd(8 * Math.ceil(text.length / 8)));
  const length = new Uint8Array(BigUint64Array.of(BigInt(json.byteLength)).buffer);
  return Buffer.concat([length, json, ...Object.values(tensors).map(({ data }) => bytesOf(data))]);
}

export function npy(descr: string, shape: readonly number[], data: ArrayBufferView): Uint8Array {
  const sizes = shape.length === 1 ? `${String(shape[0])},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }\n`;
  const length = [text.length & 255, text.length >> 8];
  return Buffer.concat([
    Uint8Array.of(0x93, ...Buffer.from('NUMPY'), 1, 0, ...length),
    Buffer.from(text),
    bytesOf(data),
  ]);
}

/** The batch of the investigation: a sample of 5 tokens behind 30 of padding, and one of 35. */
export const seedMask: Stored = {
  dtype: 'I64',
  shape: [2, 35],
  data: BigInt64Array.from({ length: 70 }, (_, cell) => (cell < 30 ? 0n : 1n)),
};

/** Hidden states [2, 35, 4] with NaN at the positions of sample 0 for which `holds`. */
export const hidden = (holds: (position: number) => boolean): Stored => ({
  dtype: 'F32',
  shape: [2, 35, 4],
  data: Float32Array.from({ length: 280 }, (_, at) => (at < 140 && holds(Math.floor(at / 4)) ? NaN : (at % 8) - 3)),
});
