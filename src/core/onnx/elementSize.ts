import type { TensorProto } from 'onnx-buf';
import { TensorProto_DataType as T } from 'onnx-buf';

const bits: ReadonlyMap<number, number> = new Map([
  [T.FLOAT, 32],
  [T.UINT8, 8],
  [T.INT8, 8],
  [T.UINT16, 16],
  [T.INT16, 16],
  [T.INT32, 32],
  [T.INT64, 64],
  [T.BOOL, 8],
  [T.FLOAT16, 16],
  [T.DOUBLE, 64],
  [T.UINT32, 32],
  [T.UINT64, 64],
  [T.COMPLEX64, 64],
  [T.COMPLEX128, 128],
  [T.BFLOAT16, 16],
  [T.FLOAT8E4M3FN, 8],
  [T.FLOAT8E4M3FNUZ, 8],
  [T.FLOAT8E5M2, 8],
  [T.FLOAT8E5M2FNUZ, 8],
  [T.FLOAT8E8M0, 8],
  [T.UINT4, 4],
  [T.INT4, 4],
  [T.FLOAT4E2M1, 4],
  [T.UINT2, 2],
  [T.INT2, 2],
]);

/**
 * Bytes of a tensor's elements as raw data; null for strings and types that are not known.
 * Exact: a product beyond 2^53 comes out as Infinity. A negative dimension gives NaN.
 */
export function rawBytes(tensor: TensorProto): number | null {
  const width = bits.get(tensor.dataType);
  if (width === undefined) return null;
  if (tensor.dims.some((dim) => dim < 0n)) return NaN;
  // Zero wins over any other dimension, however absurd.
  if (tensor.dims.includes(0n)) return 0;
  let count = 1;
  for (const dim of tensor.dims) {
    count *= Number(dim);
    if (count > Number.MAX_SAFE_INTEGER) return Infinity;
  }
  return Math.ceil((count * width) / 8);
}
