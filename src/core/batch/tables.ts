/** Tables that a graph looks rows up in: by token id, or by position. Known before any run, from the graph alone. */
import type { Graph, GraphNode } from '../onnx/graph';
import { kindOf } from './layout';
import type { InputSpec } from './types';

export interface Lookup {
  readonly node: GraphNode;
  /** The initializer. */
  readonly table: string;
  readonly rows: number;
  /** What chooses the rows: an input's ids, or places in the sequence. */
  readonly by: { readonly kind: 'ids'; readonly input: string } | { readonly kind: 'positions' };
}

/** What a shape is read from decides nothing about the values in it. */
const ofShapeOnly: ReadonlySet<string> = new Set(['Shape', 'Size']);

/** In the order of the graph. What is chosen by anything else (segments, routing, hidden states) is left out. */
export function lookups(graph: Graph, inputs: readonly InputSpec[]): Lookup[] {
  const kinds = new Map(inputs.map((input) => [input.name, kindOf(input)]));
  return graph.nodes.flatMap((node): Lookup[] => {
    const place = tableOf(graph, node);
    if (place === null) return [];
    const sources = sourcesOf(graph, place.chosenBy);
    const read = [...sources].map((name) => ({ name, kind: kinds.get(name) }));
    const [only] = read;
    if (read.length === 1 && only?.kind === 'ids') return [{ node, ...place, by: { kind: 'ids', input: only.name } }];
    // Counted along the sequence, in a mask, or given as position ids.
    const arePositions = read.every(({ kind }) => kind === 'positions' || kind === 'mask');
    return arePositions ? [{ node, ...place, by: { kind: 'positions' } }] : [];
  });
}

interface Place {
  readonly table: string;
  readonly rows: number;
  readonly chosenBy: readonly string[];
}

/** Rows of a weight: `Gather` by index, or the first ones by `Slice`. */
function tableOf(graph: Graph, node: GraphNode): Place | null {
  const [table = '', chooser = '', end = '', axesInput = ''] = node.inputs;
  const dims = graph.initializers.get(table)?.dims.map(Number);
  if (node.domain !== '' || dims === undefined || dims.length < 2) return null;
  if (node.op === 'Gather') {
    const axis = Number(node.proto.attribute.find(({ name }) => name === 'axis')?.i ?? 0n);
    return axis === 0 && !graph.isConstant(chooser) ? { table, rows: dims[0] ?? 0, chosenBy: [chooser] } : null;
  }
  if (node.op !== 'Slice' || end === '' || graph.isConstant(end)) return null;
  const [axis, ...more] = graph.constantInts(axesInput) ?? [];
  if (axis === undefined || more.length > 0) return null;
  const rows = dims[axis < 0 ? axis + dims.length : axis];
  return rows === undefined ? null : { table, rows, chosenBy: [chooser, end] };
}

/** Graph inputs whose elements reach these values. */
function sourcesOf(graph: Graph, values: readonly string[]): ReadonlySet<string> {
  const inputs = new Set(graph.inputs);
  const found = new Set<string>();
  const queue = [...values];
  const seen = new Set(queue);
  for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
    if (inputs.has(value)) found.add(value);
    const producer = graph.producer.get(value);
    if (producer === undefined || ofShapeOnly.has(producer.op)) continue;
    for (const next of [...producer.inputs, ...producer.captured]) {
      if (next === '' || seen.has(next)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return found;
}

/** The cause of an error: a node was asked for a row that it does not have. */
export class RowOutOfRange {
  constructor(
    readonly node: string,
    readonly row: number,
    /** The least and the largest that there are; negative ones count from the end. */
    readonly range: readonly [least: number, largest: number],
  ) {}
}
