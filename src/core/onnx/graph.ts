/**
 * A read-only view of a model's main graph: who produces a value, who reads it, what is constant. Bodies of
 * `If`, `Loop` and `Scan` are seen from outside only, through the values they capture.
 */
import type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto } from 'onnx-buf';
import type { TensorData } from '../tensor';
import { decodeTensor } from './tensors';

export interface GraphNode {
  /** Place in the file's order. */
  readonly index: number;
  /** Name in the user's file; an unnamed node has its first output's name. */
  readonly name: string;
  readonly op: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  /** As in the file; `''` is an omitted optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Values of the enclosing graph that bodies of this node read. */
  readonly captured: readonly string[];
  readonly proto: NodeProto;
}

export class Graph {
  readonly nodes: readonly GraphNode[];
  readonly initializers: ReadonlyMap<string, TensorProto>;
  /** Graph inputs that a run must feed: those without an initializer of the same name. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly producer: ReadonlyMap<string, GraphNode>;
  readonly consumers: ReadonlyMap<string, readonly GraphNode[]>;
  private readonly constants = new Map<string, TensorData | null>();
  private readonly copied = new Map<string, string>();

  constructor(readonly model: ModelProto) {
    const graph = graphOf(model);
    this.initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
    this.inputs = graph.input.map((value) => value.name).filter((name) => !this.initializers.has(name));
    this.outputs = graph.output.map((value) => value.name);
    const nodes: GraphNode[] = [];
    const producer = new Map<string, GraphNode>();
    const consumers = new Map<string, GraphNode[]>();
    for (const [index, proto] of graph.node.entries()) {
      const node: GraphNode = {
        index,
        name: proto.name !== '' ? proto.name : (proto.output.find((output) => output !== '') ?? `#${String(index)}`),
        op: proto.opType,
        domain: proto.domain === 'ai.onnx' ? '' : proto.domain,
        inputs: proto.input,
        outputs: proto.output,
        captured: capturedValues(proto),
        proto,
      };
      nodes.push(node);
      for (const output of node.outputs) if (output !== '') producer.set(output, node);
      for (const input of new Set([...node.inputs, ...node.captured])) {
        if (input === '') continue;
        const readers = consumers.get(input);
        if (readers) readers.push(node);
        else consumers.set(input, [node]);
      }
    }
    this.nodes = nodes;
    this.producer = producer;
    this.consumers = consumers;
  }

  /** Opset version of ONNX's own operators. */
  get opset(): number {
    const entry = this.model.opsetImport.find((opset) => opset.domain === '' || opset.domain === 'ai.onnx');
    return entry ? Number(entry.version) : 1;
  }

  isInitializer(value: string): boolean {
    return this.initializers.has(value);
  }

  /** True for values that do not depend on the batch: initializers, `Constant` nodes and what is a copy of them. */
  isConstant(value: string): boolean {
    const source = this.copyOf(value);
    return this.initializers.has(source) || this.producer.get(source)?.op === 'Constant';
  }

  /** What a value is a copy of, through any number of `Identity`; itself where it is none. */
  private copyOf(value: string): string {
    const path: string[] = [];
    let source = value;
    for (;;) {
      const known = this.copied.get(source);
      if (known !== undefined) {
        source = known;
        break;
      }
      path.push(source);
      const node = this.initializers.has(source) ? undefined : this.producer.get(source);
      const before = node?.op === 'Identity' ? node.inputs[0] : undefined;
      if (before === undefined) break;
      source = before;
    }
    for (const passed of path) this.copied.set(passed, source);
    return source;
  }

  /**
   * The elements of a small constant, or null when the value depends on the batch or its payload lies outside the
   * slim model.
   */
  constant(value: string): TensorData | null {
    const known = this.constants.get(value);
    if (known !== undefined) return known;
    const found = this.readConstant(this.copyOf(value));
    this.constants.set(value, found);
    return found;
  }

  private readConstant(value: string): TensorData | null {
    const initializer = this.initializers.get(value);
    if (initializer) return decodeTensor(initializer);
    const node = this.producer.get(value);
    if (node?.op !== 'Constant') return null;
    for (const attribute of node.proto.attribute) {
      switch (attribute.name) {
        case 'value':
          return attribute.t ? decodeTensor(attribute.t) : null;
        case 'value_int':
          return { dtype: 'int64', dims: [], data: BigInt64Array.of(attribute.i) };
        case 'value_ints':
          return { dtype: 'int64', dims: [attribute.ints.length], data: BigInt64Array.from(attribute.ints) };
        case 'value_float':
          return { dtype: 'float32', dims: [], data: Float32Array.of(attribute.f) };
        case 'value_floats':
          return { dtype: 'float32', dims: [attribute.floats.length], data: Float32Array.from(attribute.floats) };
      }
    }
    return null;
  }

  /** Integers of a small constant as numbers, or null. */
  constantInts(value: string | undefined): number[] | null {
    if (value === undefined || value === '') return null;
    const tensor = this.constant(value);
    if (!tensor) return null;
    return Array.from(tensor.data, Number);
  }
}

export function graphOf(model: ModelProto): GraphProto {
  if (!model.graph) throw new Error('a loaded model always has a graph');
  return model.graph;
}

export function attribute(node: GraphNode, name: string): AttributeProto | undefined {
  return node.proto.attribute.find((entry) => entry.name === name);
}

export function intAttribute(node: GraphNode, name: string, fallback: number): number {
  const found = attribute(node, name);
  return found ? Number(found.i) : fallback;
}

export function intsAttribute(node: GraphNode, name: string): number[] | null {
  const found = attribute(node, name);
  return found ? found.ints.map(Number) : null;
}

export function stringAttribute(node: GraphNode, name: string): string | null {
  const found = attribute(node, name);
  return found ? new TextDecoder().decode(found.s) : null;
}

/** Names that bodies of `proto` read from outside, nested bodies included. */
export function capturedValues(proto: NodeProto): string[] {
  const captured = new Set<string>();
  for (const body of proto.attribute.flatMap((entry) => [...(entry.g ? [entry.g] : []), ...entry.graphs])) {
    const inner = new Set([
      ...body.input.map((value) => value.name),
      ...body.initializer.map((tensor) => tensor.name),
      ...body.node.flatMap((node) => node.output),
    ]);
    for (const node of body.node) {
      for (const name of [...node.input, ...capturedValues(node)])
        if (name !== '' && !inner.has(name)) captured.add(name);
    }
    for (const output of body.output) if (!inner.has(output.name)) captured.add(output.name);
  }
  return [...captured];
}
