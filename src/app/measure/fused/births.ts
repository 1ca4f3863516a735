/**
 * The second look at NaN that a fused attention kernel gives from clean inputs: the node is written out in plain
 * operators, and that part of the graph is measured like any other. The kernel's own result stays the measure: rows
 * that it makes finite (zeros for a fully masked row) count as finite inside too.
 */
import type { FlagsOf } from '../../../core/diagnose/newNaN';
import type { OpenedPart } from '../../../core/onnx/bodies/part';
import type { GraphNode } from '../../../core/onnx/graph';
import { Graph } from '../../../core/onnx/graph';
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
import { frameOf, writtenOut } from './write';

type Roles = readonly (readonly string[])[];

/**
 * @param origin at the boundary of `node`, as the report names it.
 * @param frames that lead to the node.
 * @returns what it is made of, still at that node; the boundary's own, with the reason, where nothing more is seen.
 */
export async function locateFused(
  job: EngineJob,
  measured: Measurement,
  node: GraphNode,
  origin: Origin,
  roles: Roles,
  frames: readonly InsideFrame[],
): Promise<Origin[]> {
  // What the boundary can tell (a NaN weight) needs no second look.
  if (origin.mechanism !== 'unknown') return [origin];
  const inside = await bornInside(job, measured, node, origin, roles);
  if (typeof inside === 'string') return [untold(origin, inside)];
  const through = [...frames, frameOf(origin.node ?? node.name, node.op)];
  return inside.map((one): Origin => ({
    ...origin,
    mechanism: one.mechanism,
    // Inside, positions of keys may be told; what the node hands on is told by query.
    positions: inside.length === 1 ? origin.positions : one.positions,
    evidence: { ...one.evidence, expandedNode: one.node, inside: through },
    explanation: `${one.explanation} ${insideText(through)}`,
  }));
}

async function bornInside(
  job: EngineJob,
  measured: Measurement,
  node: GraphNode,
  origin: Origin,
  roles: Roles,
): Promise<readonly Origin[] | string> {
  const part = writtenOut(measured, node);
  if (typeof part === 'string') return part;
  try {
    const graph = new Graph(part.model);
    const read = new Set(graph.inputs);
    const inputs = Object.fromEntries(Object.entries(measured.target.inputs).filter(([name]) => read.has(name)));
    const { externalDataFolder } = measured.target;
    const prepared = await prepare(job, { graph, inputs, externalDataFolder }, measured.inputAxes);
    const screened = await screenPart(job, prepared);
    const asKernel = { ...screened, flagsOf: asTheKernel(screened, part, measured.flagsOf(origin.tensor)) };
    const found = await findings(job, asKernel, roles, () => ({ layer: null, block: null, stage: 'other' }));
    const own = found.origins.filter((one) => {
      const producer = asKernel.target.graph.producer.get(one.tensor);
      return producer !== undefined && part.inner.has(producer.name);
    });
    return own.length === 0 ? 'written out in plain operators, it gave no NaN that nothing before it held' : own;
  } catch (error) {
    if (isRefusal(error)) return `the engine refused what it stands for (${error.message})`;
    throw error;
  }
}

/** From the scores on, rows that the kernel makes finite are finite. */
function asTheKernel(screened: Measurement, part: OpenedPart, kernel: Flags | null): FlagsOf {
  const { graph } = screened.target;
  const behind = new Set<string>();
  for (const node of graph.nodes) {
    const inner = part.inner.get(node.name);
    if (!inner) continue;
    if (inner.name === scoresLabel || node.inputs.some((input) => behind.has(input)))
      for (const output of node.outputs) behind.add(output);
  }
  return (value) => {
    const flags = screened.flagsOf(value);
    if (!flags || !kernel?.perPosition || !behind.has(value)) return flags;
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
