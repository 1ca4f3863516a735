/** What passes between the editor and a debug adapter, as far as it tells whether a program stands or runs. */
import * as z from 'zod';

export const traffic = z.object({
  type: z.string(),
  command: z.string().optional(),
  event: z.string().optional(),
  body: z.unknown().optional(),
});

/** Requests that let a program go on. */
export const goesOn: ReadonlySet<string> = new Set([
  'continue',
  'reverseContinue',
  'next',
  'stepIn',
  'stepOut',
  'stepBack',
  'goto',
  'restart',
  'restartFrame',
  'disconnect',
  'terminate',
]);
/** Events that say that it did. */
export const ends: ReadonlySet<string> = new Set(['continued', 'terminated', 'exited']);
