/** What is a tensor: those of ONNX Runtime, and typed arrays. */
import { className, isObject, own, typedArray, type BigNumbers, type Numbers } from './own';

/** How elements are stored. */
export type Stored =
  | { readonly kind: 'float' | 'integer'; readonly data: Numbers }
  /** IEEE half precision as 16-bit words. */
  | { readonly kind: 'half'; readonly data: Numbers }
  | { readonly kind: 'big'; readonly data: BigNumbers };

export interface Tensor {
  readonly library: 'onnxruntime' | 'javascript';
  readonly type: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly device: string;
  readonly elements: number;
  /** Null: `skipped` says why. */
  readonly stored: Stored | null;
  readonly skipped: string | null;
}

const dtypes: Readonly<Record<string, string>> = {
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Int16Array: 'int16',
  Uint16Array: 'uint16',
  Int32Array: 'int32',
  Uint32Array: 'uint32',
  Float16Array: 'float16',
  Float32Array: 'float32',
  Float64Array: 'float64',
  BigInt64Array: 'int64',
  BigUint64Array: 'uint64',
};

/** Element types of ONNX Runtime's JavaScript interface, and the typed arrays that may hold them. */
const onnxTypes: Readonly<Record<string, readonly string[]>> = {
  float16: ['Uint16Array', 'Float16Array'],
  float32: ['Float32Array'],
  float64: ['Float64Array'],
  int8: ['Int8Array'],
  uint8: ['Uint8Array', 'Uint8ClampedArray'],
  int16: ['Int16Array'],
  uint16: ['Uint16Array'],
  int32: ['Int32Array'],
  uint32: ['Uint32Array'],
  int64: ['BigInt64Array'],
  uint64: ['BigUint64Array'],
  bool: ['Uint8Array'],
  int4: ['Int8Array', 'Uint8Array'],
  uint4: ['Int8Array', 'Uint8Array'],
  string: [],
};

/** Where a tensor of ONNX Runtime may be, as it says it. */
const locations: Readonly<Record<string, string>> = {
  'cpu-pinned': 'cpu',
  'gpu-buffer': 'gpu',
  texture: 'gpu',
  'ml-tensor': 'webnn',
};

/** Null for what is no tensor. A Buffer of Node is bytes, not numbers. */
export function tensorOf(value: unknown): Tensor | null {
  if (!isObject(value)) return null;
  const array = typedArray(value);
  if (array !== null) {
    const type = className(value);
    const dtype = dtypes[array.tag];
    if (dtype === undefined || type === 'Buffer') return null;
    const { tag, length, detached, data } = array;
    return {
      library: 'javascript',
      type,
      dtype,
      shape: [length],
      device: 'cpu',
      elements: length,
      stored: detached ? null : storedAs(tag, data),
      skipped: detached ? 'Its memory was transferred to somebody else.' : null,
    };
  }
  const inner = own(value, 'ort_tensor');
  return onnxTensor(value) ?? (isObject(inner) ? onnxTensor(inner) : null);
}

/** By own properties alone: every version of onnxruntime-common has them, and its getters throw where data is gone. */
function onnxTensor(value: object): Tensor | null {
  const dtype = own(value, 'type');
  const dims = own(value, 'dims');
  if (typeof dtype !== 'string' || !Object.hasOwn(onnxTypes, dtype) || !Array.isArray(dims)) return null;
  const location = own(value, 'dataLocation');
  const data = own(value, 'cpuData') ?? own(value, 'data');
  if (typeof location !== 'string' && !isObject(data)) return null;
  const shape = Array.from({ length: Math.min(dims.length, 64) }, (_, axis) => Number(own(dims, axis)));
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return null;
  const elements = Math.min(
    shape.reduce((product, size) => product * size, 1),
    Number.MAX_SAFE_INTEGER,
  );
  const device = typeof location === 'string' ? (locations[location] ?? location) : 'cpu';
  const told = { library: 'onnxruntime', type: className(value), dtype, shape, device, elements } as const;
  const skip = (skipped: string): Tensor => ({ ...told, stored: null, skipped });
  if (location === 'none') return skip('Disposed.');
  if (!isObject(data)) return skip('Its data is not on the CPU. Await getData() to read it.');
  if (dtype === 'string') return skip('Text.');
  if (dtype === 'int4' || dtype === 'uint4') return skip('Packed 4-bit integers, which cannot be NaN.');
  const array = typedArray(data);
  if (array?.detached === true) return skip('Its memory was transferred to somebody else.');
  if (array === null || onnxTypes[dtype]?.includes(array.tag) !== true)
    return skip('Its data is not what its type says.');
  if (array.length !== elements)
    return skip(`Its data has ${String(array.length)} elements, its shape ${String(elements)}.`);
  const half = dtype === 'float16' && array.tag === 'Uint16Array';
  return {
    ...told,
    stored: half ? { kind: 'half', data: array.data as Numbers } : storedAs(array.tag, array.data),
    skipped: null,
  };
}

const storedAs = (tag: string, data: Numbers | BigNumbers): Stored =>
  tag.startsWith('Big')
    ? { kind: 'big', data: data as BigNumbers }
    : { kind: tag.startsWith('Float') ? 'float' : 'integer', data: data as Numbers };

/** The number that a half-precision word stands for. */
export function fromHalf(word: number): number {
  const sign = (word & 0x8000) === 0 ? 1 : -1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
