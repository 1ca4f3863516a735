/** Several graph fixes one after the other: each is planned on the model that those before it left. */
import type { Fix, FixContext } from '../../core/fix/types';
import type { GraphEdit } from '../../core/onnx/edit';
import { Graph } from '../../core/onnx/graph';
import type { EngineJob } from '../ports';
import type { Measurement } from '../measure/measure';
import { prepare } from '../measure/measure';
import { edited } from './edited';

export interface PlanInTurn {
  /** To be applied in this order to the unedited model. */
  readonly edits: readonly GraphEdit[];
  readonly notes: readonly string[];
  readonly declined: readonly { readonly fix: Fix; readonly reason: string }[];
}

/** @param all whether a fix that declines ends it: nothing is planned then. */
export async function planInTurn(
  job: EngineJob,
  measured: Measurement,
  context: FixContext,
  fixes: readonly Fix[],
  { all }: { readonly all: boolean },
): Promise<PlanInTurn> {
  const edits: GraphEdit[] = [];
  const notes: string[] = [];
  const declined: { fix: Fix; reason: string }[] = [];
  let now = context;
  for (const [i, fix] of fixes.entries()) {
    const plan = fix.plan(now);
    if (!plan.applies) {
      declined.push({ fix, reason: plan.reason });
      if (all) return { edits: [], notes, declined };
      continue;
    }
    edits.push(...plan.edits);
    notes.push(plan.note);
    if (i < fixes.length - 1) now = await contextAfter(job, measured, context, edits);
  }
  return { edits, notes, declined };
}

/** What the next fix may look at; findings are still those of the unedited model. */
async function contextAfter(
  job: EngineJob,
  measured: Measurement,
  context: FixContext,
  edits: readonly GraphEdit[],
): Promise<FixContext> {
  const { target, inputAxes } = measured;
  const graph = new Graph(edited(target.graph.model, edits));
  const { inputs, externalDataFolder } = target;
  const prepared = await prepare(job, { graph, inputs, externalDataFolder }, inputAxes);
  return {
    ...context,
    graph: prepared.target.graph,
    axes: prepared.axes,
    sites: prepared.sites,
    dtype: (value) => prepared.facts.values.get(value)?.dtype ?? null,
    shape: (value) => prepared.facts.shape(value),
  };
}
