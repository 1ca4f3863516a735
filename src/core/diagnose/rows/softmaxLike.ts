/** A softmax as one node, or written out: `x − max(x)` under an `Exp`, `exp(x) / Σ exp(x)`. */
import type { Graph, GraphNode } from '../../onnx/graph';
import { intAttribute, intsAttribute } from '../../onnx/graph';

export interface SoftmaxLike {
  /** What is normalised. */
  readonly scores: string;
  /** Which part of it the node is. */
  readonly form: 'node' | 'minus-max' | 'over-sum';
  /** As the node or the reduction names it; may count from the end. */
  readonly axis: number;
}

const same = new Set(['Identity', 'Cast', 'Unsqueeze', 'Expand']);

export function softmaxLike(graph: Graph, node: GraphNode): SoftmaxLike | null {
  const [first = '', second = ''] = node.inputs;
  switch (node.op) {
    case 'Softmax':
    case 'LogSoftmax':
      return { scores: first, form: 'node', axis: intAttribute(node, 'axis', graph.opset < 13 ? 1 : -1) };
    case 'Sub': {
      const reduction = reductionOf(graph, second, first, ['ReduceMax', 'ReduceLogSumExp']);
      if (!reduction) return null;
      const exponential = readers(graph, node.outputs[0] ?? '').some((reader) => reader.op === 'Exp');
      // x − log Σ exp(x) is a log-softmax by itself.
      if (!exponential && reduction.op === 'ReduceMax') return null;
      return { scores: first, form: 'minus-max', axis: reduction.axis };
    }
    case 'Div': {
      const exponential = producerOf(graph, first);
      const reduction = reductionOf(graph, second, first, ['ReduceSum']);
      if (exponential?.op !== 'Exp' || !reduction) return null;
      return { scores: exponential.inputs[0] ?? '', form: 'over-sum', axis: reduction.axis };
    }
    default:
      return null;
  }
}

function producerOf(graph: Graph, value: string): GraphNode | null {
  let node = graph.producer.get(value);
  while (node && same.has(node.op)) node = graph.producer.get(node.inputs[0] ?? '');
  return node ?? null;
}

function readers(graph: Graph, value: string): GraphNode[] {
  return (graph.consumers.get(value) ?? []).flatMap((node) =>
    same.has(node.op) ? readers(graph, node.outputs[0] ?? '') : [node],
  );
}

/** The reduction that `value` is, if it runs over one axis of `over`. */
function reductionOf(
  graph: Graph,
  value: string,
  over: string,
  ops: readonly string[],
): { op: string; axis: number } | null {
  const node = producerOf(graph, value);
  if (!node || !ops.includes(node.op) || source(graph, node.inputs[0] ?? '') !== source(graph, over)) return null;
  const axes = graph.constantInts(node.inputs[1]) ?? intsAttribute(node, 'axes');
  return axes?.length === 1 && axes[0] !== undefined ? { op: node.op, axis: axes[0] } : null;
}

/** A value without the copies and casts that lead to it. */
function source(graph: Graph, value: string): string {
  const node = graph.producer.get(value);
  return node && (node.op === 'Identity' || node.op === 'Cast') ? source(graph, node.inputs[0] ?? '') : value;
}
