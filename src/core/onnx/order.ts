/**
 * Nodes so that each comes after those that it reads, as ONNX asks for. The engine also runs files that do not keep to
 * it; what follows values node by node does not.
 */
import type { ModelProto, NodeProto } from 'onnx-buf';
import { allGraphs } from './allTensors';
import { capturedValues } from './graph';

/** Puts the nodes of every graph, body and function into order; what is in order stays as it is. No node is changed. */
export function orderNodes(model: ModelProto): void {
  for (const graph of allGraphs(model)) graph.node = inOrder(graph.node);
  for (const fn of model.functions) fn.node = inOrder(fn.node);
}

/** In the order of the file as far as that goes. Cycles were refused before. */
export function inOrder(nodes: NodeProto[]): NodeProto[] {
  const makers = new Map<string, number>();
  for (const [i, node] of nodes.entries()) for (const output of node.output) if (output !== '') makers.set(output, i);
  const needs = nodes.map((node) => [...node.input, ...capturedValues(node)].flatMap((name) => makers.get(name) ?? []));
  if (needs.every((before, i) => before.every((maker) => maker < i))) return nodes;
  const placed = new Set<number>();
  // A stack and not a recursion: how long a chain is, is up to the file.
  for (const start of nodes.keys()) {
    const stack = [start];
    for (let i = stack.at(-1); i !== undefined; i = stack.at(-1)) {
      const missing = placed.has(i) ? undefined : needs[i]?.find((maker) => !placed.has(maker));
      if (missing === undefined) {
        placed.add(i);
        stack.pop();
      } else stack.push(missing);
    }
  }
  return [...placed].flatMap((i) => nodes[i] ?? []);
}
