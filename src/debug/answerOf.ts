/** One expression of the helper, evaluated in a frame of the program: its answer, which is ASCII text. */
import type { Evaluate } from '../app/live/ports';
import { NanoscopeError } from '../core/errors';

/** @throws NanoscopeError `debugger`: the expression raised something */
export async function answerOf(evaluate: Evaluate, frameId: number, expression: string): Promise<string> {
  const { result, type } = await evaluate({ expression, frameId, context: 'clipboard' });
  // debugpy tells what was raised as a success, with the exception's name as the type.
  if (type !== null && !textTypes.has(type)) throw refused(`${type}: ${result}`);
  return unquoted(result);
}

/** What adapters call text; some call it nothing. */
const textTypes: ReadonlySet<string> = new Set(['', 'str', 'string', 'String']);

/** Adapters give text as it is, or as the language would write it. Ours is ASCII without a quote or backslash of its own… */
function unquoted(result: string): string {
  const quote = result[0];
  if ((quote !== "'" && quote !== '"') || !result.endsWith(quote) || result.length < 2) return result;
  // …but JSON has both; a literal escapes the backslash and, where both quotes occur, the single one.
  return result.slice(1, -1).replace(/\\(\\|'|")/g, '$1');
}

const refused = (why: string): NanoscopeError =>
  new NanoscopeError(
    'debugger',
    `The program could not be read: ${why.slice(0, 400)}`,
    'Step to another line or choose another frame; the program itself was not changed.',
  );
