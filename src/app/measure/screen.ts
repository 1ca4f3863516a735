/**
 * Step two: where NaN is, in every float value. Few values are probed; the others are told from them, because most
 * operators hand NaN on for certain (core/probe/derive). Where that leaves a question open, which is where NaN is
 * born or swallowed, a second run probes. The masks of all attention sites are read in the first run.
 */
import type { MaskStep } from '../../core/diagnose/attentionSites';
import type { MaskPlane } from '../../core/diagnose/maskPlane';
import type { FusedMasks } from '../../core/diagnose/maskSites';
import type { Bounds, Known } from '../../core/probe/derive/bounds';
import { boundsOf, flagsOfBounds, isContradicted, openValues, unproven } from '../../core/probe/derive/bounds';
import type { NaNGraph } from '../../core/probe/derive/edges';
import { nanGraph } from '../../core/probe/derive/edges';
import { watched } from '../../core/probe/derive/watched';
import { floatsOf } from '../../core/probe/floats';
import type { Grid } from '../../core/probe/fold';
import { cellsOf, foldFlags } from '../../core/probe/fold';
import { freshPrefix, isFloat } from '../../core/probe/instrument';
import { isHanded } from '../../core/probe/stages';
import { inferAxes } from '../../core/onnx/axes/infer';
import type { TensorAxes } from '../../core/onnx/axes/types';
import type { Flags } from '../../core/trace/health';
import type { EngineJob } from '../ports';
import { maskKey, readMaskRows } from './maskRows';
import { isPlane, maskInspections } from './masks';
import { withTakenBranches } from './bodies/taken';
import type { Measurement, Prepared } from './measure';
import { sitesOf } from './measure';
import { sumsOf, sumsOfModel } from './sums';

/** Up to so many values are all probed at once: a second session would cost more than it saves. */
const fewValues = 200;

export interface Plan {
  readonly nan: NaNGraph;
  /** What the first run probes. */
  readonly values: readonly string[];
  /** They are all, with exact sums: nothing is told from anything. */
  readonly everything: boolean;
}

export function planOf(prepared: Prepared, few = fewValues): Plan {
  const { target, facts, axes, grid, cellsOf: cells } = prepared;
  const nan = nanGraph({ graph: target.graph, axes, facts: facts.values, grid, cellsOf: cells });
  const everything = nan.values.length <= few || hasHalf(prepared);
  return { nan, everything, values: everything ? nan.values : watched(nan) };
}

/**
 * The model's outputs stay in the child, to be compared with those of other runs.
 *
 * @param plan for the graph as it was read; without one the branches that ran are opened.
 */
export async function screen(job: EngineJob, prepared: Prepared, plan?: Plan): Promise<Measurement> {
  const { target, facts } = prepared;
  const prefix = freshPrefix(target.graph, 'probed');
  const kept = target.graph.outputs.filter((name) => isHanded(facts.values.get(name)?.dtype ?? ''));
  const outputs = new Map(kept.map((name) => [name, `${prefix}${name}`]));
  const branches = plan ? null : await withTakenBranches(job, prepared);
  if (!branches) return screened(job, prepared, plan ?? planOf(prepared), outputs);
  const measured = await screened(job, branches.prepared, planOf(branches.prepared), outputs);
  return { ...closed(prepared, measured), opened: { measured, inside: branches.inside } };
}

/** What the measurement of the opened graph says of the one that was read. */
function closed(prepared: Prepared, opened: Measurement): Measurement {
  const { target, facts } = prepared;
  const seeds = new Map(prepared.inputAxes);
  for (const node of target.graph.nodes) {
    if (node.op !== 'If') continue;
    for (const output of node.outputs) {
      const own = opened.axes.of(output);
      if (own) seeds.set(output, own);
    }
  }
  const axes = inferAxes(target.graph, seeds, facts);
  const sites = sitesOf(target, facts, axes);
  const byNode = new Map(sites.maskSites.sites.map((site) => [site.node.name, site]));
  return {
    ...opened,
    ...prepared,
    ...sites,
    axes,
    planesOf: (site) =>
      opened.sites.flatMap((twin) => (twin.softmax.name === site.softmax.name ? opened.planesOf(twin) : [])),
    fused: opened.fused.flatMap(({ site, rows }) => {
      const own = byNode.get(site.node.name);
      return own ? [{ site: own, rows }] : [];
    }),
  };
}

/** A part of a model that another measurement asked for: nothing of it stays. */
export const screenPart = (job: EngineJob, prepared: Prepared): Promise<Measurement> =>
  screened(job, prepared, planOf(prepared), new Map());

async function screened(
  job: EngineJob,
  prepared: Prepared,
  { nan, values, everything }: Plan,
  outputs: ReadonlyMap<string, string>,
): Promise<Measurement> {
  const { target, facts, axes, sites } = prepared;
  const { graph } = target;
  const masks = maskInspections(sites, axes, facts, (value) => graph.constant(value)?.data[0]);
  const { flags, run } = await sumsOfModel(
    job,
    prepared,
    values,
    { exact: everything },
    {
      inspect: [...new Set(masks.map((mask) => mask.inspection))],
      keep: Object.fromEntries([...outputs].map(([name, handle]) => [handle, name])),
    },
  );
  const inputs = inputFlags(prepared);
  const known: Known = everything
    ? { exact: new Map([...inputs, ...flags]), screened: new Map() }
    : { exact: inputs, screened: flags };
  const found = everything ? known.exact : await told(job, prepared, nan, known);

  const planes = new Map<MaskStep, MaskPlane>();
  for (const { step, inspection } of masks) {
    const plane = run.inspected[inspection.id];
    if (isPlane(plane)) planes.set(step, plane);
  }
  return {
    ...prepared,
    flagsOf: (value) => found.get(nan.nameOf(value)) ?? null,
    fused: await fusedMasks(job, prepared),
    planesOf: (site) => site.masks.flatMap((step) => planes.get(step) ?? []),
    keptOutputs: outputs,
    runMs: run.runMs,
    opened: null,
  };
}

async function fusedMasks(job: EngineJob, prepared: Prepared): Promise<FusedMasks[]> {
  const { maskSites, target } = prepared;
  const sites = maskSites.sites.filter((site) => site.fused && site.reason === null);
  if (sites.length === 0) return [];
  const read = await readMaskRows(job, prepared, { ...maskSites, sites }, [target.inputs]);
  return sites.flatMap((site) => {
    const rows = read.get(maskKey(site))?.[0];
    return rows ? [{ site, rows }] : [];
  });
}

/** Exact flags of every value, from the screen of the watched ones. */
async function told(
  job: EngineJob,
  prepared: Prepared,
  nan: NaNGraph,
  first: Known,
): Promise<ReadonlyMap<string, Flags>> {
  let known = first;
  const probe = async (values: readonly string[]): Promise<void> => {
    const flags = await sumsOf(job, prepared, values, { exact: true });
    known = { ...known, exact: new Map([...known.exact, ...flags]) };
  };
  // A sum that is NaN is believed first: what it then leaves open, and what nothing hands on, is what to look at.
  const believed = boundsOf(nan, known, true);
  const doubtful = new Set([...openValues(nan, believed), ...unproven(nan, known, believed)]);
  if (doubtful.size > 0) await probe([...doubtful]);
  // The second look is believed alone. It leaves something open only if a sum lied.
  let bounds = boundsOf(nan, known, false);
  const left = openValues(nan, bounds);
  if (left.length > 0) {
    await probe(left);
    bounds = boundsOf(nan, known, false);
  }
  if (isContradicted(bounds)) await probe(nan.values.filter((value) => !known.exact.has(value)));
  return new Map([...flagsOf(bounds), ...known.exact]);
}

const flagsOf = (bounds: ReadonlyMap<string, Bounds>): [string, Flags][] =>
  [...bounds].map(([value, own]) => [value, flagsOfBounds(own)]);

/**
 * Which NaN the engine's float16 kernels hand on was not measured, and some processors have kernels of their own:
 * nothing is told from anything there.
 */
const hasHalf = ({ facts }: Prepared): boolean =>
  [...facts.values.values()].some((fact) => fact.dtype === 'float16' || fact.dtype === 'bfloat16');

/** The batch is known, every element of it. */
function inputFlags({ target, inputAxes, grid }: Prepared): Map<string, Flags> {
  const flags = new Map<string, Flags>();
  for (const [name, tensor] of Object.entries(target.inputs)) {
    const own = inputAxes.get(name);
    if (own && isFloat(tensor.dtype)) flags.set(name, elementFlags(own, floatsOf(tensor), grid));
  }
  return flags;
}

function elementFlags(axes: TensorAxes, values: ArrayLike<number>, grid: Grid): Flags {
  const all = axes.map((_, axis) => axis);
  return foldFlags(cellsOf(axes, all, grid), values);
}
