import type { AttributeProto, GraphProto, ModelProto, NodeProto, TypeProto } from 'onnx-buf';
import { TensorProto_DataType } from 'onnx-buf';
import { allGraphs, allTensors } from './allTensors';

/** A message holds its element type as a plain number. */
const bfloat16: number = TensorProto_DataType.BFLOAT16;

/** Whether a model computes in bfloat16 anywhere: the CPU engine has almost no kernels for it. */
export function usesBfloat16(model: ModelProto): boolean {
  for (const tensor of allTensors(model)) {
    if (tensor.dataType === bfloat16) return true;
  }
  for (const graph of allGraphs(model)) {
    if (graphDeclares(graph) || graph.node.some(nodeMakes)) return true;
  }
  return model.functions.some((fn) => fn.node.some(nodeMakes));
}

const graphDeclares = (graph: GraphProto): boolean =>
  [...graph.input, ...graph.output, ...graph.valueInfo].some((value) => typeIs(value.type));

function typeIs(type: TypeProto | undefined): boolean {
  switch (type?.value.case) {
    case 'tensorType':
    case 'sparseTensorType':
      return type.value.value.elemType === bfloat16;
    case 'sequenceType':
    case 'optionalType':
      return typeIs(type.value.value.elemType);
    case 'mapType':
      return typeIs(type.value.value.valueType);
    default:
      return false;
  }
}

/** Ops that choose their element type by an attribute: Cast, RandomNormal, EyeLike, …. */
const nodeMakes = (node: NodeProto): boolean => node.attribute.some((a) => namesType(node, a));

function namesType(node: NodeProto, attribute: AttributeProto): boolean {
  const isType = attribute.name === 'dtype' || (attribute.name === 'to' && node.opType === 'Cast');
  return isType && attribute.i === BigInt(bfloat16);
}
