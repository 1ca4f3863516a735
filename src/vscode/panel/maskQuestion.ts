/** Which input is the mask, asked when a run needs it. */
import { NanoscopeError } from '../../core/errors';

const maskCodes: ReadonlySet<string> = new Set(['mask-missing', 'mask-ambiguous']);

export const asksForMask = (error: unknown): error is NanoscopeError =>
  error instanceof NanoscopeError && maskCodes.has(error.code);

/** A first look goes without. */
export function unlessMaskUnclear(error: unknown): null {
  if (asksForMask(error)) {
    return null;
  }
  throw error;
}
