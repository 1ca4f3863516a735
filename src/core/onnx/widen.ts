/**
 * A model in a wider float type: bfloat16 or float16 as float32, float32 as float64. Every narrow number is a wide
 * one, so weights keep their exact values; what the copy does not reproduce is the rounding of intermediate results.
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

/** Element types as messages hold them: plain numbers. */
interface Widening {
  readonly from: number;
  readonly to: number;
}

const widenings = {
  bfloat16: { from: TensorProto_DataType.BFLOAT16, to: TensorProto_DataType.FLOAT },
  float16: { from: TensorProto_DataType.FLOAT16, to: TensorProto_DataType.FLOAT },
  float32: { from: TensorProto_DataType.FLOAT, to: TensorProto_DataType.DOUBLE },
} as const satisfies Readonly<Record<string, Widening>>;

/** Types that can be widened; bfloat16 and float16 to float32, float32 to float64. */
export type Widenable = keyof typeof widenings;

/** Attributes that name the element type of an output or of inner arithmetic. */
const typeAttributes = new Set(['dtype', 'output_dtype', 'stash_type', 'softmax_precision']);

/**
 * A copy that computes in the wider type wherever `model` does in `type`. Payloads that stay in the user's file are
 * widened by the engine, by a Cast node behind each.
 * @throws NanoscopeError `unsupported-type` where a payload outside the message cannot be reached by a node
 */
export function widened(model: ModelProto, type: Widenable): ModelProto {
  const how: Widening = widenings[type];
  const copy = clone(ModelProtoSchema, model);
  for (const graph of allGraphs(copy)) {
    castExternal(graph, how, type);
    for (const value of [...graph.input, ...graph.output, ...graph.valueInfo]) widenType(value.type, how);
    for (const node of graph.node) widenNode(node, how);
  }
  for (const fn of copy.functions) {
    for (const value of fn.valueInfo) widenType(value.type, how);
    for (const node of fn.node) widenNode(node, how);
    for (const attribute of fn.attributeProto) widenAttribute(attribute, '', how);
  }
  const cast = new Set(
    [...allGraphs(copy)].flatMap(({ initializer }) => initializer.filter((tensor) => isOutside(tensor, how))),
  );
  for (const tensor of allTensors(copy)) {
    if (tensor.dataType === how.from && !cast.has(tensor)) widenTensor(tensor, how, type);
  }
  return copy;
}

const isOutside = (tensor: TensorProto, how: Widening): boolean => tensor.dataType === how.from && isExternal(tensor);

function castNode(from: string, into: string, type: number): NodeProto {
  const to = create(AttributeProtoSchema, {
    name: 'to',
    type: AttributeProto_AttributeType.INT,
    i: BigInt(type),
  });
  return create(NodeProtoSchema, { opType: 'Cast', input: [from], output: [into], attribute: [to] });
}

/** A stored tensor outside the message gets another name, and its own becomes that of its cast. */
function castExternal(graph: GraphProto, how: Widening, type: Widenable): void {
  const taken = new Set([
    ...graph.initializer.map((tensor) => tensor.name),
    ...graph.input.map((value) => value.name),
    ...graph.node.flatMap((node) => [...node.input, ...node.output]),
  ]);
  const fresh = (name: string): string => {
    let stored = `${name}_${type}`;
    while (taken.has(stored)) stored += '_';
    taken.add(stored);
    return stored;
  };
  // The engine takes no graph output of the type, which a node's may become; an initializer's does not.
  graph.node = graph.node.filter(({ opType, attribute, output }) => {
    const payload = opType === 'Constant' ? attribute.find(({ t }) => t && isOutside(t, how))?.t : undefined;
    if (payload) graph.initializer.push(Object.assign(payload, { name: output[0] ?? '' }));
    return !payload;
  });
  const casts: NodeProto[] = [];
  for (const tensor of graph.initializer) {
    if (!isOutside(tensor, how)) continue;
    const { name } = tensor;
    tensor.name = fresh(name);
    casts.push(castNode(tensor.name, name, how.to));
  }
  if (casts.length === 0) return;
  // An initializer that an old model also lists as an input is no input of its own any more.
  const renamed = new Set(casts.flatMap((cast) => cast.output));
  graph.input = graph.input.filter((value) => !renamed.has(value.name));
  graph.node = [...casts, ...graph.node];
}

function widenTensor(tensor: TensorProto, how: Widening, type: Widenable): void {
  const value = decodeTensor(tensor);
  if (!value) {
    throw new NanoscopeError(
      'unsupported-type',
      `The ${type} tensor ${show(tensor.name)} cannot be cast to a wider type: it is too large to be rewritten where it stands.`,
      'Export the model in float32.',
    );
  }
  const numbers = floatsOf(value);
  const { dims } = value;
  const wide = encodeTensor(
    tensor.name,
    type === 'float32'
      ? { dtype: 'float64', dims, data: Float64Array.from(numbers) }
      : { dtype: 'float32', dims, data: Float32Array.from(numbers) },
  );
  tensor.dataType = how.to;
  tensor.rawData = wide.rawData;
  tensor.int32Data = [];
  tensor.floatData = [];
}

function widenNode(node: NodeProto, how: Widening): void {
  for (const attribute of node.attribute) widenAttribute(attribute, node.opType, how);
}

function widenAttribute(attribute: AttributeProto, op: string, how: Widening): void {
  const isType = typeAttributes.has(attribute.name) || (attribute.name === 'to' && op === 'Cast');
  if (isType && attribute.i === BigInt(how.from)) attribute.i = BigInt(how.to);
  widenType(attribute.tp, how);
  for (const type of attribute.typeProtos) widenType(type, how);
}

function widenType(type: TypeProto | undefined, how: Widening): void {
  switch (type?.value.case) {
    case 'tensorType':
    case 'sparseTensorType':
      if (type.value.value.elemType === how.from) type.value.value.elemType = how.to;
      return;
    case 'sequenceType':
    case 'optionalType':
      widenType(type.value.value.elemType, how);
      return;
    case 'mapType':
      widenType(type.value.value.valueType, how);
      return;
    default:
      return;
  }
}
