/** What `Loop` and `Scan` have in common: a body that runs again and again, handing states on. */
import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from 'onnx-buf';
import { extract } from '../../probe/instrument';
import { altered } from '../altered';
import type { GraphNode } from '../graph';
import { Graph, graphOf } from '../graph';
import { joinPath, Names } from '../names';
import type { OpenedPart } from './part';
import { addedToList } from './list';
import { sumOf } from './part';

/** One number per iteration: the sum of the magnitudes of what leaves it. */
export interface IterationSum {
  /** Graph output to fetch, one element per iteration. */
  readonly output: string;
  /** Which state it is of, null for what is only handed out. */
  readonly state: number | null;
}

export interface Repeated {
  readonly body: GraphProto;
  readonly states: number;
  /** Values that the states begin with. */
  readonly initial: readonly string[];
  /**
   * The part of the graph that leads to the node, with the sum of every float value that leaves an iteration.
   * @param dtypes by place among states and then scan outputs; null for what is no float.
   */
  sums(dtypes: readonly (string | null)[]): { readonly model: ModelProto; readonly sums: readonly IterationSum[] };
  /** Iterations `from` to `to` (inclusive) one after the other, those before `from` as the node runs them. */
  open(from: number, to: number): OpenedPart;
}

/**
 * The node with sums as further outputs of its body.
 * @param leaving the body's outputs that the node hands on: states, then scan outputs.
 */
export function withSums(
  graph: Graph,
  node: GraphNode,
  attribute: string,
  body: GraphProto,
  leaving: readonly string[],
  states: number,
  dtypes: readonly (string | null)[],
  adapt: (node: NodeProto, added: number) => NodeProto = (same) => same,
): { model: ModelProto; sums: IterationSum[] } {
  const names = Names.of(graph.model);
  const nodes: NodeProto[] = [];
  const infos: ValueInfoProto[] = [];
  const sums: IterationSum[] = [];
  const add = (value: string, dtype: string, i: number, state: number | null): void => {
    const made = sumOf(value, dtype, names.value(joinPath(node.name, `sum_${String(i)}`)));
    nodes.push(...made.nodes);
    infos.push(made.info);
    sums.push({ output: names.value(joinPath(node.name, `sums_${String(i)}`)), state });
  };
  for (const [i, value] of leaving.entries()) {
    const dtype = dtypes[i] ?? null;
    if (dtype !== null) add(value, dtype, i, i < states ? i : null);
    // Of a list what this iteration adds to it.
    else for (const { tensor, type } of addedToList(body, value)) add(tensor, type, i, null);
  }
  const extendedBody = altered(body, { node: [...body.node, ...nodes], output: [...body.output, ...infos] });
  const own = leaving.map((_, i) => node.outputs[i] ?? '');
  const replaced = adapt(
    altered(node.proto, {
      output: [
        ...own.map((output, i) => (output === '' ? names.value(joinPath(node.name, `unused_${String(i)}`)) : output)),
        ...sums.map((sum) => sum.output),
      ],
      attribute: node.proto.attribute.map((entry) =>
        entry.name === attribute ? altered(entry, { g: extendedBody }) : entry,
      ),
    }),
    sums.length,
  );
  const original = graphOf(graph.model);
  const model = altered(graph.model, {
    graph: altered(original, { node: original.node.map((entry) => (entry === node.proto ? replaced : entry)) }),
  });
  return {
    model: extract(
      new Graph(model),
      sums.map((sum) => sum.output),
    ),
    sums,
  };
}
