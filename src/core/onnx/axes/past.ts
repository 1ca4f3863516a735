/**
 * Inputs that hold positions before those that are fed: a cache of keys and values. Which axis of such an input counts
 * positions is told by the graph alone: it is the one that a Concat (or attention that has one inside) lengthens with
 * positions of the new tokens. The new
 * tokens then are not positions 0, 1, … but those behind the past.
 */
import type { Graph, GraphNode } from '../graph';
import { intAttribute } from '../graph';
import type { AxesOfGraph, RunFacts } from './infer';
import { inferAxes } from './infer';
import { normalise } from './rule';
import { cachedAxis, cachedOperands } from './rules/attention';
import type { Axis, Factor, TensorAxes } from './types';
import { axisSize, isLabelled, positionFactor, positionPlace, unknown } from './types';

/** Sequences from here on are no sequences of the batch: they mark the axes that are looked for. */
const firstMark = 1000;

/** One axis of an input that a Concat puts beside new positions. */
interface Joined {
  readonly input: string;
  readonly axis: number;
  readonly sequence: number;
  /** How many rows after the first row of the input the first new one stands. */
  readonly before: number;
  /** How many rows are new. */
  readonly fresh: number;
}

/** @returns the axes of the inputs, with the past and what is behind it; `inputs` itself where there is no past. */
export function withPast(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorAxes>,
  facts: RunFacts,
): ReadonlyMap<string, TensorAxes> {
  const open = [...inputs].filter(([, axes]) => mayBePast(axes));
  if (open.length === 0) return inputs;
  const widest = Math.max(...open.map(([, axes]) => axes.length));
  const found: Joined[] = [];
  // One axis of each at a time: an axis with a label could not be split, as [past, heads · width] is.
  for (let axis = 0; axis < widest; axis += 1) found.push(...joinedAlong(graph, inputs, facts, open, axis));
  const clear = found.filter((one) => found.every((two) => one.input !== two.input || agree(one, two)));
  if (clear.length === 0) return inputs;
  const result = new Map(inputs);
  for (const sequence of new Set(clear.map((one) => one.sequence))) {
    const own = clear.filter((one) => one.sequence === sequence);
    const ahead = Math.max(0, ...own.map(({ before }) => before));
    const [fresh = 0] = own.map((one) => one.fresh);
    if (ahead === 0 || own.some((one) => one.fresh !== fresh)) continue;
    for (const [name, axes] of inputs)
      result.set(
        name,
        axes.map((axis) => behindPast(axis, sequence, ahead, fresh)),
      );
    // A window of the past is shorter, and ends where the longest one does: before the first new token.
    for (const { input, axis, before } of own) {
      const axes = result.get(input) ?? [];
      const size = axisSize(axes[axis] ?? []);
      result.set(
        input,
        axes.map((own, i) => (i === axis ? [numbered(size, sequence, ahead - before)] : own)),
      );
    }
  }
  return result;
}

/** No axis is known to count positions, and some axis may. */
const mayBePast = (axes: TensorAxes): boolean =>
  !axes.flat().some((factor) => factor.kind === 'position' || factor.kind === 'routed') &&
  axes.some((axis) => isOpen(axis));

const isOpen = (axis: Axis | undefined): boolean =>
  axis?.length === 1 && axis[0]?.kind === 'unknown' && axis[0].size > 0;

const agree = (one: Joined, two: Joined): boolean =>
  one.axis === two.axis && one.sequence === two.sequence && one.before === two.before && one.fresh === two.fresh;

/** Marks one axis of every open input and looks at which Concat it arrives. */
function joinedAlong(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorAxes>,
  facts: RunFacts,
  open: readonly (readonly [string, TensorAxes])[],
  axis: number,
): Joined[] {
  const marked = open.filter(([, axes]) => isOpen(axes[axis]));
  if (marked.length === 0) return [];
  const seeds = new Map(inputs);
  for (const [k, [name, axes]] of marked.entries()) {
    const size = axisSize(axes[axis] ?? []);
    seeds.set(
      name,
      axes.map((own, i) => (i === axis ? [positionFactor(size, firstMark + k)] : own)),
    );
  }
  const followed = inferAxes(graph, seeds, facts);
  return graph.nodes
    .flatMap((node) => joinsOf(node, followed))
    .flatMap((parts): Joined[] => {
      let offset = 0;
      const placed: { readonly factor: Factor; readonly offset: number }[] = [];
      for (const own of parts) {
        // What is not known of one part is not known of those behind it.
        if (!own) return [];
        const [factor] = own;
        if (own.length === 1 && factor?.kind === 'position') placed.push({ factor, offset });
        offset += axisSize(own);
      }
      const fresh = placed.filter(({ factor }) => factor.sequence < firstMark && factor.positions === null);
      const [next] = fresh;
      if (!next || fresh.length > 1) return [];
      return placed.flatMap(({ factor, offset: start }): Joined[] => {
        const source = factor.sequence < firstMark ? undefined : marked[factor.sequence - firstMark];
        const skipped = source ? firstOf(factor) : null;
        if (!source || skipped === null) return [];
        return [
          {
            input: source[0],
            axis,
            sequence: next.factor.sequence,
            before: next.offset - start + skipped,
            fresh: next.factor.size,
          },
        ];
      });
    });
}

/** Axes that a node lays end to end: a Concat, or attention that itself puts the past before what is new. */
function joinsOf(node: GraphNode, followed: AxesOfGraph): (Axis | null)[][] {
  if (node.op === 'Concat') {
    const parts = node.inputs.map((input) => followed.of(input));
    const rank = parts.find((part) => part !== null)?.length ?? 0;
    const along = normalise(intAttribute(node, 'axis', 0), rank);
    return [parts.map((part) => part?.[along] ?? null)];
  }
  return cachedOperands(node).map(({ fresh, past }) => {
    const added = followed.of(node.inputs[fresh] ?? '');
    const place = added && positionPlace(added);
    return [followed.of(node.inputs[past] ?? '')?.[cachedAxis] ?? null, (place && added[place.axis]) ?? null];
  });
}

/** The row that a part begins with, where its rows are neighbours in their order. */
function firstOf({ positions, size }: Factor): number | null {
  if (positions === null) return 0;
  const first = positions[0] ?? 0;
  for (let i = 0; i < size; i += 1) if (positions[i] !== first + i) return null;
  return first;
}

/** An axis of an input whose positions were counted from 0: as many as are new, or as many as there are in all. */
function behindPast(axis: Axis, sequence: number, ahead: number, fresh: number): Axis {
  return axis.map((factor) => {
    if (!isLabelled(factor) || factor.kind !== 'position' || factor.sequence !== sequence) return factor;
    if (factor.size === fresh) return { ...numbered(fresh, sequence, ahead), key: factor.key };
    return factor.size === ahead + fresh ? factor : unknown(factor.size);
  });
}

const numbered = (size: number, sequence: number, from: number): Factor => ({
  ...positionFactor(size, sequence),
  // Also where it begins at 0: they are not all that there are.
  positions: Int32Array.from({ length: size }, (_, i) => from + i),
});
