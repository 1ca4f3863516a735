/** Between ONNX's `TensorProto` and our `TensorData`. */
import { create } from '@bufbuild/protobuf';
import { TensorProto_DataLocation, TensorProto_DataType as OnnxType, TensorProtoSchema } from 'onnx-buf';
import type { TensorProto } from 'onnx-buf';
import type { DType, TensorBytes, TensorData } from '../tensor';
import { elementCount, fromBytes } from '../tensor';

const types: ReadonlyMap<number, DType> = new Map<number, DType>([
  [OnnxType.FLOAT, 'float32'],
  [OnnxType.DOUBLE, 'float64'],
  [OnnxType.FLOAT16, 'float16'],
  [OnnxType.BFLOAT16, 'bfloat16'],
  [OnnxType.INT8, 'int8'],
  [OnnxType.INT16, 'int16'],
  [OnnxType.INT32, 'int32'],
  [OnnxType.INT64, 'int64'],
  [OnnxType.UINT8, 'uint8'],
  [OnnxType.UINT16, 'uint16'],
  [OnnxType.UINT32, 'uint32'],
  [OnnxType.UINT64, 'uint64'],
  [OnnxType.BOOL, 'bool'],
]);

/** Our name of an ONNX element type, or null for those a run cannot be fed with (strings, float8, int4, …). */
export function dtypeOf(dataType: number): DType | null {
  return types.get(dataType) ?? null;
}

/** What a person calls any ONNX element type, whether a run can be fed with it or not. */
export function typeName(dataType: number): string {
  return dtypeOf(dataType) ?? OnnxType[dataType]?.toLowerCase() ?? `type ${String(dataType)}`;
}

export function onnxTypeOf(dtype: DType): OnnxType {
  for (const [type, name] of types) if (name === dtype) return type;
  throw new Error(`no ONNX type for ${dtype}`);
}

/** ONNX element type of a type name of ours, or null where it is none of ours. */
export function onnxTypeNamed(name: string): OnnxType | null {
  for (const [type, own] of types) if (own === name) return type;
  return null;
}

export function isExternal(tensor: TensorProto): boolean {
  return tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;
}

/** Elements of a tensor that is held in the message itself; null when external, of an unknown type or damaged. */
export function decodeTensor(tensor: TensorProto): TensorData | null {
  const dtype = dtypeOf(tensor.dataType);
  if (!dtype || isExternal(tensor)) return null;
  const dims = tensor.dims.map(Number);
  const count = elementCount(dims);
  try {
    const data = tensor.rawData.byteLength > 0 ? fromBytes(dtype, tensor.rawData) : typedField(tensor, dtype);
    return data.length === count ? { dtype, dims, data } : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function typedField(tensor: TensorProto, dtype: DType): TensorBytes {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(tensor.floatData);
    case 'float64':
      return Float64Array.from(tensor.doubleData);
    case 'int64':
      return BigInt64Array.from(tensor.int64Data);
    case 'uint64':
      return BigUint64Array.from(tensor.uint64Data);
    case 'uint32':
      return Uint32Array.from(tensor.uint64Data, Number);
    case 'int32':
      return Int32Array.from(tensor.int32Data);
    case 'int16':
      return Int16Array.from(tensor.int32Data);
    case 'int8':
      return Int8Array.from(tensor.int32Data);
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return Uint16Array.from(tensor.int32Data);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(tensor.int32Data);
  }
}

/** A tensor message with its elements inside, little-endian as ONNX wants it. */
export function encodeTensor(name: string, value: TensorData): TensorProto {
  const { buffer, byteOffset, byteLength } = value.data;
  return create(TensorProtoSchema, {
    name,
    dataType: onnxTypeOf(value.dtype),
    dims: value.dims.map(BigInt),
    rawData: new Uint8Array(buffer, byteOffset, byteLength).slice(),
  });
}

export const int64Tensor = (
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): TensorProto => encodeTensor(name, { dtype: 'int64', dims, data: BigInt64Array.from(values, BigInt) });

export const float32Tensor = (
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): TensorProto => encodeTensor(name, { dtype: 'float32', dims, data: Float32Array.from(values) });
