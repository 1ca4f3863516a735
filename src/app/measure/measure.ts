/**
 * Step two: one run with a row-sum on every float value says where NaN is, and the masks of all attention sites are
 * read in the same run.
 */
import type { AttentionSite, MaskStep } from '../../core/diagnose/attentionSites';
import { attentionSites } from '../../core/diagnose/attentionSites';
import type { MaskPlane, PlaneParams } from '../../core/diagnose/maskPlane';
import { maskedBelow, planeAxes } from '../../core/diagnose/maskPlane';
import type { FlagsOf } from '../../core/diagnose/newNaN';
import type { AxesOfGraph } from '../../core/onnx/axes/infer';
import { inferAxes } from '../../core/onnx/axes/infer';
import type { TensorAxes } from '../../core/onnx/axes/types';
import { batchPlace, positionPlace } from '../../core/onnx/axes/types';
import { floatsOf } from '../../core/probe/floats';
import type { Cells, Grid } from '../../core/probe/fold';
import { Graph } from '../../core/onnx/graph';
import { cellsKey, cellsOf, foldFlags, keptAxes } from '../../core/probe/fold';
import { probedAs } from '../../core/probe/alias';
import type { Probe } from '../../core/probe/instrument';
import { extended, extract, isFloat, probed } from '../../core/probe/instrument';
import type { AnyInspection } from '../../core/probe/inspectors';
import type { TensorData } from '../../core/tensor';
import type { Flags } from '../../core/trace/health';
import { hasNaN } from '../../core/trace/health';
import type { EngineJob } from '../ports';
import type { Facts, Target } from './facts';
import { encode, feedsOf, gatherFacts, measuring } from './facts';

/** What is known before the screening run. */
export interface Prepared {
  readonly target: Target;
  readonly facts: Facts;
  readonly axes: AxesOfGraph;
  readonly grid: Grid;
  readonly sites: readonly AttentionSite[];
  readonly inputAxes: ReadonlyMap<string, TensorAxes>;
  /** Cells of a tensor's kept axes, shared between tensors of the same axes. */
  cellsOf(axes: TensorAxes): Cells;
}

export interface Measurement extends Prepared {
  readonly flagsOf: FlagsOf;
  planesOf(site: AttentionSite): readonly MaskPlane[];
  /** Handles of the graph outputs of the probed run, kept in the child. */
  readonly keptOutputs: ReadonlyMap<string, string>;
  readonly runMs: number;
  readonly probes: number;
  /** Every NaN flag stands for a NaN element; see `confirmed`. */
  readonly exact: boolean;
  /** The screen saw a row-sum of +Inf: beside −Inf, it would have looked like NaN. */
  readonly sawPosInf: boolean;
}

export async function prepare(
  job: EngineJob,
  given: Target,
  inputAxes: ReadonlyMap<string, TensorAxes>,
): Promise<Prepared> {
  const facts = await gatherFacts(job, given);
  const graph = new Graph(facts.model);
  const target = { ...given, graph };
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
  return { target, facts, axes, grid, sites: attentionSites(graph, axes), inputAxes, cellsOf: cells };
}

export async function screen(job: EngineJob, prepared: Prepared): Promise<Measurement> {
  const { target, facts, axes, grid, sites, inputAxes } = prepared;
  const { graph } = target;
  const values = graph.nodes.flatMap((node) =>
    node.op === 'Constant' ? [] : node.outputs.filter((output) => output !== ''),
  );
  const looked = [...new Set(values.map((value) => probedAs(graph, axes, value)))];
  const flags = new Map<string, Flags>();
  for (const [name, tensor] of Object.entries(target.inputs)) {
    const own = inputAxes.get(name);
    if (own && isFloat(tensor.dtype)) flags.set(name, inputFlags(own, floatsOf(tensor), grid));
  }
  let probes = 0;
  let sawPosInf = false;
  // All but the last group are run on the part of the graph that leads to them.
  const groups = inGroups(looked);
  for (const group of groups.slice(0, -1)) {
    const part = await sumsOf(job, prepared, group, false);
    collect(part.probes, part.tensors);
    probes += part.probes.length;
  }
  const measured = probed(graph, groups.at(-1) ?? [], axes, facts.values);
  const masks = maskInspections(sites, axes, facts, (value) => graph.constant(value)?.data[0]);
  const model = extended(measured.model, { outputs: masks.map((mask) => mask.inspection.tensors[0] ?? '') });
  const session = await job.createSession(encode(model), measuring(target));
  const outputs = new Map(
    graph.outputs.filter((name) => facts.values.has(name)).map((name) => [name, `probed:${name}`]),
  );
  const run = await job.run({
    session: session.id,
    feeds: target.inputs,
    fetch: [...new Set(measured.probes.map((probe) => probe.output))],
    keep: Object.fromEntries([...outputs].map(([name, handle]) => [handle, name])),
    inspect: masks.map((mask) => mask.inspection),
  });
  await job.release(session.id);
  collect(measured.probes, run.tensors);
  probes += measured.probes.length;

  function collect(own: readonly Probe[], tensors: Readonly<Record<string, TensorData>>): void {
    for (const probe of own) {
      const tensor = tensors[probe.output];
      if (!tensor) continue;
      const sums = floatsOf(tensor);
      flags.set(probe.value, foldFlags(prepared.cellsOf(probe.axes), sums));
      for (let i = 0; i < sums.length && !sawPosInf; i += 1) sawPosInf = sums[i] === Infinity;
    }
  }
  const planes = new Map<MaskStep, MaskPlane>();
  for (const { step, inspection } of masks) {
    const plane = run.inspected[inspection.id];
    if (isPlane(plane)) planes.set(step, plane);
  }
  return {
    ...prepared,
    flagsOf: flagsFrom(prepared, flags),
    exact: false,
    sawPosInf,
    planesOf: (site) => site.masks.flatMap((step) => planes.get(step) ?? []),
    keptOutputs: outputs,
    runMs: run.runMs,
    probes,
  };
}

const flagsFrom =
  ({ target, axes }: Prepared, flags: ReadonlyMap<string, Flags>): FlagsOf =>
  (value) =>
    flags.get(value) ?? flags.get(probedAs(target.graph, axes, value)) ?? null;

/** Runs the part of the graph that leads to `values` with a probe on each. */
async function sumsOf(
  job: EngineJob,
  { target, axes, facts }: Prepared,
  values: readonly string[],
  exact: boolean,
): Promise<{ readonly probes: readonly Probe[]; readonly tensors: Readonly<Record<string, TensorData>> }> {
  const part = new Graph(extract(target.graph, values));
  const { model, probes } = probed(part, values, axes, facts.values, { exact, onlyThese: true });
  if (probes.length === 0) return { probes, tensors: {} };
  const session = await job.createSession(encode(model), measuring(target));
  const { tensors } = await job.run({
    session: session.id,
    feeds: feedsOf(session, target),
    fetch: [...new Set(probes.map((probe) => probe.output))],
  });
  await job.release(session.id);
  return { probes, tensors };
}

/**
 * The screen again for every value that it suspects, with sums that cannot cancel. Costs a run; asked for when
 * something speaks against the screen: a birth without a NaN element, or +Inf in a row.
 */
export async function confirmed(job: EngineJob, measured: Measurement): Promise<Measurement> {
  const { graph } = measured.target;
  const exact = new Map<string, Flags>();
  const suspects = new Set<string>();
  for (const node of graph.nodes) {
    for (const value of node.outputs) {
      const flags = value === '' ? null : measured.flagsOf(value);
      if (flags && hasNaN(flags)) suspects.add(probedAs(graph, measured.axes, value));
    }
  }
  for (const group of inGroups([...suspects])) {
    const { probes, tensors } = await sumsOf(job, measured, group, true);
    for (const probe of probes) {
      const tensor = tensors[probe.output];
      if (tensor) exact.set(probe.value, foldFlags(measured.cellsOf(probe.axes), floatsOf(tensor)));
    }
  }
  const own = flagsFrom(measured, exact);
  return { ...measured, flagsOf: (value) => own(value) ?? measured.flagsOf(value), exact: true };
}

/**
 * A session takes far more than twice as long to create with twice as many probes: the engine keeps those that wait
 * for all of the model's nodes in a sorted list (ONNX Runtime 1.30, processor time: none 0.6 s, 2,500 probes 1.1 s,
 * 5,000 5 s, 9,400 19 s). Deep models are screened in several.
 */
const probesPerSession = 2000;

function inGroups(values: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (let i = 0; i < values.length; i += probesPerSession) groups.push(values.slice(i, i + probesPerSession));
  return groups;
}

function inputFlags(axes: TensorAxes, values: ArrayLike<number>, grid: Grid): Flags {
  // A batch is small: every element has a place of its own.
  return foldFlags(
    cellsOf(
      axes,
      axes.map((_, axis) => axis),
      grid,
    ),
    values,
  );
}

function gridOf(inputAxes: ReadonlyMap<string, TensorAxes>): Grid {
  let samples = 1;
  const positions: number[] = [];
  for (const axes of inputAxes.values()) {
    samples = Math.max(samples, batchPlace(axes)?.factor.size ?? 1);
    const place = positionPlace(axes);
    if (place) positions[place.factor.sequence] = Math.max(positions[place.factor.sequence] ?? 0, place.factor.size);
  }
  return { samples, positions: Array.from(positions, (size) => size) };
}

interface MaskInspection {
  readonly step: MaskStep;
  readonly inspection: AnyInspection;
}

/** Mask steps whose axes against the scores are known; equal masks are read once per step, they are small. */
export function maskInspections(
  sites: readonly AttentionSite[],
  axes: AxesOfGraph,
  facts: Pick<Facts, 'shape'>,
  constantOf: (value: string) => number | bigint | undefined,
): MaskInspection[] {
  const found: MaskInspection[] = [];
  for (const site of sites) {
    for (const step of site.masks) {
      // A fill that is not a very low number (0, say) does not mask.
      const fill = step.fill === null ? undefined : constantOf(step.fill);
      if (fill !== undefined && !(Number(fill) < maskedBelow)) continue;
      const scores = axes.of(step.scores);
      const shape = facts.shape(step.mask);
      const how = scores && shape ? planeAxes(scores, shape) : null;
      if (!how) continue;
      const params: PlaneParams = { kind: step.kind, keepWhen: step.keepWhen, axes: how };
      const id = `mask:${String(found.length)}`;
      found.push({ step, inspection: { id, inspector: 'maskPlane', tensors: [step.mask], params } });
    }
  }
  return found;
}

function isPlane(value: unknown): value is MaskPlane {
  return typeof value === 'object' && value !== null && 'masked' in value && value.masked instanceof Uint8Array;
}
