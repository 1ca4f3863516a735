/** Which element types of a model the CPU engine has hardly any kernels for. Looked at only when it refuses. */
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType } from 'onnx-buf';
import type { ModelProto, ValueInfoProto } from 'onnx-buf';

const rare: ReadonlyMap<number, string> = new Map([
  [TensorProto_DataType.BFLOAT16, 'bfloat16'],
  [TensorProto_DataType.FLOAT8E4M3FN, 'float8e4m3fn'],
  [TensorProto_DataType.FLOAT8E4M3FNUZ, 'float8e4m3fnuz'],
  [TensorProto_DataType.FLOAT8E5M2, 'float8e5m2'],
  [TensorProto_DataType.FLOAT8E5M2FNUZ, 'float8e5m2fnuz'],
  [TensorProto_DataType.COMPLEX64, 'complex64'],
  [TensorProto_DataType.COMPLEX128, 'complex128'],
  [TensorProto_DataType.FLOAT16, 'float16'],
]);

/** Names of the rare types that the main graph mentions, rarest first; empty when the bytes are no model. */
export function rareTypes(model: Uint8Array): readonly string[] {
  try {
    return rareTypesOf(fromBinary(ModelProtoSchema, model));
  } catch {
    return [];
  }
}

export function rareTypesOf({ graph }: ModelProto): readonly string[] {
  if (!graph) return [];
  const seen = new Set<number>(graph.initializer.map((tensor) => tensor.dataType));
  for (const value of [...graph.input, ...graph.output, ...graph.valueInfo]) seen.add(elementType(value));
  for (const node of graph.node) {
    const to = node.opType === 'Cast' ? node.attribute.find((attribute) => attribute.name === 'to') : undefined;
    if (to) seen.add(Number(to.i));
  }
  return [...rare].filter(([number]) => seen.has(number)).map(([, name]) => name);
}

function elementType(value: ValueInfoProto): number {
  const type = value.type?.value;
  return type?.case === 'tensorType' ? type.value.elemType : 0;
}
