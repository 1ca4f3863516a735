/** Runs with one sum per row on chosen values. */
import { Graph } from '../../core/onnx/graph';
import { foldFlags } from '../../core/probe/fold';
import { floatsOf } from '../../core/probe/floats';
import { extended, extract, probed } from '../../core/probe/instrument';
import type { AnyInspection } from '../../core/probe/inspectors';
import type { Probe } from '../../core/probe/instrument';
import type { TensorData } from '../../core/tensor';
import type { Flags } from '../../core/trace/health';
import type { EngineJob, RunResult } from '../ports';
import { encode } from './facts';
import type { Prepared } from './measure';
import { runOnce } from './sessions';

/**
 * A session takes far more than twice as long to create with twice as many probes: the engine keeps those that wait
 * for all of the model's nodes in a sorted list (ONNX Runtime 1.30, processor time: none 0.6 s, 2,500 probes 1.1 s,
 * 5,000 5 s, 9,400 19 s). More are run in several.
 */
const probesPerSession = 2000;

/** `exact` sums magnitudes, which are NaN if and only if an element is. */
export interface SumOptions {
  readonly exact: boolean;
}

/** What a run of the whole model is asked for beside its sums. */
export interface Beside {
  readonly inspect: readonly AnyInspection[];
  /** Handle → graph output. */
  readonly keep: Readonly<Record<string, string>>;
}

/** Flags by value; each session runs the part of the graph that leads to its values. */
export async function sumsOf(
  job: EngineJob,
  prepared: Prepared,
  values: readonly string[],
  { exact }: SumOptions,
): Promise<Map<string, Flags>> {
  const { target, axes, facts } = prepared;
  const flags = new Map<string, Flags>();
  for (const group of inGroups(values)) {
    const part = new Graph(extract(target.graph, group));
    const { model, probes } = probed(part, group, axes, facts.values, { exact, onlyThese: true });
    if (probes.length === 0) continue;
    const { tensors } = await runOnce(job, target, encode(model, target), { fetch: outputsOf(probes) });
    collect(prepared, probes, tensors, flags);
  }
  return flags;
}

/** The same, with the last session running the whole model: its outputs are kept, masks are read in it. */
export async function sumsOfModel(
  job: EngineJob,
  prepared: Prepared,
  values: readonly string[],
  { exact }: SumOptions,
  { inspect, keep }: Beside,
): Promise<{ readonly flags: Map<string, Flags>; readonly run: RunResult }> {
  const { target, axes, facts } = prepared;
  const groups = inGroups(values);
  const flags = await sumsOf(job, prepared, groups.slice(0, -1).flat(), { exact });
  const { model, probes } = probed(target.graph, groups.at(-1) ?? [], axes, facts.values, { exact });
  const asked = extended(model, { outputs: inspect.flatMap((inspection) => inspection.tensors) });
  const run = await runOnce(job, target, encode(asked, target), { fetch: outputsOf(probes), keep, inspect });
  collect(prepared, probes, run.tensors, flags);
  return { flags, run };
}

const outputsOf = (probes: readonly Probe[]): string[] => [...new Set(probes.map((probe) => probe.output))];

function collect(
  prepared: Prepared,
  probes: readonly Probe[],
  tensors: Readonly<Record<string, TensorData>>,
  into: Map<string, Flags>,
): void {
  for (const probe of probes) {
    const tensor = tensors[probe.output];
    if (tensor) into.set(probe.value, foldFlags(prepared.cellsOf(probe.axes), floatsOf(tensor)));
  }
}

function inGroups(values: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (let i = 0; i < values.length; i += probesPerSession) groups.push(values.slice(i, i + probesPerSession));
  return groups;
}
