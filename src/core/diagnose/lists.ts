/**
 * Lists of tensors (ONNX sequences and optionals) cannot be probed. What they hold is known all the same: a list holds
 * NaN if a tensor that it was made of does. Without this, NaN that goes through a list would seem to be born behind it.
 */
import type { Graph, GraphNode } from '../onnx/graph';
import type { Flags } from '../trace/health';
import { clean, hasNaN, NAN } from '../trace/health';
import type { FlagsOf } from './newNaN';

const sick: Flags = { ...clean, bits: Uint8Array.of(NAN) };

/** @param isTensor whether a value is a tensor; others are lists. */
export function withLists(graph: Graph, flagsOf: FlagsOf, isTensor: (value: string) => boolean): FlagsOf {
  const lists = new Map<string, Flags>();
  const of: FlagsOf = (value) => lists.get(value) ?? flagsOf(value);
  const isSick = (value: string): boolean => {
    const flags = value === '' ? null : of(value);
    return flags !== null && hasNaN(flags);
  };
  for (const node of graph.nodes) {
    const made = node.outputs.filter((output) => output !== '' && !isTensor(output));
    if (made.length === 0 || ![...node.inputs, ...node.captured].some(isSick)) continue;
    for (const output of made) lists.set(output, sick);
  }
  return of;
}

/** Nodes with a body that made the lists that `node` reads, if any. */
export function listMakers(
  graph: Graph,
  node: GraphNode,
  isTensor: (value: string) => boolean,
  hasBody: (node: GraphNode) => boolean,
): GraphNode[] {
  const found = new Set<GraphNode>();
  const seen = new Set<GraphNode>();
  const queue = [node];
  for (let next = queue.pop(); next; next = queue.pop()) {
    for (const input of next.inputs) {
      const maker = input === '' || isTensor(input) ? undefined : graph.producer.get(input);
      if (!maker || seen.has(maker)) continue;
      seen.add(maker);
      if (hasBody(maker)) found.add(maker);
      else queue.push(maker);
    }
  }
  return [...found].sort((a, b) => a.index - b.index);
}
