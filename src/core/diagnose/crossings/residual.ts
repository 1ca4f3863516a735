import type { Graph, GraphNode } from '../../onnx/graph';
import type { CrossingRule } from './types';
import { nanRead } from './types';

/** Nodes that are walked back from one operand in search of the other. */
const farthest = 4096;

/**
 * The residual sum x + f(x): an Add whose one operand was computed from the other. A norm that adds the skip itself is
 * one too. Not the sum of two values that have nothing to do with each other: that is `elementwise`.
 */
export const residual: CrossingRule = {
  id: 'residual',
  at: (node, graph) => node.op.startsWith('Skip') || (node.op === 'Add' && isResidual(graph, node)),
  explain: (crossed, where) => `${where}: clean + NaN = NaN where the residual is added (${nanRead(crossed)}).`,
};

function isResidual(graph: Graph, { inputs: [a = '', b = ''] }: GraphNode): boolean {
  return a !== b && (isMadeOf(graph, a, b) || isMadeOf(graph, b, a));
}

function isMadeOf(graph: Graph, value: string, of: string): boolean {
  if (graph.isConstant(of)) return false;
  const stack = [value];
  const seen = new Set(stack);
  for (let next = stack.pop(); next !== undefined && seen.size < farthest; next = stack.pop()) {
    const node = graph.producer.get(next);
    for (const input of node ? [...node.inputs, ...node.captured] : []) {
      if (input === of) return true;
      if (input === '' || seen.has(input)) continue;
      seen.add(input);
      stack.push(input);
    }
  }
  return false;
}
