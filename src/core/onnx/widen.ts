/**
 * A bfloat16 model as a float32 one. Every bfloat16 is a float32, so weights keep their exact values; what the copy
 * does not reproduce is the rounding of intermediate results to eight bits.
 */
import { clone, create } from '@bufbuild/protobuf';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto } from 'onnx-buf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
} from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { floatsOf } from '../probe/floats';
import { allGraphs, allTensors } from './allTensors';
import { show } from './show';
import { decodeTensor, encodeTensor, isExternal } from './tensors';

/** Messages hold their element type as a plain number. */
const bfloat16: number = TensorProto_DataType.BFLOAT16;
const float32: number = TensorProto_DataType.FLOAT;

/** Attributes that name the element type of an output or of inner arithmetic. */
const typeAttributes = new Set(['dtype', 'output_dtype', 'stash_type', 'softmax_precision']);

/**
 * A copy that computes in float32 wherever `model` does in bfloat16. Payloads that stay in the user's file are
 * widened by the engine, by a Cast node behind each.
 * @throws NanoscopeError `unsupported-type` where a payload outside the message cannot be reached by a node
 */
export function widenBfloat16(model: ModelProto): ModelProto {
  const copy = clone(ModelProtoSchema, model);
  for (const graph of allGraphs(copy)) {
    castExternal(graph);
    for (const value of [...graph.input, ...graph.output, ...graph.valueInfo]) widenType(value.type);
    for (const node of graph.node) widenNode(node);
  }
  for (const fn of copy.functions) {
    for (const value of fn.valueInfo) widenType(value.type);
    for (const node of fn.node) widenNode(node);
    for (const attribute of fn.attributeProto) widenAttribute(attribute, '');
  }
  const cast = new Set([...allGraphs(copy)].flatMap(({ initializer }) => initializer.filter(isOutside)));
  for (const tensor of allTensors(copy)) if (tensor.dataType === bfloat16 && !cast.has(tensor)) widenTensor(tensor);
  return copy;
}

const isOutside = (tensor: TensorProto): boolean => tensor.dataType === bfloat16 && isExternal(tensor);

function castNode(from: string, into: string): NodeProto {
  const to = create(AttributeProtoSchema, {
    name: 'to',
    type: AttributeProto_AttributeType.INT,
    i: BigInt(float32),
  });
  return create(NodeProtoSchema, { opType: 'Cast', input: [from], output: [into], attribute: [to] });
}

/** A stored tensor outside the message gets another name, and its own becomes that of its cast. */
function castExternal(graph: GraphProto): void {
  const taken = new Set([
    ...graph.initializer.map((tensor) => tensor.name),
    ...graph.input.map((value) => value.name),
    ...graph.node.flatMap((node) => [...node.input, ...node.output]),
  ]);
  const fresh = (name: string): string => {
    let stored = `${name}_bfloat16`;
    while (taken.has(stored)) stored += '_';
    taken.add(stored);
    return stored;
  };
  // The engine takes no graph output of the type, which a node's may become; an initializer's does not.
  graph.node = graph.node.filter(({ opType, attribute, output }) => {
    const payload = opType === 'Constant' ? attribute.find(({ t }) => t && isOutside(t))?.t : undefined;
    if (payload) graph.initializer.push(Object.assign(payload, { name: output[0] ?? '' }));
    return !payload;
  });
  const casts: NodeProto[] = [];
  for (const tensor of graph.initializer) {
    if (!isOutside(tensor)) continue;
    const { name } = tensor;
    tensor.name = fresh(name);
    casts.push(castNode(tensor.name, name));
  }
  if (casts.length === 0) return;
  // An initializer that an old model also lists as an input is no input of its own any more.
  const renamed = new Set(casts.flatMap((cast) => cast.output));
  graph.input = graph.input.filter((value) => !renamed.has(value.name));
  graph.node = [...casts, ...graph.node];
}

function widenTensor(tensor: TensorProto): void {
  const value = decodeTensor(tensor);
  if (!value) {
    throw new NanoscopeError(
      'unsupported-type',
      `The bfloat16 tensor ${show(tensor.name)} cannot be cast to float32: it is too large to be rewritten where it stands.`,
      'Export the model in float32.',
    );
  }
  const wide = encodeTensor(tensor.name, {
    dtype: 'float32',
    dims: value.dims,
    data: Float32Array.from(floatsOf(value)),
  });
  tensor.dataType = float32;
  tensor.rawData = wide.rawData;
  tensor.int32Data = [];
}

function widenNode(node: NodeProto): void {
  for (const attribute of node.attribute) widenAttribute(attribute, node.opType);
}

function widenAttribute(attribute: AttributeProto, op: string): void {
  const isType = typeAttributes.has(attribute.name) || (attribute.name === 'to' && op === 'Cast');
  if (isType && attribute.i === BigInt(bfloat16)) attribute.i = BigInt(float32);
  widenType(attribute.tp);
  for (const type of attribute.typeProtos) widenType(type);
}

function widenType(type: TypeProto | undefined): void {
  switch (type?.value.case) {
    case 'tensorType':
    case 'sparseTensorType':
      if (type.value.value.elemType === bfloat16) type.value.value.elemType = float32;
      return;
    case 'sequenceType':
    case 'optionalType':
      widenType(type.value.value.elemType);
      return;
    case 'mapType':
      widenType(type.value.value.valueType);
      return;
    default:
      return;
  }
}
