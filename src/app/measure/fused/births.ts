/**
 * The second look at NaN that fused attention kernels give from clean inputs: the nodes are written out in plain
 * operators beside themselves, and that part of the graph is measured like any other, once for all of them. The
 * kernel's own result stays the measure: rows that it makes finite (zeros for a fully masked row) count as finite
 * inside too.
 */
import type { FlagsOf } from '../../../core/diagnose/newNaN';
import { Graph } from '../../../core/onnx/graph';
import type { GraphNode } from '../../../core/onnx/graph';
import { scoresLabel } from '../../../core/onnx/expand/softmaxCore';
import type { InsideFrame, Origin } from '../../../core/report';
import type { Flags } from '../../../core/trace/health';
import { isNaNAt, NAN } from '../../../core/trace/health';
import type { EngineJob } from '../../ports';
import { insideText } from '../bodies/words';
import { findings } from '../findings';
import type { Measurement } from '../measure';
import { prepare } from '../measure';
import { isRefusal } from '../refusals';
import { screenPart } from '../screen';
import type { WrittenOut } from './write';
import { frameOf, writtenOut } from './write';

type Roles = readonly (readonly string[])[];

/** NaN in one output of a fused node. */
export interface FusedBirth {
  readonly node: GraphNode;
  readonly tensor: string;
}

/** What such NaN is made of; half a sentence where nothing is seen. */
export type BornInside = readonly Origin[] | string;

/** Where the engine refuses all together, nodes are tried one by one, so many at most. */
const mostAlone = 8;

/** @returns by tensor. */
export async function bornInFused(
  job: EngineJob,
  measured: Measurement,
  births: readonly FusedBirth[],
  roles: Roles,
): Promise<ReadonlyMap<string, BornInside>> {
  const found = new Map<string, BornInside>();
  // What is finite inside is told by one output: a node that gives NaN in several of them is looked at anew.
  for (let left = [...births]; left.length > 0;) {
    const round = [...new Map(left.map((birth) => [birth.node, birth])).values()];
    left = left.filter((birth) => !round.includes(birth));
    for (const [tensor, inside] of await together(job, measured, round, roles)) found.set(tensor, inside);
  }
  return found;
}

/** @param births of different nodes. */
async function together(
  job: EngineJob,
  measured: Measurement,
  births: readonly FusedBirth[],
  roles: Roles,
): Promise<Map<string, BornInside>> {
  try {
    return await looked(job, measured, births, roles);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const [only, ...others] = births;
    if (!only || others.length === 0) {
      const reason = `the engine refused what it stands for (${error.message})`;
      return new Map(only ? [[only.tensor, reason]] : []);
    }
  }
  const found = new Map<string, BornInside>();
  for (const [i, birth] of births.entries()) {
    if (i < mostAlone) {
      for (const [tensor, inside] of await together(job, measured, [birth], roles)) found.set(tensor, inside);
    } else {
      found.set(
        birth.tensor,
        `the engine refused all of them together, and ${String(mostAlone)} nodes were tried alone before it`,
      );
    }
  }
  return found;
}

async function looked(
  job: EngineJob,
  measured: Measurement,
  births: readonly FusedBirth[],
  roles: Roles,
): Promise<Map<string, BornInside>> {
  const written = writtenOut(
    measured,
    births.map(({ node }) => node),
  );
  const found = new Map<string, BornInside>();
  for (const { node, tensor } of births) {
    const reason = written.reasons.get(node);
    if (reason !== undefined) found.set(tensor, reason);
  }
  if (found.size === births.length) return found;
  const graph = new Graph(written.model);
  const read = new Set(graph.inputs);
  const inputs = Object.fromEntries(Object.entries(measured.target.inputs).filter(([name]) => read.has(name)));
  const { externalDataFolder } = measured.target;
  const prepared = await prepare(job, { graph, inputs, externalDataFolder }, measured.inputAxes);
  const screened = await screenPart(job, prepared);
  const kernels = new Map(births.map(({ node, tensor }) => [node, measured.flagsOf(tensor)]));
  const asKernels = { ...screened, flagsOf: asTheKernels(screened, written, kernels) };
  const { origins } = await findings(job, asKernels, roles, () => ({ layer: null, block: null, stage: 'other' }));
  for (const { node, tensor } of births) {
    if (found.has(tensor)) continue;
    const own = origins.filter((one) => {
      const producer = asKernels.target.graph.producer.get(one.tensor);
      return producer !== undefined && written.inner.get(producer.name)?.of === node;
    });
    found.set(
      tensor,
      own.length === 0 ? 'written out in plain operators, it gave no NaN that nothing before it held' : own,
    );
  }
  return found;
}

/**
 * @param origin at the boundary of `node`, as the report names it.
 * @param inside what it is made of.
 * @param through frames that lead to the node.
 * @returns what it is made of, still at that node; the boundary's own, with the reason, where nothing more is seen.
 */
export function toldInside(
  node: GraphNode,
  origin: Origin,
  inside: BornInside,
  through: readonly InsideFrame[],
): Origin[] {
  if (typeof inside === 'string') return [untold(origin, inside)];
  const frames = [...through, frameOf(origin.node ?? node.name, node.op)];
  return inside.map((one): Origin => ({
    ...origin,
    mechanism: one.mechanism,
    // Inside, positions of keys may be told; what the node hands on is told by query.
    positions: inside.length === 1 ? origin.positions : one.positions,
    evidence: { ...one.evidence, expandedNode: one.node, inside: frames },
    explanation: `${one.explanation} ${insideText(frames)}`,
  }));
}

/** From the scores on, rows that the kernel makes finite are finite. */
function asTheKernels(
  screened: Measurement,
  { inner }: WrittenOut,
  kernels: ReadonlyMap<GraphNode, Flags | null>,
): FlagsOf {
  const { graph } = screened.target;
  const behind = new Map<string, Flags | null>();
  for (const node of graph.nodes) {
    const own = inner.get(node.name);
    if (!own) continue;
    if (own.name === scoresLabel || node.inputs.some((input) => behind.has(input)))
      for (const output of node.outputs) behind.set(output, kernels.get(own.of) ?? null);
  }
  return (value) => {
    const flags = screened.flagsOf(value);
    const kernel = behind.get(value);
    if (!flags || !kernel?.perPosition) return flags;
    if (!flags.perPosition || flags.positions !== kernel.positions || flags.perSample !== kernel.perSample)
      return flags;
    const bits = flags.bits.map((bit, at) => {
      const sample = Math.floor(at / flags.positions);
      return isNaNAt(kernel, sample, at % flags.positions) ? bit : bit & ~NAN;
    });
    return { ...flags, bits };
  };
}

const untold = (origin: Origin, reason: string): Origin => ({
  ...origin,
  evidence: { ...origin.evidence, notLocated: reason },
  explanation: `${origin.explanation} The kernel of ${origin.node ?? 'this node'} makes it from clean inputs; how was not told: ${reason}.`,
});
