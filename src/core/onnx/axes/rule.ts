/** What a rule is told and what it answers, and the pieces that rules share. */
import type { GraphNode } from '../graph';
import type { Band } from './link';
import type { Axis, TensorAxes } from './types';
import { mergeOperands, unknown, unknownAxes } from './types';

/**
 * Where an input's axes go: a number per axis (−1 = consumed), or `layout` when the same elements come out in
 * another order or shape, so that a position stays that position.
 */
export type AxisMap = 'layout' | readonly number[];

export interface RuleResult {
  /** Axes of each output, null where not followed. */
  readonly outputs: readonly (TensorAxes | null)[];
  /** Per input, for the first output; null = every element may be read for every position. */
  readonly maps: readonly (AxisMap | null)[];
  /** The same for outputs that are read otherwise: rows keep their labels there, and null is what is not read at all. */
  readonly others?: ReadonlyMap<number, readonly (AxisMap | null)[]>;
  /** For the first input: only its neighbours along one axis are read, or what comes before or after. */
  readonly band?: Band;
}

export interface RuleContext {
  readonly node: GraphNode;
  /** Axes of input `i`; all `unknown` when not yet known. */
  axes(i: number): TensorAxes;
  shape(i: number): readonly number[] | null;
  outShape(i: number): readonly number[] | null;
  /** Integer values of input `i` when constant or read from the run. */
  ints(i: number): readonly number[] | null;
  /** For a score product: which operand brings the keys, where a softmax tells; else null. */
  readonly keyOperand: number | null;
  readonly inputCount: number;
  readonly opset: number;
}

export type Rule = (context: RuleContext) => RuleResult;

export const nothing = (context: RuleContext): RuleResult => ({
  outputs: context.node.outputs.map((_, i) => {
    const shape = context.outShape(i);
    return shape ? unknownAxes(shape) : null;
  }),
  maps: context.node.inputs.map(() => null),
});

export const normalise = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Right-aligned broadcasting: input axis → output axis. */
export const broadcastMap = (rank: number, outRank: number): number[] =>
  Array.from({ length: rank }, (_, axis) => axis + outRank - rank);

export function broadcast(inputs: readonly TensorAxes[], shape: readonly number[]): TensorAxes {
  return shape.map((size, axis) => {
    let best: Axis | null = null;
    for (const axes of inputs) {
      const own = axes[axis - (shape.length - axes.length)];
      if (!own || own.reduce((product, factor) => product * factor.size, 1) !== size) continue;
      best = best ? mergeOperands(best, own) : own;
    }
    return best ?? [unknown(size)];
  });
}

/** Every operator that works element by element with broadcasting; also those of one input. */
export const identityMap = (axes: TensorAxes): number[] => axes.map((_, axis) => axis);
