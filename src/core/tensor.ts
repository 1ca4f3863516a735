/** Plain tensors: what a batch is made of and what a run may hand back. No engine, no protobuf. */

export const dtypes = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
] as const;
export type DType = (typeof dtypes)[number];

/** float16 and bfloat16 are held as their raw 16 bits (`Uint16Array`), bool as one byte per element. */
export type TensorBytes =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint32Array
  | BigUint64Array;

export interface TensorData {
  readonly dtype: DType;
  /** Row-major. `[]` is a scalar. */
  readonly dims: readonly number[];
  readonly data: TensorBytes;
}

export const elementCount = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

const arrayOf = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

export const bytesPerElement = (dtype: DType): number => arrayOf[dtype].BYTES_PER_ELEMENT;

/** A zeroed array of the right kind for `dtype` with `length` elements. */
export function allocate(dtype: DType, length: number): TensorBytes {
  return new arrayOf[dtype](length);
}

/**
 * Little-endian bytes as typed elements. Copies when `bytes` is not aligned.
 * @throws RangeError when the byte length is not a whole number of elements.
 */
export function fromBytes(dtype: DType, bytes: Uint8Array): TensorBytes {
  const Kind = arrayOf[dtype];
  const width = Kind.BYTES_PER_ELEMENT;
  if (bytes.byteLength % width !== 0) {
    throw new RangeError(`${String(bytes.byteLength)} bytes are not a whole number of ${dtype} elements`);
  }
  if (bytes.byteOffset % width === 0 && bytes.buffer instanceof ArrayBuffer) {
    return new Kind(bytes.buffer, bytes.byteOffset, bytes.byteLength / width);
  }
  // Not `bytes.slice()`: of a Node Buffer that is a view into a pool.
  const copy = new Uint8Array(bytes);
  return new Kind(copy.buffer, 0, copy.byteLength / width);
}
