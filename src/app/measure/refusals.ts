import { NanoscopeError } from '../../core/errors';

/** Codes of what the engine may say to a part, or a variant, of a model that it runs as a whole. */
const refusals: ReadonlySet<string> = new Set([
  'engine-failed',
  'unsupported-op',
  'unsupported-opset',
  'unsupported-type',
]);

export const isRefusal = (error: unknown): error is NanoscopeError =>
  error instanceof NanoscopeError && refusals.has(error.code);
