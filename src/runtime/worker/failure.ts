import type { FailureKind, WorkerFailure } from '../../protocol/worker';

/** An error that knows at which step it happened; the client puts it into words. */
export class WorkerError extends Error {
  constructor(
    readonly kind: FailureKind,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}

export function toFailure(error: unknown): WorkerFailure {
  if (error instanceof WorkerError) return { kind: error.kind, text: error.message };
  return { kind: 'request', text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
