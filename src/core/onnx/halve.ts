/** A float32 model as a float16 one, as converters write it: weights, constants, casts and declared types. */
import { clone, create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as DataType,
} from 'onnx-buf';
import type { ModelProto, TypeProto } from 'onnx-buf';
import { toFloat16Bits } from '../batch/half';
import { allGraphs, allTensors } from './allTensors';
import { decodeTensor, encodeTensor } from './tensors';
import { NanoscopeError } from '../errors';
import type { TensorData } from '../tensor';

const FLOAT: number = DataType.FLOAT;
const HALF: number = DataType.FLOAT16;

/** @throws NanoscopeError `unsupported-type` for weights that are not in memory */
export function halved(model: ModelProto): ModelProto {
  const copy = clone(ModelProtoSchema, model);
  for (const graph of allGraphs(copy)) {
    for (const value of [...graph.input, ...graph.output, ...graph.valueInfo]) halveType(value.type);
    for (const node of graph.node) {
      // Its value is a float32 zero where none is given.
      if (node.opType === 'ConstantOfShape' && node.attribute.length === 0) {
        const zero = encodeTensor('', { dtype: 'float32', dims: [1], data: Float32Array.of(0) });
        node.attribute = [
          create(AttributeProtoSchema, { name: 'value', type: AttributeProto_AttributeType.TENSOR, t: zero }),
        ];
      }
      for (const attribute of node.attribute) {
        if (node.opType === 'Cast' && attribute.name === 'to' && attribute.i === BigInt(FLOAT))
          attribute.i = BigInt(HALF);
        if (node.opType === 'Constant' && attribute.name === 'value_float') {
          attribute.name = 'value';
          attribute.type = AttributeProto_AttributeType.TENSOR;
          attribute.t = encodeTensor('', halfOf({ dtype: 'float32', dims: [], data: Float32Array.of(attribute.f) }));
        }
      }
    }
  }
  for (const tensor of allTensors(copy)) {
    if (tensor.dataType !== FLOAT) continue;
    const value = decodeTensor(tensor);
    if (!value) throw outside(tensor.name);
    tensor.dataType = HALF;
    tensor.floatData = [];
    tensor.rawData = encodeTensor('', halfOf(value)).rawData;
  }
  return copy;
}

/**
 * Before any work is done for it.
 * @throws NanoscopeError as `halved`
 */
export function refuseHalving(model: ModelProto): void {
  for (const { name, dataType, dataLocation } of allTensors(model))
    if (dataType === FLOAT && dataLocation === TensorProto_DataLocation.EXTERNAL) throw outside(name);
}

const outside = (name: string): NanoscopeError =>
  new NanoscopeError(
    'unsupported-type',
    `The weights of ${name} lie outside the model, which is not rounded to float16 then.`,
    'Export the model in float16, or with its weights inside.',
  );

/** A float32 tensor rounded; any other as it is. */
export const halfOf = (value: TensorData): TensorData =>
  value.dtype === 'float32'
    ? { dtype: 'float16', dims: value.dims, data: toFloat16Bits(value.data as Float32Array) }
    : value;

export const halfFeeds = (feeds: Readonly<Record<string, TensorData>>): Record<string, TensorData> =>
  Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, halfOf(value)]));

function halveType(type: TypeProto | undefined): void {
  if (type?.value.case === 'tensorType' && type.value.value.elemType === FLOAT) type.value.value.elemType = HALF;
}
