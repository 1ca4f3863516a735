/** Applying a fix to a copy of the model, and taking that back. */
import { version } from '../../package.json';
import { fixes } from '../core/fix/index';
import { NanoscopeError } from '../core/errors';
import { editsOfClosed } from '../core/onnx/closedEdits';
import { applyToCopy } from './apply/applyToCopy';
import { undo } from './apply/undo';
import { runDiagnosis } from './diagnose';
import type { ApplyFix, UndoFix } from './useCases';
import { edited } from './verify/tournament';

export const applyFix: ApplyFix = async (deps, request, events, signal) => {
  const fix = fixes.find((entry) => entry.id === request.fixId);
  if (!fix) {
    throw new NanoscopeError(
      'usage',
      `There is no fix "${request.fixId}".`,
      `Known fixes: ${fixes.map((entry) => entry.id).join(', ')}.`,
    );
  }
  if (request.cast !== undefined) {
    throw new NanoscopeError(
      'fix-declined',
      'A fix is written into the model as it is, not into one that was cast for the diagnosis.',
      'Export the model in float32 and apply the fix to that.',
    );
  }
  const job = deps.engine.start(signal);
  try {
    const { subject, context } = await runDiagnosis(job, deps, { ...request, fixes: false }, events);
    const plan = fix.plan(context);
    if (!plan.applies) {
      throw new NanoscopeError(
        'fix-declined',
        `“${fix.title}” does not apply: ${plan.reason}`,
        'Choose one of the fixes that the diagnosis offers.',
      );
    }
    // Functions stay functions in the copy, unless the fix has to change what is inside one.
    const closed = editsOfClosed(plan.edits, subject.graph, subject.inlined.inside, subject.file.proto);
    return await applyToCopy(deps.files, {
      ...(closed
        ? { loaded: subject.file, proto: edited(subject.file.proto, closed) }
        : { loaded: subject.loaded, proto: edited(subject.loaded.proto, plan.edits) }),
      fixId: fix.id,
      edits: plan.edits.length,
      version,
      out: request.out,
      weights: request.weights,
    });
  } finally {
    await job.close();
  }
};

export const undoFix: UndoFix = undo;
