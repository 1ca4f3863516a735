/**
 * Bodies opened: the graph with a node's body in the place of the node, so that what is inside can be measured like
 * any other part. What such a part computes is bit for bit what the body computed.
 */
import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { extract } from '../../probe/instrument';
import { altered } from '../altered';
import type { GraphNode } from '../graph';
import { Graph, graphOf } from '../graph';
import { nameOfNode } from '../splice';
import type { Spliced } from '../splice';
import { encodeTensor } from '../tensors';

/** A node that came out of a body. */
export interface InnerNode {
  /** In the body. */
  readonly name: string;
  /** Counted from 0; null where the body runs once. */
  readonly iteration: number | null;
}

export interface OpenedPart {
  /** The part of the graph that leads to what the body hands on. */
  readonly model: ModelProto;
  /** By name in `model`. */
  readonly inner: ReadonlyMap<string, InnerNode>;
}

/** Collects what takes the place of a node. */
export class Replacement {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  private readonly sparse: SparseTensorProto[] = [];
  private readonly inner = new Map<string, InnerNode>();

  add(spliced: Spliced, body: { readonly node: readonly NodeProto[] }, iteration: number | null): void {
    for (const [i, node] of spliced.nodes.entries()) {
      const original = body.node[i];
      // Behind the body's own nodes stand copies that the splice made.
      const name = original ? nameOfNode(original) : (node.output[0] ?? '');
      this.inner.set(node.name, { name, iteration });
      this.nodes.push(node);
    }
    this.initializers.push(...spliced.initializers);
    this.sparse.push(...spliced.sparse);
  }

  /** @param values what the part must compute; those that no node makes are left out. */
  part(graph: Graph, replaced: GraphNode, values: readonly string[]): OpenedPart {
    const whole = new Graph(this.model(graph, replaced));
    const targets = [...new Set(values)].filter((value) => whole.producer.has(value));
    return { model: extract(whole, targets), inner: this.inner };
  }

  private model(graph: Graph, replaced: GraphNode): ModelProto {
    const own = graphOf(graph.model);
    return altered(graph.model, {
      graph: altered(own, {
        node: own.node.flatMap((node) => (node === replaced.proto ? this.nodes : [node])),
        initializer: [...own.initializer, ...this.initializers],
        sparseInitializer: [...own.sparseInitializer, ...this.sparse],
      }),
    });
  }
}

/** The graph in a node's attribute; null where it is not there. */
export const bodyOf = (node: GraphNode, attribute: string): GraphProto | null =>
  node.proto.attribute.find((entry) => entry.name === attribute)?.g ?? null;

/** Nodes of a body, those in bodies within it included. */
export function countNodes(graph: GraphProto): number {
  let count = graph.node.length;
  for (const node of graph.node)
    for (const attribute of node.attribute)
      for (const body of [...(attribute.g ? [attribute.g] : []), ...attribute.graphs]) count += countNodes(body);
  return count;
}

/** A scalar of the rank that the body's input declares: some exporters give counters and conditions one dimension. */
export function scalarFor(name: string, input: ValueInfoProto | undefined, value: number | boolean): TensorProto {
  const type = input?.type?.value;
  const rank = type?.case === 'tensorType' ? (type.value.shape?.dim.length ?? 0) : 0;
  const dims = Array.from({ length: rank }, () => 1);
  return typeof value === 'boolean'
    ? encodeTensor(name, { dtype: 'bool', dims, data: Uint8Array.of(value ? 1 : 0) })
    : encodeTensor(name, { dtype: 'int64', dims, data: BigInt64Array.of(BigInt(value)) });
}

/**
 * Nodes that add up the magnitudes of a value: NaN if and only if an element is. As a float32 scalar (float64 for
 * float64), so that it may be handed out of every iteration whatever the value's shape.
 */
export function sumOf(value: string, dtype: string, output: string): { nodes: NodeProto[]; info: ValueInfoProto } {
  const node = (opType: string, input: string, name: string, attributes: Record<string, number> = {}): NodeProto =>
    create(NodeProtoSchema, {
      opType,
      name,
      input: [input],
      output: [name],
      attribute: Object.entries(attributes).map(([key, i]) =>
        create(AttributeProtoSchema, { name: key, type: AttributeProto_AttributeType.INT, i: BigInt(i) }),
      ),
    });
  const nodes: NodeProto[] = [];
  let source = value;
  if (dtype === 'float16') {
    nodes.push(node('Cast', source, `${output}_f32`, { to: TensorProto_DataType.FLOAT }));
    source = `${output}_f32`;
  }
  nodes.push(node('Abs', source, `${output}_abs`));
  nodes.push(node('ReduceSum', `${output}_abs`, output, { keepdims: 0 }));
  const elemType = dtype === 'float64' ? TensorProto_DataType.DOUBLE : TensorProto_DataType.FLOAT;
  return { nodes, info: tensorInfo(output, elemType, []) };
}

const tensorInfo = (name: string, elemType: number, shape: readonly number[]): ValueInfoProto =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: {
          elemType,
          shape: {
            dim: shape.map((size) =>
              create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } }),
            ),
          },
        },
      },
    }),
  });
