/**
 * NumPy's `.npy` format (NEP 1, versions 1 to 3): arrays of numbers and booleans in either byte order and either
 * memory order. Arrays of Python objects are pickles, which can run code when they are loaded: refused.
 */
import { NanoscopeError } from '../errors';
import { allocate, bytesPerElement, elementCount, fromBytes } from '../tensor';
import type { DType, TensorBytes, TensorData } from '../tensor';
import { checkedCount } from './limits';
import { isPickled, npyMagic, pickledArray, readNpyHeader } from './npyHeader';

export { isNpy } from './npyHeader';

/** NumPy's kind and width, without the byte order. bfloat16 has no NumPy type. */
const dtypeOf: Readonly<Record<string, DType>> = {
  b1: 'bool',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
};

/**
 * @param what how messages call the array: a file name, or a file name and the entry in it
 * @throws NanoscopeError `bad-inputs-file`
 */
export function readNpy(what: string, bytes: Uint8Array): TensorData {
  const header = readNpyHeader(what, bytes);
  const { dtype, bigEndian } = elementType(what, header.descr);
  const count = checkedCount(what, dtype, header.shape, 'bad-inputs-file');
  const width = bytesPerElement(dtype);
  const have = bytes.byteLength - header.dataStart;
  if (have < count * width) {
    throw bad(
      `${what} is cut off: its header promises ${String(count * width)} bytes of data and ${String(have)} are there.`,
      'Save the array again with numpy.save, or copy the file again.',
    );
  }
  if (have > count * width) {
    throw bad(
      `${what} has ${String(have - count * width)} bytes after its last element.`,
      'Save the array again with numpy.save, one array in each file.',
    );
  }
  // A copy: the tensor must not keep a whole archive alive, nor change when its buffer is reused. Not by `slice`,
  // which of a Node Buffer is a view.
  const raw = new Uint8Array(bytes.subarray(header.dataStart));
  if (bigEndian && width > 1) {
    swapBytes(raw, width);
  }
  if (dtype === 'bool') {
    raw.forEach((value, i) => (raw[i] = value === 0 ? 0 : 1));
  }
  const data = fromBytes(dtype, raw);
  return {
    dtype,
    dims: header.shape,
    data: header.fortranOrder ? fromColumnMajor(dtype, header.shape, data) : data,
  };
}

/**
 * Version 1 of the format, row-major, little-endian, data aligned to 64 bytes as NumPy writes it.
 * @throws NanoscopeError `bad-input` for bfloat16, which NumPy does not know
 */
export function writeNpy(tensor: TensorData): Uint8Array {
  const kind = Object.entries(dtypeOf).find(([, dtype]) => dtype === tensor.dtype)?.[0];
  if (kind === undefined) {
    throw new NanoscopeError(
      'bad-input',
      `NumPy files cannot hold ${tensor.dtype}.`,
      'Cast the tensor to float32 before saving it.',
    );
  }
  const order = bytesPerElement(tensor.dtype) === 1 ? '|' : '<';
  const shape = tensor.dims.length === 1 ? `(${String(tensor.dims[0])},)` : `(${tensor.dims.map(String).join(', ')})`;
  const text = `{'descr': '${order}${kind}', 'fortran_order': False, 'shape': ${shape}, }`;
  const unpadded = npyMagic.length + 4 + text.length + 1;
  const padding = (64 - (unpadded % 64)) % 64;
  const header = `${text}${' '.repeat(padding)}\n`;
  const { data } = tensor;
  const bytes = new Uint8Array(npyMagic.length + 4 + header.length + data.byteLength);
  bytes.set(npyMagic);
  bytes.set([1, 0, header.length & 0xff, header.length >>> 8], npyMagic.length);
  for (let i = 0; i < header.length; i++) {
    bytes[npyMagic.length + 4 + i] = header.charCodeAt(i);
  }
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), npyMagic.length + 4 + header.length);
  return bytes;
}

function elementType(what: string, descr: string): { readonly dtype: DType; readonly bigEndian: boolean } {
  const [, order = '', kind = ''] = /^([<>|=]?)(.*)$/s.exec(descr) ?? [];
  if (isPickled(descr)) {
    throw pickledArray(what);
  }
  const dtype = Object.hasOwn(dtypeOf, kind) ? dtypeOf[kind] : undefined;
  if (dtype === undefined) {
    throw bad(
      `${what} has elements of NumPy type "${descr.slice(0, 40)}", which no model input can have.`,
      'Save it as float32, int64 or bool.',
    );
  }
  return { dtype, bigEndian: order === '>' };
}

/** Reverses every element in place. */
function swapBytes(raw: Uint8Array, width: number): void {
  for (let start = 0; start < raw.length; start += width) {
    raw.subarray(start, start + width).reverse();
  }
}

/** Elements stored with the first axis fastest, brought to the last axis fastest. */
function fromColumnMajor(dtype: DType, dims: readonly number[], source: TensorBytes): TensorBytes {
  const target = allocate(dtype, elementCount(dims));
  const order = columnMajorOrder(dims);
  if (source instanceof BigInt64Array || source instanceof BigUint64Array) {
    order.forEach((from, to) => (target[to] = source[from] ?? 0n));
  } else {
    order.forEach((from, to) => (target[to] = source[from] ?? 0));
  }
  return target;
}

/** For every element in row-major order, where it stands in column-major order. */
function columnMajorOrder(dims: readonly number[]): Uint32Array {
  const order = new Uint32Array(elementCount(dims));
  const index = dims.map(() => 0);
  const strides: number[] = [];
  let stride = 1;
  for (const size of dims) {
    strides.push(stride);
    stride *= size;
  }
  let from = 0;
  for (let to = 0; to < order.length; to++) {
    order[to] = from;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      const step = strides[axis] ?? 0;
      if (next < (dims[axis] ?? 0)) {
        index[axis] = next;
        from += step;
        break;
      }
      from -= (next - 1) * step;
      index[axis] = 0;
    }
  }
  return order;
}

function bad(message: string, hint: string): NanoscopeError {
  return new NanoscopeError('bad-inputs-file', message, hint);
}
