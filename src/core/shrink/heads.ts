/**
 * Attention with one head. What an export does with heads is recognised where it writes it: a `Reshape` that splits
 * features into [heads, size], the weights before it, shapes with the number of heads in them, and the `Reshape` that
 * puts heads together again with the weights behind it. What is made is only proposed: a run must show that the birth
 * is still there.
 */
import { clone } from '@bufbuild/protobuf';
import { NodeProtoSchema } from 'onnx-buf';
import type { ModelProto, NodeProto, TensorProto } from 'onnx-buf';
import type { Graph, GraphNode } from '../onnx/graph';
import { graphOf } from '../onnx/graph';
import { decodeTensor, encodeTensor, int64Tensor } from '../onnx/tensors';
import { node } from '../probe/instrument';
import { take } from '../verify/alone';

export type FewerHeads =
  | { readonly model: ModelProto; readonly heads: number }
  /** Half a sentence. */
  | { readonly reason: string };

/** @param shape as the engine has it on the batch that shows the birth. */
export function oneHead(graph: Graph, shape: (value: string) => readonly number[] | null): FewerHeads {
  const splits = graph.nodes.flatMap((node) => splitOf(node, shape) ?? []);
  const heads = Math.max(0, ...splits.map((split) => split.heads));
  if (heads < 2) return { reason: 'no attention with several heads could be recognised' };
  const cutting = new Cutting(graph);
  for (const { node, size, features } of splits) {
    const source = weightsBefore(graph, node.inputs[0] ?? '', features);
    if (source === null) return { reason: `what ${node.name} splits into heads comes from no stored weight` };
    for (const { name, axis } of source) {
      if (!cutting.weight(name, axis, size)) return { reason: `${name} could not be cut` };
    }
  }
  const counts = new Set(splits.map((split) => split.heads));
  for (const node of graph.nodes) {
    const [into, out] = [shape(node.inputs[0] ?? ''), shape(node.outputs[0] ?? '')];
    if (!into || !out) continue;
    if (node.op === 'Expand') {
      // Repeats what all heads share.
      const from = out.length - into.length;
      for (const [axis, size] of out.entries())
        if (axis > 0 && counts.has(size) && (into[axis - from] ?? 1) === 1) cutting.shape(node, axis, size, 1);
    } else if (node.op === 'Reshape') {
      const merged = mergeOf(into, out, counts);
      if (merged) {
        cutting.shape(node, merged.axis, out[merged.axis] ?? 0, merged.size);
        for (const { name, axis } of weightsBehind(graph, node.outputs[0] ?? '', out[merged.axis] ?? 0))
          if (!cutting.weight(name, axis, merged.size)) return { reason: `${name} could not be cut` };
      } else
        for (const [axis, size] of out.entries())
          if (axis > 0 && axis < out.length - 1 && counts.has(size) && out.length >= 4)
            cutting.shape(node, axis, size, 1);
    }
  }
  return { model: cutting.model(), heads };
}

interface Split {
  readonly node: GraphNode;
  readonly heads: number;
  /** Of one head. */
  readonly size: number;
  readonly features: number;
}

/** [batch, position, heads × size] → [batch, position, heads, size] */
function splitOf(node: GraphNode, shape: (value: string) => readonly number[] | null): Split | null {
  const [into, out] = [shape(node.inputs[0] ?? ''), shape(node.outputs[0] ?? '')];
  if (node.op !== 'Reshape' || into?.length !== 3 || out?.length !== 4) return null;
  const [heads = 0, size = 0] = out.slice(2);
  const features = into[2] ?? 0;
  const same = into[0] === out[0] && into[1] === out[1] && heads * size === features;
  return same && heads > 1 ? { node, heads, size, features } : null;
}

/** [batch, position, heads, size] → [batch, position, heads × size] */
function mergeOf(
  into: readonly number[],
  out: readonly number[],
  counts: ReadonlySet<number>,
): { readonly axis: number; readonly size: number } | null {
  if (into.length !== 4 || out.length !== 3) return null;
  const [heads = 0, size = 0] = into.slice(2);
  return counts.has(heads) && out[2] === heads * size && into[1] === out[1] ? { axis: 2, size } : null;
}

interface Weight {
  readonly name: string;
  readonly axis: number;
}

/** The weights that made the last axis of a value: of a MatMul or Gemm, and of the biases added behind it. */
function weightsBefore(graph: Graph, value: string, features: number, depth = 0): Weight[] | null {
  const node = graph.producer.get(value);
  if (!node || depth > 4) return null;
  const [a = '', b = '', c = ''] = node.inputs;
  const last = (name: string): Weight => ({ name, axis: (graph.initializers.get(name)?.dims.length ?? 1) - 1 });
  if (node.op === 'MatMul') return graph.initializers.has(b) ? [last(b)] : null;
  if (node.op === 'Gemm') {
    const transposed = node.proto.attribute.find(({ name }) => name === 'transB')?.i === 1n;
    if (!graph.initializers.has(b)) return null;
    return [{ name: b, axis: transposed ? 0 : 1 }, ...(c === '' ? [] : [last(c)])];
  }
  if (node.op === 'Reshape' || node.op === 'Identity') return weightsBefore(graph, a, features, depth + 1);
  if (node.op !== 'Add') return null;
  const bias = [a, b].find((input) => graph.initializers.has(input));
  const before = weightsBefore(graph, bias === a ? b : a, features, depth + 1);
  return bias === undefined || before === null ? null : [...before, last(bias)];
}

/** The weights that read the last axis of a value. */
const weightsBehind = (graph: Graph, value: string, features: number): Weight[] =>
  (graph.consumers.get(value) ?? []).flatMap((node): Weight[] => {
    const [a = '', b = ''] = node.inputs;
    if (a !== value || !graph.initializers.has(b)) return [];
    const transposed = node.proto.attribute.find(({ name }) => name === 'transB')?.i === 1n;
    const axis = node.op === 'Gemm' && transposed ? 1 : 0;
    const reads = node.op === 'MatMul' || node.op === 'Gemm';
    return reads && Number(graph.initializers.get(b)?.dims[axis]) === features ? [{ name: b, axis }] : [];
  });

class Cutting {
  private readonly weights = new Map<string, TensorProto>();
  private readonly cuts = new Map<string, string>();
  private readonly nodes = new Map<NodeProto, NodeProto>();
  private readonly added: TensorProto[] = [];
  private readonly before: NodeProto[] = [];

  constructor(private readonly graph: Graph) {}

  /** Keeps the first `size` of an axis. @returns whether that could be done */
  weight(name: string, axis: number, size: number): boolean {
    const cut = `${String(axis)} ${String(size)}`;
    const before = this.cuts.get(name);
    if (before !== undefined) return before === cut;
    const stored = this.graph.initializers.get(name);
    if (!stored) return false;
    const tensor = decodeTensor(stored);
    if (!tensor) return this.sliced(name, axis, size, cut);
    const kept = tensor.dims.map((length, i) => Array.from({ length: i === axis ? size : length }, (_, k) => k));
    this.weights.set(name, encodeTensor(name, take(tensor, kept)));
    this.cuts.set(name, cut);
    return true;
  }

  /** Big weights stay in their file, and are cut when the model runs. */
  private sliced(name: string, axis: number, size: number, cut: string): boolean {
    const readers = this.graph.consumers.get(name) ?? [];
    if (this.graph.opset < 10 || readers.some((node) => node.captured.includes(name))) return false;
    const value = `nanoscope_one_head_of_${name}`;
    const bounds = [[0], [size], [axis]].map((values) => this.stored(values));
    this.before.push(node('Slice', [name, ...bounds], [value]));
    for (const reader of readers)
      for (const [slot, input] of reader.inputs.entries()) if (input === name) this.rewire(reader, slot, value);
    this.cuts.set(name, cut);
    return true;
  }

  /** Writes `to` for the `from` that stands at `axis` of the shape which a node is given, where it is a stored number. */
  shape(node: GraphNode, axis: number, from: number, to: number): void {
    const operand = node.inputs[1] ?? '';
    const ints = this.graph.constantInts(operand);
    if (ints) {
      if (ints[axis] === from)
        this.replace(
          node,
          1,
          ints.map((value, i) => (i === axis ? to : value)),
        );
      return;
    }
    const joined = this.joinedAt(operand);
    const part = joined?.inputs[axis];
    const own = this.graph.constantInts(part);
    if (joined && own?.length === 1 && own[0] === from) this.replace(joined, axis, [to]);
  }

  model(): ModelProto {
    const { model } = this.graph;
    const graph = graphOf(model);
    return {
      ...model,
      graph: {
        ...graph,
        node: [...this.before, ...graph.node.map((own) => this.nodes.get(own) ?? own)],
        initializer: [...graph.initializer.map((tensor) => this.weights.get(tensor.name) ?? tensor), ...this.added],
        // They tell the sizes of before.
        valueInfo: [],
      },
    };
  }

  /** The `Concat` that a shape is put together by, through what exporters put between. */
  private joinedAt(value: string, depth = 0): GraphNode | null {
    const node = this.graph.producer.get(value);
    if (!node || depth > 6) return null;
    if (node.op === 'Concat') return node;
    // Expand's shape where −1 stands for "as it is": Where(shape = −1, 1, shape).
    const through =
      node.op === 'Where' ? node.inputs[2] : /^(Reshape|Identity|Cast)$/.test(node.op) ? node.inputs[0] : '';
    return this.joinedAt(through ?? '', depth + 1);
  }

  private replace(node: GraphNode, slot: number, values: readonly number[]): void {
    this.rewire(node, slot, this.stored(values));
  }

  private stored(values: readonly number[]): string {
    const name = `nanoscope_one_head_${String(this.added.length)}`;
    this.added.push(int64Tensor(name, values));
    return name;
  }

  private rewire(node: GraphNode, slot: number, value: string): void {
    const proto = this.nodes.get(node.proto) ?? clone(NodeProtoSchema, node.proto);
    proto.input = proto.input.map((input, i) => (i === slot ? value : input));
    this.nodes.set(node.proto, proto);
  }
}
