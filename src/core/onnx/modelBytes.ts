/**
 * A model's bytes for the engine. One diagnosis encodes a dozen variants of the same model that share nearly all
 * their nodes and weights, so each of those is encoded once, and the variants are put together from the pieces:
 * elements of a repeated field may stand anywhere in a protobuf message as long as their order is kept.
 */
import { toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, TensorProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import type { GraphProto, ModelProto } from 'onnx-buf';
import { concat, lengthHead } from './wire';

/** Fields with their heads, by the message they encode. A message must not be changed once it is known here. */
const known = new WeakMap<object, Uint8Array>();

/** @param model whose nodes, initializers and value types are not changed in place afterwards. */
export function modelBytes(model: ModelProto): Uint8Array {
  const { graph } = model;
  if (!graph) return toBinary(ModelProtoSchema, model);
  const pieces = graphPieces(graph);
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const rest: ModelProto = { ...model };
  delete rest.graph;
  return concat([toBinary(ModelProtoSchema, rest), lengthHead(ModelProtoSchema.field.graph.number, size), ...pieces]);
}

function graphPieces(graph: GraphProto): Uint8Array[] {
  const { node, initializer, valueInfo } = GraphProtoSchema.field;
  return [
    ...fields(NodeProtoSchema, node.number, graph.node),
    ...fields(TensorProtoSchema, initializer.number, graph.initializer),
    ...fields(ValueInfoProtoSchema, valueInfo.number, graph.valueInfo),
    toBinary(GraphProtoSchema, { ...graph, node: [], initializer: [], valueInfo: [] }),
  ];
}

function fields<Desc extends DescMessage>(
  desc: Desc,
  number: number,
  messages: readonly MessageShape<Desc>[],
): Uint8Array[] {
  return messages.map((message) => {
    const before = known.get(message);
    if (before) return before;
    const bytes = toBinary(desc, message);
    const field = concat([lengthHead(number, bytes.length), bytes]);
    known.set(message, field);
    return field;
  });
}
