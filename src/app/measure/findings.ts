/** From measured flags to origins, spread and silent findings, with their evidence. */
import { explainBirth } from '../../core/diagnose/births/index';
import { nanInInput } from '../../core/diagnose/births/nanInInput';
import { storedOutput } from '../../core/diagnose/births/nanInWeights';
import { behindAGap } from '../../core/diagnose/births/unknown';
import type { Contamination } from '../../core/diagnose/contamination';
import { contaminate, Reach } from '../../core/diagnose/contamination';
import { explainCrossing } from '../../core/diagnose/crossings/index';
import { explainGuarded, guardOf } from '../../core/diagnose/silent/guarded';
import type { Removed } from '../../core/diagnose/silent/removed';
import { explainRemoved, removedFrom } from '../../core/diagnose/silent/removed';
import { findNewNaN } from '../../core/diagnose/newNaN';
import { crossings } from '../../core/diagnose/spread';
import { nanConstants, unexplained } from '../../core/diagnose/unexplained';
import { positionsOf, whereText } from '../../core/diagnose/wording';
import type { TensorAxes } from '../../core/onnx/axes/types';
import { heldPositions } from '../../core/onnx/axes/types';
import type { GraphNode } from '../../core/onnx/graph';
import type { Crossing, Finding, Origin, SilentFinding } from '../../core/report';
import type { Flags } from '../../core/trace/health';
import { hasNaN, NAN } from '../../core/trace/health';
import { formatRanges, ranges } from '../../core/trace/ranges';
import type { Place } from '../../core/trace/sites';
import { isFloat } from '../../core/probe/instrument';
import { withLists } from '../../core/diagnose/lists';
import type { EngineJob } from '../ports';
import { focus } from './focus';
import type { Measurement } from './measure';
import { lookedAt } from './measure';

export interface Findings {
  readonly origins: readonly Origin[];
  readonly spread: readonly Crossing[];
  readonly silent: readonly SilentFinding[];
}

/**
 * @param roles by sequence.
 * @param placeOf where a node's value stands in the table.
 */
export async function findings(
  job: EngineJob,
  given: Measurement,
  roles: readonly (readonly string[])[],
  placeOf: (node: GraphNode, value: string) => Place,
): Promise<Findings> {
  const measured = lookedAt(given);
  const { target, axes, grid } = measured;
  const { graph } = target;
  const flagsOf = withLists(graph, measured.flagsOf, (value) => isTensor(measured, value));
  const found = findNewNaN(graph, axes, flagsOf);
  const looks = await focus(job, measured, found.births);
  const rolesFor = (flags: Flags): readonly string[] => roles[flags.sequence] ?? [];
  const place = (node: GraphNode | null, value: string, flags: Flags): Omit<Finding, 'evidence' | 'explanation'> => {
    const at = node ? placeWithin(given, node, value, placeOf) : null;
    return {
      tensor: value,
      node: node?.name ?? null,
      op: node?.op ?? null,
      ...(at ?? { layer: null, block: null, stage: 'other' as const }),
      positions: positionsOf(flags, grid.samples),
    };
  };

  interface Candidate {
    readonly origin: Origin;
    readonly contamination: Contamination;
    readonly order: number;
    readonly guard: GraphNode | null;
    readonly removed: Removed | null;
  }
  const isInteger = (value: string): boolean => {
    const dtype = measured.facts.values.get(value)?.dtype;
    return dtype !== undefined && !isFloat(dtype);
  };
  const candidates: Candidate[] = [];
  const reach = new Reach();
  for (const input of graph.inputs) {
    const flags = flagsOf(input);
    if (!flags || !hasNaN(flags)) continue;
    const positions = positionsOf(flags, grid.samples);
    const contamination = contaminate(
      graph,
      axes,
      flagsOf,
      { value: input, cells: flags, node: null },
      isInteger,
      reach,
    );
    candidates.push({
      origin: {
        ...place(null, input, flags),
        mechanism: nanInInput.id,
        ...nanInInput.explain(input, positions, whereText(positions, rolesFor(flags), 'position')),
      },
      contamination,
      order: -1,
      guard: null,
      removed: removedFrom(graph, { cells: flags }, contamination, isInteger),
    });
  }
  for (const look of looks) {
    const { birth } = look;
    const positions = positionsOf(birth.cells, grid.samples);
    const where = whereText(positions, rolesFor(birth.cells), birth.node.op === 'Softmax' ? 'query row' : 'position');
    const contamination = contaminate(graph, axes, flagsOf, birth, isInteger, reach);
    candidates.push({
      origin: {
        ...place(birth.node, birth.value, birth.cells),
        ...explainBirth({
          ...look,
          where,
          sampleOf: (cell) => Math.floor(cell / birth.cells.positions),
          positionOf: (cell) => cell % birth.cells.positions,
        }),
      },
      contamination,
      order: birth.node.index,
      guard: guardOf(graph, birth, contamination),
      removed: removedFrom(graph, birth, contamination, isInteger),
    });
  }

  const silent = candidates.flatMap(({ origin, guard, removed }): SilentFinding[] =>
    guard === null ? removedFinding(origin, removed) : [{ ...origin, ...explainGuarded(origin, guard.name) }],
  );
  function removedFinding(origin: Origin, removed: Removed | null): SilentFinding[] {
    const end = removed?.ends[0];
    if (!removed || !end) return [];
    const where = whereText(positionsOf(end.read, grid.samples), rolesFor(end.read), 'position');
    return [
      {
        ...place(end.node, end.node.outputs[0] ?? end.value, end.read),
        ...explainRemoved(removed, origin, where),
      },
    ];
  }
  const origins = candidates
    .filter((candidate) => candidate.guard === null)
    .sort((a, b) => b.contamination.outputCells - a.contamination.outputCells || a.order - b.order);
  const gaps = (
    origins.length > 0
      ? []
      : unexplained(
          graph,
          flagsOf,
          candidates.map(({ contamination }) => contamination.reached),
        )
  ).map((gap): Origin => {
    const where = whereText(positionsOf(gap.cells, grid.samples), rolesFor(gap.cells), 'position');
    return {
      ...place(gap.node, gap.value, gap.cells),
      mechanism: 'unknown',
      ...behindAGap(gap.node, bodiesOf(gap.node), where),
    };
  });
  const stored = nanConstants(graph)
    // What a node handed on of a weight was born there.
    .filter((output) => !candidates.some(({ contamination }) => contamination.reached.has(output)))
    .map((output): Origin => {
      const name = graph.producer.get(output)?.name ?? output;
      return {
        ...{ tensor: output, node: name, op: 'Constant', layer: null, block: null, stage: 'other', positions: null },
        mechanism: 'nan-in-weights',
        ...storedOutput(output),
      };
    });
  const leading = origins[0];
  const rest = origins.slice(1).sort((a, b) => a.order - b.order);

  const crossed = crossings(
    graph,
    found.crossings,
    measured.sites,
    axes,
    flagsOf,
    (site) => measured.planesOf(site),
    measured.fused,
  );
  return {
    origins: [...[...(leading ? [leading] : []), ...rest].map((candidate) => candidate.origin), ...gaps, ...stored],
    spread: crossed.map((item): Crossing => {
      const where = whereText(positionsOf(item.cells, grid.samples), rolesFor(item.cells), 'position');
      return {
        ...place(item.node, item.value, item.cells),
        mechanism: item.mechanism,
        ...explainCrossing(item, where),
      };
    }),
    silent,
  };
}

/** A node in a branch that has no place of its own stands where the branch does. */
function placeWithin(
  given: Measurement,
  node: GraphNode,
  value: string,
  placeOf: (node: GraphNode, value: string) => Place,
): Place {
  const own = placeOf(node, value);
  const outermost = given.opened?.inside.get(node.name)?.frames[0];
  if (!outermost || own.layer !== null) return own;
  const branching = given.target.graph.nodes.find(({ name }) => name === outermost.node);
  return branching ? placeOf(branching, branching.outputs[0] ?? '') : own;
}

/** Names of the bodies that a node holds: `then_branch`, `body`. */
const bodiesOf = (node: GraphNode): string[] =>
  node.proto.attribute.filter((entry) => entry.g !== undefined || entry.graphs.length > 0).map((entry) => entry.name);

/** What the engine gave a type and shape for; weights are tensors too. */
export const isTensor = ({ facts, target }: Pick<Measurement, 'facts' | 'target'>, value: string): boolean =>
  facts.values.has(value) || target.graph.isInitializer(value);

/** NaN cells of a value per sample, for the outputs of the report. */
export function outputPositions(
  flags: Flags | null,
  axes: TensorAxes | null,
  samples: number,
): { counts: number[]; at: string[]; of: number; held: string | null } | null {
  if (!flags || (!flags.perPosition && !flags.perSample)) return null;
  const of = flags.perPosition ? flags.positions : 1;
  const held = axes && flags.perPosition ? heldPositions(axes) : null;
  const at = Array.from({ length: samples }, (_, sample) => {
    const row = flags.perSample ? sample : 0;
    return formatRanges(of, (position) => ((flags.bits[row * flags.positions + position] ?? 0) & NAN) !== 0);
  });
  const counts = at.map((_, sample) => {
    const row = flags.perSample ? sample : 0;
    let count = 0;
    for (let p = 0; p < of; p += 1) count += ((flags.bits[row * flags.positions + p] ?? 0) & NAN) !== 0 ? 1 : 0;
    return count;
  });
  return { counts, at, of: held?.length ?? of, held: held && ranges(held) };
}
