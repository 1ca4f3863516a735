/** How one operator's output elements are found in one of its inputs, where each is made of one element. */
import type { RunFacts } from '../../onnx/axes/infer';
import { isElementwise, keepsElementOrder } from '../../onnx/axes/rules';
import type { Graph, GraphNode } from '../../onnx/graph';
import { intsAttribute } from '../../onnx/graph';
import type { ElementStep } from '../../probe/inspect/elementPath';

/** Shapes, and integers that choose rows; constants are read from the graph. */
export type ShapeFacts = RunFacts;

export function shapeOf(graph: Graph, facts: ShapeFacts, value: string): readonly number[] | null {
  const known = facts.shape(value);
  if (known) return known;
  const initializer = graph.initializers.get(value);
  return initializer ? initializer.dims.map(Number) : (graph.constant(value)?.dims ?? null);
}

/** Null where an element is made of several, or of one that cannot be told. */
export function readThrough(graph: Graph, facts: ShapeFacts, node: GraphNode, slot: number): ElementStep | null {
  const input = node.inputs[slot] ?? '';
  const from = shapeOf(graph, facts, input);
  const to = shapeOf(graph, facts, node.outputs[0] ?? '');
  if (!from || !to) return null;
  if (isElementwise(node)) return { kind: 'broadcast', dims: from };
  if (slot > 0) return null;
  if (keepsElementOrder(node)) return { kind: 'reshape', from, to };
  const ints = (place: number): number[] | null => {
    const value = node.inputs[place];
    if (value === undefined || value === '') return null;
    return graph.constantInts(value) ?? facts.ints(value)?.slice() ?? null;
  };
  switch (node.op) {
    case 'Transpose':
      return { kind: 'transpose', perm: intsAttribute(node, 'perm') ?? from.map((_, i) => from.length - 1 - i) };
    case 'Expand':
      return { kind: 'broadcast', dims: from };
    case 'Tile':
      return { kind: 'tile', dims: from };
    case 'Trilu':
      return { kind: 'broadcast', dims: from };
    case 'Slice': {
      const starts = ints(1) ?? intsAttribute(node, 'starts');
      if (!starts) return null;
      const axes = ints(3) ?? intsAttribute(node, 'axes') ?? starts.map((_, i) => i);
      // Steps that are given but not known could be anything.
      const steps = ints(4) ?? (node.inputs[4] === undefined || node.inputs[4] === '' ? starts.map(() => 1) : null);
      if (!steps) return null;
      const own = { starts: from.map(() => 0), steps: from.map(() => 1) };
      for (const [i, given] of axes.entries()) {
        const axis = given < 0 ? given + from.length : given;
        const size = from[axis] ?? 0;
        const start = starts[i] ?? 0;
        own.starts[axis] = Math.min(Math.max(start < 0 ? start + size : start, 0), size - 1);
        own.steps[axis] = steps[i] ?? 1;
      }
      return { kind: 'slice', ...own };
    }
    default:
      return null;
  }
}
