/** One `evaluate` request of a debug session, which must not be waited for without end. */
import type * as vscode from 'vscode';
import * as z from 'zod';
import type { Evaluate } from '../../app/live/ports';
import { NanoscopeError } from '../../core/errors';

const evaluated = z.object({ result: z.string(), type: z.string().nullish() });

/** Beyond what a reading may take inside the program: an evaluate that waits for a lock never answers. */
const patienceMs = 10_000;

/** @throws NanoscopeError `debugger`: refused, or no answer within 10 s */
export const evaluateIn =
  (session: vscode.DebugSession): Evaluate =>
  async ({ frameId, ...request }) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new NanoscopeError(
            'debugger',
            `The debugger did not answer within ${String(patienceMs / 1000)} s.`,
            'A variable may need a lock that another stopped thread holds. Step on, or choose another frame.',
          ),
        );
      }, patienceMs);
    });
    try {
      const answer: unknown = await Promise.race([
        session.customRequest('evaluate', {
          ...request,
          ...(frameId === null ? {} : { frameId }),
          format: { rawString: true },
        }),
        late,
      ]);
      const { result, type } = evaluated.parse(answer);
      return { result, type: type ?? null };
    } catch (error) {
      if (error instanceof NanoscopeError) throw error;
      throw new NanoscopeError(
        'debugger',
        `The debugger refused: ${error instanceof Error ? error.message : String(error)}`.slice(0, 400),
        'Step to another line or choose another frame; the program itself was not changed.',
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  };
