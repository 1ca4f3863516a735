/** Collects the edits of one fix; places are those of the unedited model. */
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, NodeProtoSchema } from 'onnx-buf';
import type { NodeProto } from 'onnx-buf';
import type { GraphEdit } from '../onnx/edit';
import { tagNode } from '../onnx/edit';
import type { Graph } from '../onnx/graph';
import { freshPrefix, node } from '../probe/instrument';
import { encodeTensor } from '../onnx/tensors';
import { toFloat16Bits } from '../batch/half';
import type { TensorData } from '../tensor';

export class EditPlan {
  private readonly insertions: { at: number; nodes: NodeProto[] }[] = [];
  private readonly replacements: GraphEdit[] = [];
  private readonly prefix: string;
  private count = 0;

  constructor(
    private readonly graph: Graph,
    private readonly fixId: string,
  ) {
    this.prefix = `${freshPrefix(graph, 'nanoscope')}${fixId.replaceAll('-', '_')}_`;
  }

  name(what: string): string {
    this.count += 1;
    return `${this.prefix}${String(this.count)}_${what}`;
  }

  /** New nodes before the node at `at` of the unedited model (its length: at the end). */
  insert(at: number, nodes: readonly NodeProto[]): void {
    this.insertions.push({ at, nodes: nodes.map((entry) => tagNode(entry, this.fixId)) });
  }

  /** Makes every reader of `from` among `readers` read `to`. */
  replace(from: string, to: string, readers: readonly { readonly node: string; readonly slot: number }[]): void {
    for (const { node: reader, slot } of readers) {
      this.replacements.push({ kind: 'replaceInput', node: reader, slot, from, to });
    }
  }

  get edits(): GraphEdit[] {
    // From the end, so that places before stay what they were.
    const sorted = [...this.insertions].sort((a, b) => b.at - a.at);
    return [...sorted.map(({ at, nodes }): GraphEdit => ({ kind: 'insertNodes', at, nodes })), ...this.replacements];
  }

  /** A scalar as a Constant node: initializers would have to be inputs too in old models. */
  scalar(dtype: string, value: number): NodeProto {
    const tensor = scalarTensor(dtype, value);
    return create(NodeProtoSchema, {
      opType: 'Constant',
      name: this.name('const'),
      output: [this.name('value')],
      attribute: [
        create(AttributeProtoSchema, {
          name: 'value',
          type: AttributeProto_AttributeType.TENSOR,
          t: encodeTensor('', tensor),
        }),
      ],
    });
  }

  /** ReduceMax / ReduceMin over one axis, keeping it; axes are an input since opset 18. */
  reduce(op: 'ReduceMax' | 'ReduceMin', input: string, axis: number): { nodes: NodeProto[]; output: string } {
    const output = this.name('row');
    if (this.graph.opset < 18) return { nodes: [node(op, [input], [output], { axes: [axis], keepdims: 1 })], output };
    const axes = create(NodeProtoSchema, {
      opType: 'Constant',
      name: this.name('const'),
      output: [this.name('axes')],
      attribute: [
        create(AttributeProtoSchema, {
          name: 'value',
          type: AttributeProto_AttributeType.TENSOR,
          t: encodeTensor('', { dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(axis)) }),
        }),
      ],
    });
    return { nodes: [axes, node(op, [input, axes.output[0] ?? ''], [output], { keepdims: 1 })], output };
  }

  op(type: string, inputs: readonly string[], attributes: Record<string, number> = {}): NodeProto {
    return node(type, inputs, [this.name(type.toLowerCase())], attributes);
  }
}

export const outputOf = (entry: NodeProto): string => entry.output[0] ?? '';

function scalarTensor(dtype: string, value: number): TensorData {
  switch (dtype) {
    case 'float64':
      return { dtype, dims: [], data: Float64Array.of(value) };
    case 'float16':
      return { dtype, dims: [], data: toFloat16Bits([value]) };
    default:
      return { dtype: 'float32', dims: [], data: Float32Array.of(value) };
  }
}

/** Every (node, slot) that reads a value; nodes are named by their first output. */
export function readersOf(graph: Graph, value: string): { node: string; slot: number }[] {
  return (graph.consumers.get(value) ?? []).flatMap((reader) =>
    reader.inputs.flatMap((input, slot) =>
      input === value ? [{ node: reader.outputs.find((output) => output !== '') ?? '', slot }] : [],
    ),
  );
}
