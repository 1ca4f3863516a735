/** What is known before a run says where NaN is, and what is known after it. */
import { byName } from '../../core/byName';
import type { AttentionSite } from '../../core/diagnose/attentionSites';
import { attentionSites } from '../../core/diagnose/attentionSites';
import type { MaskPlane } from '../../core/diagnose/maskPlane';
import type { FusedMasks, MaskSites } from '../../core/diagnose/maskSites';
import { maskSites } from '../../core/diagnose/maskSites';
import type { FlagsOf } from '../../core/diagnose/newNaN';
import type { AxesOfGraph } from '../../core/onnx/axes/infer';
import { inferAxes } from '../../core/onnx/axes/infer';
import { withPast } from '../../core/onnx/axes/past';
import type { TensorAxes } from '../../core/onnx/axes/types';
import { batchPlace, lastPosition, positionPlace } from '../../core/onnx/axes/types';
import { Graph } from '../../core/onnx/graph';
import type { Cells, Grid } from '../../core/probe/fold';
import { cellsKey, cellsOf, keptAxes } from '../../core/probe/fold';
import type { EngineJob } from '../ports';
import type { Facts, Target } from './facts';
import { gatherFacts } from './facts';
import { aroundIn } from './around';
import type { TakenBranches } from './bodies/taken';

/** What is known before the screening run. */
export interface Prepared {
  readonly target: Target;
  readonly facts: Facts;
  readonly axes: AxesOfGraph;
  readonly grid: Grid;
  readonly sites: readonly AttentionSite[];
  /** The same and the fused ones, with what their masks are made of. */
  readonly maskSites: MaskSites;
  readonly inputAxes: ReadonlyMap<string, TensorAxes>;
  /** Cells of a tensor's kept axes, shared between tensors of the same axes. */
  readonly cellsOf: (axes: TensorAxes) => Cells;
}

export interface Measurement extends Prepared {
  /** NaN of every float value: exactly where an element is NaN. */
  readonly flagsOf: FlagsOf;
  planesOf(site: AttentionSite): readonly MaskPlane[];
  /** Fused attention whose masks could be read, with what they leave of each row. */
  readonly fused: readonly FusedMasks[];
  /** Handles of the graph outputs of the probed run, kept in the child. */
  readonly keptOutputs: ReadonlyMap<string, string>;
  readonly runMs: number;
  /**
   * The same with the branch that ran in the place of every `If`: more values, of the same flags where both have one.
   * This measurement's own graph is the one that was read, with bodies closed. null where there is no `If`.
   */
  readonly opened: { readonly measured: Measurement; readonly inside: TakenBranches['inside'] } | null;
}

/** What is looked at: everything that can be. */
export const lookedAt = (measured: Measurement): Measurement => measured.opened?.measured ?? measured;

export async function prepare(
  job: EngineJob,
  given: Omit<Target, 'fences'>,
  told: ReadonlyMap<string, TensorAxes>,
): Promise<Prepared> {
  const facts = await gatherFacts(job, given);
  const graph = new Graph(facts.model);
  const inputAxes = withPast(graph, told, facts);
  const inputs = byName(Object.entries(given.inputs));
  const target = { ...given, inputs, graph, fences: facts.fences };
  const axes = inferAxes(graph, inputAxes, facts);
  const grid = gridOf(inputAxes);
  const shared = new Map<string, Cells>();
  const cells = (own: TensorAxes): Cells => {
    const kept = keptAxes(own);
    const key = cellsKey(own, kept);
    const known = key === null ? undefined : shared.get(key);
    if (known) return known;
    const made = cellsOf(own, kept, grid);
    if (key !== null) shared.set(key, made);
    return made;
  };
  return { target, facts, axes, grid, ...sitesOf(target, facts, axes), inputAxes, cellsOf: cells };
}

export function sitesOf(target: Target, facts: Facts, axes: AxesOfGraph): Pick<Prepared, 'sites' | 'maskSites'> {
  const { graph } = target;
  const sites = attentionSites(graph, axes);
  return { sites, maskSites: maskSites({ graph, axes, sites, ...aroundIn({ facts, target }) }) };
}

function gridOf(inputAxes: ReadonlyMap<string, TensorAxes>): Grid {
  let samples = 1;
  const positions: number[] = [];
  for (const axes of inputAxes.values()) {
    samples = Math.max(samples, batchPlace(axes)?.factor.size ?? 1);
    const place = positionPlace(axes);
    if (!place) continue;
    const { sequence } = place.factor;
    positions[sequence] = Math.max(positions[sequence] ?? 0, lastPosition(place.factor) + 1);
  }
  return { samples, positions: Array.from(positions, (size) => size) };
}
