import { NanoscopeError } from '../../core/errors';
import type { WorkerFailure } from '../../protocol/worker';
export function failureError(failure: WorkerFailure): NanoscopeError {
  return new NanoscopeError('engine-failed', failure.text, 'x');
}
