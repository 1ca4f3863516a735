/** `Loop`: body inputs are the iteration's number, the condition and the states; outputs condition, states, scans. */
import { altered } from '../altered';
import type { Graph, GraphNode } from '../graph';
import { joinPath, Names } from '../names';
import { bodyOfGraph, splice } from '../splice';
import { bodyOf, Replacement, scalarFor } from './part';
import type { Repeated } from './repeated';
import { withSums } from './repeated';

/** @returns null where the node has no body. */
export function repeatedLoop(graph: Graph, node: GraphNode): Repeated | null {
  const body = bodyOf(node, 'body');
  if (!body) return null;
  const initial = node.inputs.slice(2);
  const states = initial.length;
  const leaving = body.output.slice(1).map((output) => output.name);
  return {
    body,
    states,
    initial,
    sums: (dtypes) => withSums(graph, node, 'body', body, leaving, states, dtypes),
    open(from, to) {
      const names = Names.of(graph.model);
      const replacement = new Replacement();
      const constant = (wish: string, slot: number, value: number | boolean): string => {
        const name = names.value(joinPath(node.name, wish));
        replacement.initializers.push(scalarFor(name, body.input[slot], value));
        return name;
      };
      let current = initial;
      if (from > 0) {
        const count = names.value(joinPath(node.name, 'iterations'));
        replacement.initializers.push(scalarFor(count, undefined, from));
        const outputs = leaving.map((_, i) => names.value(joinPath(node.name, `before_${String(i)}`)));
        replacement.nodes.push(altered(node.proto, { input: [count, ...node.proto.input.slice(1)], output: outputs }));
        current = outputs.slice(0, states);
      }
      const values: string[] = [];
      for (let t = from; t <= to; t += 1) {
        const path = joinPath(node.name, `body[${String(t)}]`);
        const inputs = [constant(`iteration_${String(t)}`, 0, t), constant(`go_${String(t)}`, 1, true), ...current];
        const spliced = splice({ body: bodyOfGraph(body), inputs, outputs: null, path, names });
        replacement.add(spliced, body, t);
        values.push(...spliced.outputs.slice(1));
        current = spliced.outputs.slice(1, 1 + states);
      }
      return replacement.part(graph, node, values);
    },
  };
}
