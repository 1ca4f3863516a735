/**
 * What `swallowed` and `laundered` share: NaN that no output shows although nothing tested for it where it was born.
 * The birth stays an origin; what is added is where its traces end.
 */
import type { Graph, GraphNode } from '../../onnx/graph';
import type { Origin, SilentFinding } from '../../report';
import type { Flags } from '../../trace/health';
import type { Contamination } from '../contamination';
import type { NewNaN } from '../newNaN';
import { isGuard } from './guarded';
import { laundered } from './laundered';
import { swallowed } from './swallowed';

/** In order: the first that holds is the mechanism. */
const rules: readonly RemovedRule[] = [laundered, swallowed];

export interface RemovedRule {
  readonly id: 'swallowed' | 'laundered';
  /** @param reached NaN of this birth in every value that it reaches. */
  holds(birth: Flags, reached: readonly Flags[]): boolean;
  /** What it means for what comes out. */
  readonly meaning: string;
}

export interface Removed {
  readonly mechanism: RemovedRule['id'];
  /** Where it ends: guards first, then other operators, slices last; each in the graph's order. */
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
  // A slice may leave NaN out anywhere; what replaces it is why no output shows it, and is told first.
  ends.sort((a, b) => Number(a.how === 'selection') - Number(b.how === 'selection') || guards(b) - guards(a));
  const rule = rules.find((entry) => entry.holds(birth.cells, [...contamination.reached.values()])) ?? swallowed;
  return { mechanism: rule.id, ends };
}

const guards = ({ how }: RemovedAt): number => Number(how === 'guard');

const selections = /^(Slice|Gather|GatherND|GatherElements|Split|Compress|TopK|NonMaxSuppression|Scatter.*|Pad|Tile)$/;

function howRemoved(graph: Graph, node: GraphNode, isInteger: (value: string) => boolean): RemovedAt['how'] {
  if (isGuard(graph, node)) return 'guard';
  if (node.outputs.every((output) => output === '' || isInteger(output))) return 'integer';
  return selections.test(node.op) ? 'selection' : 'kernel';
}

const shownEnds = 4;

/** @param where what the first end read, in words. */
export function explainRemoved(
  removed: Removed,
  origin: Pick<Origin, 'node' | 'tensor' | 'mechanism'>,
  where: string,
): Pick<SilentFinding, 'mechanism' | 'evidence' | 'explanation'> {
  const [end] = removed.ends;
  const bornAt = origin.node ?? `the input ${origin.tensor}`;
  const how = end ? endings[end.how](end.node) : '';
  const more = removed.ends.length - 1;
  const others = more === 0 ? '' : ` It ends at ${String(more)} more ${more === 1 ? 'place' : 'places'}.`;
  return {
    mechanism: removed.mechanism,
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
      (rules.find(({ id }) => id === removed.mechanism) ?? swallowed).meaning,
  };
}

const endings: Readonly<Record<RemovedAt['how'], (node: GraphNode) => string>> = {
  guard: (node) => `${node.op} replaces it by a number.`,
  integer: (node) => `${node.op} gives whole numbers or truth values, which cannot be NaN.`,
  selection: (node) => `${node.op} leaves the positions out that hold it.`,
  kernel: (node) => `The engine's ${node.op} gives a finite number for it.`,
};
