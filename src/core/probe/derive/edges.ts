/** The graph as NaN travels through it: which measured value hands its NaN on to which. */
import type { AxesOfGraph } from '../../onnx/axes/infer';
import type { TensorAxes } from '../../onnx/axes/types';
import type { Graph, GraphNode } from '../../onnx/graph';
import { probedAs } from '../alias';
import type { Cells, Grid } from '../fold';
import { isFloat } from '../instrument';
import type { ValueFacts } from '../instrument';
import type { Flow } from './flow';
import { flowOf } from './flow';
import type { Relation } from './relation';
import { relationOf } from './relation';

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly kind: Flow['kind'];
  readonly relation: Relation;
}

/** What one node does. */
export interface Step {
  readonly node: GraphNode;
  readonly edges: readonly Edge[];
  /** Every element of each output comes from an input of some edge: the operands of a `Concat` are all known. */
  readonly complete: boolean;
}

export interface NaNGraph {
  /** Values that can be probed, under the name that stands for all copies in another layout; in the graph's order. */
  readonly values: readonly string[];
  /** Float inputs of the graph, whose elements are known. */
  readonly inputs: readonly string[];
  /** The value that stands for this one. */
  nameOf(value: string): string;
  cellsOf(value: string): Cells;
  readonly steps: readonly Step[];
}

export interface NaNGraphSource {
  readonly graph: Graph;
  readonly axes: AxesOfGraph;
  readonly facts: ReadonlyMap<string, ValueFacts>;
  readonly grid: Grid;
  readonly cellsOf: (axes: TensorAxes) => Cells;
}

export function nanGraph({ graph, axes, facts, grid, cellsOf }: NaNGraphSource): NaNGraph {
  const isMeasured = (value: string): boolean => {
    const fact = facts.get(value);
    return fact !== undefined && isFloat(fact.dtype) && !fact.shape.includes(0) && axes.of(value) !== null;
  };
  const names = new Map<string, string>();
  for (const node of graph.nodes) {
    if (node.op === 'Constant') continue;
    for (const value of node.outputs) if (isMeasured(value)) names.set(value, probedAs(graph, axes, value, names));
  }
  const inputs = graph.inputs.filter(isMeasured);
  for (const input of inputs) names.set(input, input);
  const rankOf = (value: string): number | null =>
    facts.get(value)?.shape.length ?? graph.initializers.get(value)?.dims.length ?? null;
  // The kernels that were measured are those of float32.
  const isKnown = (value: string): boolean => names.has(value) && facts.get(value)?.dtype === 'float32';

  const edgesOf = (node: GraphNode): Edge[] =>
    node.inputs.flatMap((input, slot) =>
      node.outputs.flatMap((output, o): Edge[] => {
        if (!isKnown(input) || !isKnown(output)) return [];
        const [from, to] = [names.get(input) ?? '', names.get(output) ?? ''];
        const [own, out] = [axes.of(input), axes.of(output)];
        const flow = from === to ? null : flowOf(graph, node, slot, o, rankOf);
        if (!flow || !own || !out) return [];
        return [{ from, to, kind: flow.kind, relation: relationOf(own, out, flow, grid) }];
      }),
    );
  const steps = graph.nodes.flatMap((node): Step[] => {
    const edges = edgesOf(node);
    if (edges.length === 0) return [];
    const expected = node.op === 'Split' ? node.outputs.length : node.inputs.length;
    return [{ node, edges, complete: edges.length === expected }];
  });
  return {
    values: [...new Set(names.values())].filter((value) => graph.producer.has(value)),
    inputs,
    nameOf: (value) => names.get(value) ?? value,
    cellsOf: (value) => cellsOf(axes.of(value) ?? []),
    steps,
  };
}
