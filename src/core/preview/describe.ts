/** Values and attributes in a few characters. */
import type { AttributeProto } from 'onnx-buf';
import type { Graph, GraphNode } from '../onnx/graph';
import { typeName } from '../onnx/tensors';
import { readerOf } from '../probe/floats';
import type { PreviewValue } from './types';

/** Elements of a constant that are told. */
const mostElements = 4;

export function valueOf(graph: Graph, name: string): Omit<PreviewValue, 'node' | 'dtype' | 'shape'> {
  const isOutput = graph.outputs.includes(name);
  if (name === '') return { name, from: 'omitted', text: null, isOutput };
  if (graph.isConstant(name)) {
    const from = graph.isInitializer(name) ? 'weight' : 'constant';
    return { name, from, text: constantText(graph, name), isOutput };
  }
  return { name, from: graph.producer.has(name) ? 'node' : 'input', text: null, isOutput };
}

function constantText(graph: Graph, name: string): string | null {
  const tensor = graph.constant(name);
  if (!tensor || tensor.data.length > mostElements) return null;
  const read = readerOf(tensor);
  const { data } = tensor;
  const elements = Array.from({ length: data.length }, (_, i) =>
    data instanceof BigInt64Array
      ? String(data[i])
      : tensor.dtype === 'bool'
        ? String(read(i) !== 0)
        : String(Number(read(i).toPrecision(6))),
  );
  return tensor.dims.length === 0 ? (elements[0] ?? null) : `[${elements.join(', ')}]`;
}

/** Numbers and short lists; bodies and tensors are too long to tell. */
export function attributesOf(node: GraphNode): string[] {
  return node.proto.attribute.flatMap((entry) => {
    const text = node.op === 'Cast' && entry.name === 'to' ? typeName(Number(entry.i)) : attributeText(entry);
    return text === null ? [] : [`${entry.name}=${text}`];
  });
}

function attributeText(entry: AttributeProto): string | null {
  if (entry.ints.length > 0) return entry.ints.length > 8 ? null : `[${entry.ints.map(String).join(', ')}]`;
  if (entry.s.length > 0) return entry.s.length > 24 ? null : new TextDecoder().decode(entry.s);
  if (entry.t ?? entry.g ?? entry.sparseTensor) return null;
  if (entry.floats.length > 0 || entry.strings.length > 0 || entry.graphs.length > 0) return null;
  return entry.f !== 0 ? String(Number(entry.f.toPrecision(6))) : String(entry.i);
}
