/** Applying fixes, to a copy of the model or in place, and taking that back. */
import { version } from '../../package.json';
import { NanoscopeError } from '../core/errors';
import { isBuiltin } from '../core/models/index';
import { applyInPlace, refuseProtected } from './apply/applyInPlace';
import { applyToCopy } from './apply/applyToCopy';
import { planFix } from './apply/planFix';
import { undo } from './apply/undo';
import { wantedFixes } from './apply/wanted';
import type { ApplyFix, ApplyRequest, FileAccess, UndoFix } from './useCases';

export const applyFix: ApplyFix = async (deps, request, events, signal) => {
  const { files } = deps;
  const fixes = wantedFixes(request.fixId);
  const identity = request.inPlace === true ? await readyInPlace(files, request) : null;
  const job = deps.engine.start(signal);
  // The child is gone before anything is written: on Windows a file that it has mapped could not be replaced.
  const planned = await planFix(job, deps, request, fixes, events).finally(() => job.close());
  const { loaded, proto, edits } = planned;
  const common = { loaded, proto, edits, version, fixId: request.fixId };
  return identity === null
    ? applyToCopy(files, { ...common, out: request.out, weights: request.weights })
    : applyInPlace(files, { ...common, identity });
};

/** What the model is before anybody reads it. Says no before a long diagnosis, not after it. */
async function readyInPlace(files: FileAccess, request: ApplyRequest): Promise<string> {
  if (request.out !== undefined || request.weights !== undefined) {
    throw new NanoscopeError(
      'usage',
      'A fix that is applied in place is written to no other file, and the weights stay where they are.',
      'Leave out where to write and how to keep weights, or apply the fix to a copy.',
    );
  }
  if (isBuiltin(request.model)) {
    throw new NanoscopeError(
      'usage',
      'A built-in model has no file to change in place.',
      'Say where to write the fixed model, or save it as a file first: nanoscope save',
    );
  }
  const model = await files.realPath(request.model);
  await refuseProtected(files, model);
  return files.identity(model);
}

export const undoFix: UndoFix = undo;
