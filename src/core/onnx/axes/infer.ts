import type { Graph, GraphNode } from '../graph';
import { keyOperands } from './keys';
import type { Band, Link } from './link';
import { movesRows, plainLink } from './link';
import { reshapeAxes } from './reshape';
import type { AxisMap, RuleContext } from './rule';
import { isElementwise, keepsElementOrder, ruleFor } from './rules';
import type { Axis, TensorAxes } from './types';
import {
  axisLabelled,
  axisSize,
  mergeAxis,
  otherAxes,
  positionPlace,
  sameAxes,
  unknownAxes,
  withoutKey,
} from './types';

/** Facts about a run that axes are followed with: concrete shapes, and integer tensors that choose rows. */
export interface RunFacts {
  shape(value: string): readonly number[] | null;
  ints(value: string): readonly number[] | null;
}

/** How a node reads one of its inputs for one position of its (first) output. */
export type Reads =
  /** Only the same position of the same sample. */
  | 'same-position'
  /** Any position of the same sample. */
  | 'all-positions'
  /** Nothing that depends on values (a shape, an index table). */
  | 'nothing';

export interface AxesOfGraph {
  /** Axes of a value; null when its shape is not known. */
  of(value: string): TensorAxes | null;
  /** How node reads input `i` for output `o`. */
  reads(node: GraphNode, i: number, o: number): Reads;
  /** How coordinates of output `o` read input `i`, where labels alone do not tell; null where they do. */
  link?(node: GraphNode, i: number, o: number): Link | null;
  /** Which operand of a score product brings the keys, as the softmax over them says; null where none does. */
  keyOperand?(node: GraphNode): number | null;
}

const rounds = 4;

/**
 * Follows batch and position from the graph's inputs to every value, forward through each operator and back from
 * places that know more (a causal mask gets its axes from the scores it is added to), until nothing changes.
 *
 * @param inputs axes of the graph's inputs.
 */
export function inferAxes(graph: Graph, inputs: ReadonlyMap<string, TensorAxes>, facts: RunFacts): AxesOfGraph {
  const known = new Map<string, TensorAxes>(inputs);
  const maps = new Map<GraphNode, readonly (AxisMap | null)[]>();
  const bands = new Map<GraphNode, Band>();
  const others = new Map<GraphNode, ReadonlyMap<number, readonly (AxisMap | null)[]>>();

  const axesOf = (value: string): TensorAxes => {
    const found = known.get(value);
    if (found) return found;
    const shape = shapeOf(value) ?? [];
    // What a weight's axes are is known: neither batch nor position, unless what it meets says so.
    return graph.isInitializer(value) ? otherAxes(shape) : unknownAxes(shape);
  };
  const shapeOf = (value: string): readonly number[] | null => {
    const initializer = graph.initializers.get(value);
    return initializer ? initializer.dims.map(Number) : facts.shape(value);
  };
  const keys = keyOperands(graph, shapeOf);
  const contextOf = (node: GraphNode): RuleContext => ({
    node,
    axes: (i) => axesOf(node.inputs[i] ?? ''),
    shape: (i) => shapeOf(node.inputs[i] ?? ''),
    outShape: (i) => shapeOf(node.outputs[i] ?? ''),
    ints: (i) => graph.constantInts(node.inputs[i]) ?? facts.ints(node.inputs[i] ?? ''),
    keyOperand: keys.get(node) ?? null,
    inputCount: node.inputs.length,
    opset: graph.opset,
  });

  const learn = (value: string, axes: TensorAxes): boolean => {
    if (value === '') return false;
    const shape = shapeOf(value);
    if (!shape || shape.length !== axes.length || axes.some((axis, i) => axisSize(axis) !== shape[i])) return false;
    const before = known.get(value) ?? (graph.isInitializer(value) ? otherAxes(shape) : undefined);
    const merged = before ? before.map((axis, i) => mergeAxis(axis, axes[i] ?? axis)) : axes;
    if (before && sameAxes(before, merged)) return false;
    known.set(value, merged);
    return true;
  };

  const forward = (): boolean => {
    let changed = false;
    for (const node of graph.nodes) {
      const result = ruleFor(node)(contextOf(node));
      maps.set(node, result.maps);
      if (result.band) bands.set(node, result.band);
      if (result.others) others.set(node, result.others);
      for (const [i, axes] of result.outputs.entries()) {
        if (axes && learn(node.outputs[i] ?? '', axes)) changed = true;
      }
    }
    return changed;
  };

  const backward = (): boolean => {
    let changed = false;
    for (const node of [...graph.nodes].reverse()) {
      const out = known.get(node.outputs[0] ?? '');
      if (!out?.some(axisLabelled)) continue;
      for (const [i, input] of node.inputs.entries()) {
        const shape = shapeOf(input);
        if (input === '' || !shape || shape.length === 0) continue;
        const back = pullBack(node, out, shape, maps.get(node)?.[i] ?? null);
        // A position table read by queries and keys alike must not be called the key's.
        if (back && learn(input, back.map(withoutKey))) changed = true;
      }
    }
    return changed;
  };

  forward();
  for (let round = 0; round < rounds && backward(); round += 1) forward();

  return {
    keyOperand: (node) => keys.get(node) ?? null,
    of: (value) => known.get(value) ?? (shapeOf(value) ? axesOf(value) : null),
    // Nothing is learned any more: what is asked for every birth is worked out once.
    reads: remembered((node, i, o): Reads => {
      const input = node.inputs[i] ?? '';
      const other = others.get(node)?.get(o);
      const map = (other ?? maps.get(node))?.[i] ?? null;
      const from = known.get(input);
      const to = known.get(node.outputs[o] ?? '');
      if (node.op === 'Shape' || node.op === 'Size' || (other && map === null)) return 'nothing';
      const source = from ? positionPlace(from) : null;
      const target = to ? positionPlace(to) : null;
      if (!map || !source || !target || source.factor.sequence !== target.factor.sequence) return 'all-positions';
      if (map === 'layout') return source.factor.key === target.factor.key ? 'same-position' : 'all-positions';
      if (i === 0 && bands.get(node)?.axis === source.axis) return 'all-positions';
      return map[source.axis] === target.axis ? 'same-position' : 'all-positions';
    }),
    link: remembered((node, i, o): Link | null => {
      const map = maps.get(node)?.[i] ?? null;
      const from = known.get(node.inputs[i] ?? '');
      const to = known.get(node.outputs[o] ?? '');
      if (map === null || map === 'layout' || !from || !to || movesRows(node.op) || others.get(node)?.has(o) === true)
        return null;
      const link: Link = { from, to, map, band: i === 0 ? (bands.get(node) ?? null) : null };
      return plainLink(link) ? null : link;
    }),
  };
}

function remembered<T>(
  work: (node: GraphNode, i: number, o: number) => T,
): (node: GraphNode, i: number, o: number) => T {
  const known = new Map<GraphNode, Map<string, T>>();
  return (node, i, o) => {
    let own = known.get(node);
    if (!own) known.set(node, (own = new Map<string, T>()));
    const key = `${String(i)} ${String(o)}`;
    if (!own.has(key)) own.set(key, work(node, i, o));
    return own.get(key) as T;
  };
}

/** What an output's axes say about one input's; only where elements correspond one to one along an axis. */
function pullBack(node: GraphNode, out: TensorAxes, shape: readonly number[], map: AxisMap | null): TensorAxes | null {
  if (map === null) return null;
  if (map === 'layout') return keepsElementOrder(node) ? reshapeAxes(out, shape) : null;
  // Rows picked by number (Slice, Split, Concat, Gather) only correspond where the whole axis came through.
  const wholeOnly = !isElementwise(node);
  return shape.map((size, axis): Axis => {
    const place = map[axis];
    const own = place === undefined || place < 0 ? undefined : out[place];
    if (!own || axisSize(own) !== size) return unknownAxes([size])[0] ?? [];
    if (wholeOnly && own.some((factor) => factor.samples !== null || factor.positions !== null))
      return unknownAxes([size])[0] ?? [];
    return own;
  });
}
