/** What a debug adapter is asked, none of which must be waited for without end. */
import type * as vscode from 'vscode';
import * as z from 'zod';
import type { Adapter, Evaluate } from '../../app/live/ports';
import { NanoscopeError } from '../../core/errors';

const evaluated = z.object({ result: z.string(), type: z.string().nullish() });
const scopes = z.object({
  scopes: z.array(z.object({ variablesReference: z.number(), expensive: z.boolean().nullish() })),
});
const variables = z.object({ variables: z.array(z.object({ name: z.string(), evaluateName: z.string().nullish() })) });

/** Beyond what a reading may take inside the program: an evaluate that waits for a lock never answers. */
const patienceMs = 10_000;

/** @throws NanoscopeError `debugger`: refused, or no answer within 10 s */
export const evaluateIn =
  (session: vscode.DebugSession): Evaluate =>
  async ({ frameId, ...request }) => {
    const { result, type } = await asked(session, 'evaluate', evaluated, {
      ...request,
      ...(frameId === null ? {} : { frameId }),
      format: { rawString: true },
    });
    return { result, type: type ?? null };
  };

export const adapterOf = (session: vscode.DebugSession): Adapter => ({
  evaluate: evaluateIn(session),
  names: async ({ frameId }) => {
    const told = await asked(session, 'scopes', scopes, { frameId });
    const each = await Promise.all(
      told.scopes
        .filter(({ expensive }) => expensive !== true)
        .map(async ({ variablesReference }) => asked(session, 'variables', variables, { variablesReference })),
    );
    // Behind a bundler the variable has another name, and only that one can be evaluated.
    return each.flatMap((scope) => scope.variables.map(({ name, evaluateName }) => evaluateName ?? name));
  },
});

async function asked<T>(session: vscode.DebugSession, what: string, answer: z.ZodType<T>, body: object): Promise<T> {
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
    return answer.parse(await Promise.race([session.customRequest(what, body), late]));
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
}
