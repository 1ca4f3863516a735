/** A model that hands out what it is fed, so that inspectors beside the engine can look at it. */
import { create } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { onnxTypeOf } from '../onnx/tensors';
import { node, untyped } from '../probe/instrument';
import type { TensorData } from '../tensor';

/** @returns outputs have the names that the tensors have */
export function copying(tensors: ReadonlyMap<string, TensorData>): {
  readonly model: ModelProto;
  readonly inputs: Readonly<Record<string, TensorData>>;
} {
  const copies = [...tensors].map(([name, tensor], i) => ({ name, tensor, from: `copied ${String(i)} ${name}` }));
  const graph = create(GraphProtoSchema, {
    name: 'copying',
    node: copies.map(({ name, from }) => node('Identity', [from], [name])),
    input: copies.map(({ from, tensor }) =>
      create(ValueInfoProtoSchema, {
        name: from,
        type: create(TypeProtoSchema, { value: { case: 'tensorType', value: { elemType: onnxTypeOf(tensor.dtype) } } }),
      }),
    ),
    output: copies.map(({ name }) => untyped(name)),
  });
  return {
    model: create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
      graph,
    }),
    inputs: Object.fromEntries(copies.map(({ from, tensor }) => [from, tensor])),
  };
}
