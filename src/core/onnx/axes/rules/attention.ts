/** Attention as one operator. */
import type { GraphNode } from '../../graph';
import { joinAxes } from '../rows';
import type { AxisMap, Rule, RuleContext } from '../rule';
import { nothing } from '../rule';
import type { Axis, TensorAxes } from '../types';
import { axisLabelled, axisSize, other, positionPlace } from '../types';
import { ofSample } from './fused';

/** A past of keys or values, [batch, heads, past, width], that an operator itself puts before the new ones. */
export interface CachedOperand {
  /** Slots of the new ones and of the past. */
  readonly fresh: number;
  readonly past: number;
  /** Output that holds both. */
  readonly present: number;
}

/** Of the axis of positions in a past and in what is handed out. */
export const cachedAxis = 2;

/**
 * Operators whose specification says that the past stands before what is new, for every sample alike. Not
 * `GroupQueryAttention`, where each sample has a length of its own.
 */
export function cachedOperands({ op, domain }: GraphNode): readonly CachedOperand[] {
  const first = op === 'Attention' && domain === '' ? 4 : op === 'MultiHeadAttention' ? 6 : null;
  return first === null
    ? []
    : [
        { fresh: 1, past: first, present: 1 },
        { fresh: 2, past: first + 1, present: 2 },
      ];
}

/** Past and new positions of an output that holds both; null where they are not known, or there is no past. */
function present(
  context: RuleContext,
  { fresh, past }: CachedOperand,
): { axis: Axis; maps: (AxisMap | null)[] } | null {
  if ((context.node.inputs[past] ?? '') === '' || (context.node.inputs[fresh] ?? '') === '') return null;
  const [before, added] = [context.axes(past), context.axes(fresh)];
  const place = positionPlace(added);
  const own = before[cachedAxis];
  if (!own || !axisLabelled(own) || !place || added[place.axis]?.length !== 1) return null;
  const axis = joinAxes([own, added[place.axis] ?? []]);
  if (!axis) return null;
  const maps: (AxisMap | null)[] = context.node.inputs.map(() => null);
  maps[past] = before.map((_, i) => i);
  maps[fresh] = freshMap(added, place.axis);
  return { axis, maps };
}

/** From [batch, heads, new, width] or [batch, new, heads · width]. */
const freshMap = (axes: TensorAxes, position: number): number[] =>
  axes.map((_, i) => (i === position ? cachedAxis : axes.length === 4 || i === 0 ? i : -1));

export const fusedAttention: Rule = (context) => {
  const shape = context.outShape(0);
  const query = context.axes(0);
  if (!shape) return nothing(context);
  const others = new Map<number, readonly (AxisMap | null)[]>();
  const joined = new Map<number, Axis>();
  for (const cached of cachedOperands(context.node)) {
    const both = present(context, cached);
    if (!both || axisSize(both.axis) !== context.outShape(cached.present)?.[cachedAxis]) continue;
    others.set(cached.present, both.maps);
    joined.set(cached.present, both.axis);
  }
  const rest = context.node.outputs.slice(1).map((_, i) => {
    const own = context.outShape(i + 1);
    if (!own) return null;
    // Keys and values that are kept hold the sample first, the one tensor of both keeps it second.
    const kept = ofSample(query[0], own, own.length === 5 ? 1 : 0);
    const both = joined.get(i + 1);
    if (both) return kept.map((axis, k) => (k === cachedAxis ? both : axis));
    // Scores: [batch, heads, queries, keys].
    const rows = query[query.length - 2];
    const isScores = i === 2 && own.length === 4 && rows !== undefined && axisSize(rows) === own[2];
    return isScores ? kept.map((axis, k) => (k === 2 ? rows : axis)) : kept;
  });
  const out = shape.map((size, i): Axis => {
    const own = query[i];
    return own && axisLabelled(own) && own.reduce((p, f) => p * f.size, 1) === size ? own : [other(size)];
  });
  const maps: (AxisMap | null)[] = context.node.inputs.map(() => null);
  maps[0] = query.map((axis, i) => (axisLabelled(axis) ? i : -1));
  return { outputs: [out, ...rest], maps, others };
};

/** contrib `Attention` reads one packed input for query, key and value: every position is read for every other. */
export const packedAttention: Rule = (context) => {
  const result = fusedAttention(context);
  return { outputs: result.outputs, maps: result.maps.map(() => null) };
};
