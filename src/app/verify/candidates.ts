/** From fixes to trials: what to run, and what of it the reference tells. */
import { NanoscopeError } from '../../core/errors';
import type { BatchFix, BatchRun } from '../../core/fix/batch/types';
import type { Fix } from '../../core/fix/types';
import type { GraphEdit } from '../../core/onnx/edit';
import type { FixResult } from '../../core/report';
import { realPositions } from '../../core/verify/alone';
import { rowsWithin, widthOf } from './comparable';
import { edited } from './edited';
import type { Compared, ReferenceRun } from './reference';
import type { Arena } from './arena';
import { judge, type About, type Trial, type TrialRun } from './trial';

export interface Proposal {
  readonly about: About;
  /** Or why it does not apply. */
  readonly trial: Trial | string;
}

export function graphTrial(arena: Arena, fix: Fix): Proposal {
  const about: About = {
    id: fix.id,
    kind: fix.trap === true ? 'trap' : 'graph',
    title: fix.title,
    effect: fix.effect,
  };
  const plan = fix.plan(arena.context);
  return { about, trial: plan.applies ? editTrial(arena, about, plan.edits) : plan.reason };
}

/** The padded batch on an edited model. */
export function editTrial(arena: Arena, about: About, edits: readonly GraphEdit[]): Trial {
  const { measured, reference, roles } = arena;
  const compared = reference.compared.map((own) => ({ own, pairs: own.pairs }));
  return {
    about,
    model: edited(measured.target.graph.model, edits),
    runs: [{ feeds: measured.target.inputs, roles, compared }],
    edits: edits.length,
  };
}

export function batchTrial(arena: Arena, fix: BatchFix): Proposal {
  const { measured, specs, roles, model } = arena;
  const { target, inputAxes } = measured;
  const about: About = { id: fix.id, kind: 'batch', title: fix.title, effect: fix.effect };
  const plan = fix.plan({ inputs: target.inputs, specs, axes: inputAxes, roles });
  if (!plan.applies) return { about, trial: plan.reason };
  const alone = plan.runs.some((run) => run.layout.kind === 'alone');
  if (alone && arena.reference.kind === 'none')
    return { about, trial: arena.reference.reason ?? 'there is nothing to compare with' };
  return {
    about: {
      ...about,
      effect: `${fix.effect} ${plan.note}`,
      ...(alone && { batches: plan.runs.map(({ samples }) => samples) }),
    },
    trial: {
      about: {
        ...about,
        effect: `${fix.effect} ${plan.note}`,
        ...(alone && { batches: plan.runs.map(({ samples }) => samples) }),
      },
      // Other lengths need the model without the shapes of the padded batch.
      model: alone ? model : target.graph.model,
      runs: plan.runs.map((run) => trialRun(arena, run)),
      edits: 0,
    },
  };
}

function trialRun({ measured, reference, roles }: Arena, run: BatchRun): TrialRun {
  const { grid } = measured;
  const rolesHere = run.layout.kind === 'padded' ? run.layout.roles : null;
  const compared = reference.compared.flatMap((own) => {
    const at = run.samples.indexOf(own.sample);
    if (at < 0) return [];
    const counterpart = own.pairs.map(([, row]) => row);
    return [{ own, pairs: rowsOf(own, at).map((row, i) => [row, counterpart[i] ?? 0] as const) }];
  });
  return { feeds: run.feeds, roles: rolesHere, compared };

  /** Rows of this run that hold the real tokens of a sample, in their order. */
  function rowsOf(own: Compared, at: number): number[] {
    if (own.leading === 1) return [at];
    if (rolesHere === null) {
      const { length } = rowsWithin(own, realPositions(roles, own.sample));
      return own.pairs.map((_, i) => at * length + i);
    }
    const width = widthOf(own, grid);
    return rowsWithin(own, realPositions(rolesHere, own.sample)).map((row) => at * width + row);
  }
}

/** What the engine refuses is declined with its words. */
export async function tried(arena: Arena, proposal: Proposal, plain: number): Promise<FixResult> {
  const { job, measured, reference } = arena;
  const { trial } = proposal;
  if (typeof trial === 'string') return declined(proposal.about, trial, reference);
  try {
    return await judge(job, measured, reference, trial, plain);
  } catch (error) {
    if (error instanceof NanoscopeError && error.code !== 'cancelled' && error.code !== 'timeout') {
      return declined(proposal.about, `The engine does not accept it: ${error.message}`, reference, trial.edits);
    }
    throw error;
  }
}

export const declined = (about: About, reason: string, reference: ReferenceRun, edits = 0): FixResult => ({
  ...about,
  verdict: 'declines',
  reason,
  reference: reference.kind,
  nanAfter: null,
  realNanAfter: null,
  realMaxAbsDiff: null,
  tolerance: reference.tolerance,
  topTokenSame: null,
  costRatio: null,
  edits,
});
