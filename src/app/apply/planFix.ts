/** From the name of a fix to an edited model; nothing is written here. */
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../../core/errors';
import type { Fix, FixContext, FixPlan } from '../../core/fix/types';
import { editsOfClosed } from '../../core/onnx/closedEdits';
import type { GraphEdit } from '../../core/onnx/edit';
import { Graph } from '../../core/onnx/graph';
import type { LoadedModel } from '../../core/onnx/load';
import type { Diagnosis } from '../diagnose';
import { runDiagnosis } from '../diagnose';
import type { EngineJob } from '../ports';
import type { Subject } from '../subject';
import type { DiagnoseDeps, DiagnoseEvents, DiagnoseRequest } from '../useCases';
import { edited } from '../verify/edited';
import { refuseTwice } from './applied';

/** One fix of several, with the graph that it found and the one that it left; local functions are open in both. */
export interface FixStep {
  readonly fix: Fix;
  readonly plan: Extract<FixPlan, { readonly applies: true }>;
  readonly context: FixContext;
  readonly before: Graph;
  readonly after: Graph;
}

export interface PlannedFix {
  readonly diagnosis: Diagnosis;
  readonly steps: readonly FixStep[];
  /** What is written: `proto` is an edited clone of `loaded.proto`. */
  readonly loaded: LoadedModel;
  readonly proto: ModelProto;
  /** Number of graph edits, of all steps. */
  readonly edits: number;
}

/**
 * Each fix is planned on what the ones before it left, diagnosed anew: a second fix is there for what the first one
 * leaves behind.
 * @param given the model where it is not the file's own: rounded to another type, say
 * @throws NanoscopeError `fix-declined`, and what a diagnosis throws
 */
export async function planFix(
  job: EngineJob,
  deps: DiagnoseDeps,
  request: DiagnoseRequest,
  fixes: readonly Fix[],
  events: DiagnoseEvents,
  given?: Subject,
): Promise<PlannedFix> {
  if (request.cast !== undefined || request.expandAttention === true) {
    throw new NanoscopeError(
      'fix-declined',
      'A fix is written into the model as it is, not into one that was cast or expanded for the diagnosis.',
      request.cast === undefined
        ? 'Apply the fix without expanding the attention.'
        : 'Export the model in float32 and apply the fix to that.',
    );
  }
  const steps: FixStep[] = [];
  const diagnosis = await runDiagnosis(job, deps, { ...request, fixes: false }, events, given);
  const { subject } = diagnosis;
  refuseTwice(
    subject.name,
    subject.file.proto,
    fixes.map(({ id }) => id),
  );
  let now: Subject = subject;
  let context = diagnosis.context;
  // Functions stay functions in what is written, unless a fix has to change what is inside one.
  let closed: ModelProto | null = subject.file.proto;
  for (const [i, fix] of fixes.entries()) {
    if (i > 0) {
      events.onProgress?.({ text: `Diagnosing what ${fixes[i - 1]?.id ?? ''} leaves behind`, fraction: null });
      const again = await runDiagnosis(job, deps, { ...request, fixes: false }, events, now);
      // Who is padding does not change; a mask that was mended may no longer tell it as clearly.
      context = { ...again.context, padding: diagnosis.context.padding };
    }
    const plan = planOrThrow(fix, context, steps);
    const edits: readonly GraphEdit[] | null =
      closed && editsOfClosed(plan.edits, now.graph, subject.inlined.inside, closed);
    closed = closed && edits ? edited(closed, edits) : null;
    const after = edited(now.loaded.proto, plan.edits);
    const graph = new Graph(after);
    steps.push({ fix, plan, context, before: now.graph, after: graph });
    now = { ...now, loaded: { ...now.loaded, proto: after }, graph };
  }
  return {
    diagnosis,
    steps,
    ...(closed ? { loaded: subject.file, proto: closed } : { loaded: subject.loaded, proto: now.loaded.proto }),
    edits: steps.reduce((sum, { plan }) => sum + plan.edits.length, 0),
  };
}

function planOrThrow(fix: Fix, context: FixContext, before: readonly FixStep[]): FixStep['plan'] {
  const plan = fix.plan(context);
  if (plan.applies) return plan;
  const done = before.map((step) => step.fix.id).join(' and ');
  throw new NanoscopeError(
    'fix-declined',
    `“${fix.title}” does not apply${done === '' ? '' : ` after ${done}`}: ${plan.reason}`,
    'Choose one of the fixes that the diagnosis offers.',
  );
}
