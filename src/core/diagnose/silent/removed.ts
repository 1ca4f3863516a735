/**
 * Swallowed and laundered: NaN that no output shows although nothing tested for it where it was born. The birth
 * stays an origin; what is added is where its traces end.
 */
import type { Graph, GraphNode } from '../../onnx/graph';
import type { Evidence, Origin } from '../../report';
import type { Flags } from '../../trace/health';
import { hasNaN, isNaNAt, NAN } from '../../trace/health';
import type { Contamination } from '../contamination';
import type { NewNaN } from '../newNaN';
import { isGuard } from './guarded';

export interface Removed {
  /** `laundered`: it had reached positions that were clean at the birth. */
  readonly mechanism: 'swallowed' | 'laundered';
  /** Where it ends, in the graph's order. */
  readonly ends: readonly RemovedAt[];
}

export interface RemovedAt {
  readonly node: GraphNode;
  /** The NaN that the node read. */
  readonly value: string;
  readonly read: Flags;
  readonly how: 'guard' | 'integer' | 'selection' | 'kernel';
}

/** Null where an output shows the NaN, or where nothing reads it at all. */
export function removedFrom(
  graph: Graph,
  birth: Pick<NewNaN, 'cells'>,
  contamination: Contamination,
  isInteger: (value: string) => boolean,
): Removed | null {
  if (contamination.outputCells > 0 || contamination.ends.length === 0) return null;
  const ends = contamination.ends.flatMap((node): RemovedAt[] => {
    const value = node.inputs.find((input) => contamination.reached.has(input));
    const read = value === undefined ? undefined : contamination.reached.get(value);
    return value === undefined || read === undefined
      ? []
      : [{ node, value, read, how: howRemoved(graph, node, isInteger) }];
  });
  if (ends.length === 0) return null;
  const spread = [...contamination.reached.values()].some((flags) => goesBeyond(birth.cells, flags));
  return { mechanism: spread ? 'laundered' : 'swallowed', ends };
}

const selections = /^(Slice|Gather|GatherND|GatherElements|Split|Compress|TopK|NonMaxSuppression|Scatter.*|Pad|Tile)$/;

function howRemoved(graph: Graph, node: GraphNode, isInteger: (value: string) => boolean): RemovedAt['how'] {
  if (isGuard(graph, node)) return 'guard';
  if (node.outputs.every((output) => output === '' || isInteger(output))) return 'integer';
  return selections.test(node.op) ? 'selection' : 'kernel';
}

/** Whether NaN is at a place that was clean at the birth. What cannot be told apart is not claimed. */
function goesBeyond(birth: Flags, reached: Flags): boolean {
  if (!hasNaN(reached)) return false;
  for (let sample = 0; sample < reached.samples; sample += 1) {
    for (let position = 0; position < reached.positions; position += 1) {
      if (((reached.bits[sample * reached.positions + position] ?? 0) & NAN) === 0) continue;
      if (reached.perSample && birth.perSample && !anywhere(birth, sample)) return true;
      if (reached.perPosition && birth.perPosition && !isNaNAt(birth, sample, position)) return true;
    }
  }
  return false;
}

function anywhere(flags: Flags, sample: number): boolean {
  for (let position = 0; position < flags.positions; position += 1) if (isNaNAt(flags, sample, position)) return true;
  return false;
}

const shownEnds = 4;

/** @param where what the first end read, in words. */
export function explainRemoved(
  removed: Removed,
  origin: Pick<Origin, 'node' | 'tensor' | 'mechanism'>,
  where: string,
): { evidence: Evidence; explanation: string } {
  const [end] = removed.ends;
  const bornAt = origin.node ?? `the input ${origin.tensor}`;
  const how = end ? endings[end.how](end.node) : '';
  const more = removed.ends.length - 1;
  const others = more === 0 ? '' : ` It ends at ${String(more)} more ${more === 1 ? 'place' : 'places'}.`;
  return {
    evidence: {
      bornAt: origin.node,
      bornIn: origin.tensor,
      bornAs: origin.mechanism,
      ends: removed.ends
        .slice(0, shownEnds)
        .map(({ node, how: kind }) => ({ node: node.name, op: node.op, how: kind })),
    },
    explanation:
      `${where}: the NaN that is born in ${bornAt} ends here. ${how}${others} ` +
      (removed.mechanism === 'laundered'
        ? 'It had already reached positions that were clean at its birth, so what comes out is a number that means nothing.'
        : 'The outputs look healthy, and what was computed from it means nothing.'),
  };
}

const endings: Readonly<Record<RemovedAt['how'], (node: GraphNode) => string>> = {
  guard: (node) => `${node.op} replaces it by a number.`,
  integer: (node) => `${node.op} gives whole numbers or truth values, which cannot be NaN.`,
  selection: (node) => `${node.op} leaves the positions out that hold it.`,
  kernel: (node) => `The engine's ${node.op} gives a finite number for it.`,
};
