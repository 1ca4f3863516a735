/**
 * Which branch of each `If` ran on this batch, and the graph with that branch in the place of its node: what is inside
 * is then measured like anything else, and axes are followed through it.
 */
import { openBranches } from '../../../core/onnx/bodies/branch';
import type { Branch } from '../../../core/onnx/bodies/branch';
import { Graph } from '../../../core/onnx/graph';
import type { GraphNode } from '../../../core/onnx/graph';
import { extended, extract, freshPrefix, node as makeNode } from '../../../core/probe/instrument';
import type { InsideFrame } from '../../../core/report';
import type { TensorData } from '../../../core/tensor';
import type { EngineJob } from '../../ports';
import { encode } from '../facts';
import type { Target } from '../facts';
import type { Prepared } from '../measure';
import { prepare } from '../measure';
import { isRefusal } from '../refusals';
import { runOnce } from '../sessions';

export interface TakenBranches {
  readonly prepared: Prepared;
  /** Nodes that came in, by name: the branches that they stand in, outermost first, and their name in the last. */
  readonly inside: ReadonlyMap<string, { readonly frames: readonly InsideFrame[]; readonly name: string }>;
}

/** Branches within branches are opened one level after the other, so many at most. */
const deepest = 8;

/** @returns null where there is no `If`, or the engine does not run the graph so. */
export async function withTakenBranches(job: EngineJob, prepared: Prepared): Promise<TakenBranches | null> {
  const { target, inputAxes } = prepared;
  let { graph } = target;
  const inside = new Map<string, { frames: readonly InsideFrame[]; name: string }>();
  try {
    for (let depth = 0; depth < deepest; depth += 1) {
      const taken = await branchesTaken(job, { ...target, graph });
      if (taken.size === 0) break;
      const opened = openBranches(graph, taken);
      for (const [own, { name, from, branch }] of opened.inner) {
        const outer = inside.get(from.name)?.frames ?? [];
        inside.set(own, { name, frames: [...outer, { node: from.name, op: from.op, body: branch, iteration: null }] });
      }
      graph = new Graph(opened.model);
    }
    if (inside.size === 0) return null;
    const { inputs, externalDataFolder } = target;
    return { inside, prepared: await prepare(job, { graph, inputs, externalDataFolder }, inputAxes) };
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

async function branchesTaken(job: EngineJob, target: Target): Promise<Map<GraphNode, Branch>> {
  const choices = target.graph.nodes.filter((node) => node.op === 'If' && node.domain === '');
  const conditions = await smallValues(
    job,
    target,
    choices.map((node) => node.inputs[0] ?? ''),
  );
  return new Map(
    choices.flatMap((node): [GraphNode, Branch][] => {
      const condition = conditions.get(node.inputs[0] ?? '');
      if (condition?.data.length !== 1) return [];
      return [[node, Number(condition.data[0]) === 0 ? 'else_branch' : 'then_branch']];
    }),
  );
}

/** Values of this batch that are small: constants, inputs, and what a run of the part that leads to them gives. */
export async function smallValues(
  job: EngineJob,
  target: Target,
  values: readonly string[],
): Promise<ReadonlyMap<string, TensorData>> {
  const { graph, inputs } = target;
  const found = new Map<string, TensorData>();
  const computed = new Map<string, string>();
  const prefix = freshPrefix(graph);
  for (const value of new Set(values)) {
    const known = graph.constant(value) ?? inputs[value];
    if (known) found.set(value, known);
    else if (graph.producer.has(value)) computed.set(value, `${prefix}value_${String(computed.size)}`);
  }
  if (computed.size === 0) return found;
  const model = extended(extract(graph, [...computed.keys()]), {
    nodes: [...computed].map(([value, copy]) => makeNode('Identity', [value], [copy])),
    outputs: [...computed.values()],
    onlyThese: true,
  });
  const { tensors } = await runOnce(job, target, encode(model, target), { fetch: [...computed.values()] });
  for (const [value, copy] of computed) {
    const tensor = tensors[copy];
    if (tensor) found.set(value, tensor);
  }
  return found;
}
