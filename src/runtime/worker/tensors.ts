/** `TensorData` to and from the engine's own tensors. */
import { allocate, dtypes, fromBytes } from '../../core/tensor';
import type { DType, TensorBytes, TensorData } from '../../core/tensor';
import type { Tensor, TypedTensor } from 'onnxruntime-common';

/** What the binding can hand over; bfloat16, float8 and 4-bit outputs make it throw or crash. */
const fetchable: ReadonlySet<string> = new Set(dtypes.filter((dtype) => dtype !== 'bfloat16'));

export const isFetchable = (dtype: string): dtype is DType => fetchable.has(dtype);

type TensorConstructor = new (type: Tensor.Type, data: TensorBytes, dims: readonly number[]) => Tensor;

export function toEngine(Engine: { readonly Tensor: unknown }, tensor: TensorData): Tensor {
  // The typed overloads of the constructor pair one type with one array each; `TensorData` has the same pairs.
  const Make = Engine.Tensor as TensorConstructor;
  if (tensor.dtype === 'bfloat16') throw new TypeError('A bfloat16 tensor cannot be fed.');
  return new Make(tensor.dtype, tensor.data, [...tensor.dims]);
}

/**
 * A copy at the start of a buffer of its own, which is where memory is aligned. What comes out of a message lies
 * anywhere in it, and the engine sums a row in an order that depends on the alignment of its first element: the same
 * batch gave other bits from run to run.
 */
export function aligned({ dtype, dims, data }: TensorData): TensorData {
  const bytes = new Uint8Array(new ArrayBuffer(data.byteLength));
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { dtype, dims, data: fromBytes(dtype, bytes) };
}

export function fromEngine(tensor: Tensor): TensorData {
  const { type, dims } = tensor;
  if (!isFetchable(type)) throw new TypeError(`A tensor of type ${type} cannot be fetched.`);
  // An empty tensor may come without any data.
  if (tensor.size === 0) return { dtype: type, dims: [...dims], data: allocate(type, 0) };
  const data = (tensor as TypedTensor<Exclude<Tensor.Type, 'string' | 'int4' | 'uint4'>>).data as ArrayBufferView;
  // Newer runtimes hand out a Float16Array, which other ends of the channel may not know: raw bits for everyone.
  if (type === 'float16' && !(data instanceof Uint16Array)) {
    const bits = new Uint16Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / 2);
    return { dtype: type, dims: [...dims], data: bits };
  }
  return { dtype: type, dims: [...dims], data: data as TensorBytes };
}
