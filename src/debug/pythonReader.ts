/** Reads tensors out of a stopped Python program by `evaluate` requests, which every Python debugger answers. */
import type { Evaluate, FrameRef, ReadOptions, TensorReader } from '../app/live/ports';
import { NanoscopeError } from '../core/errors';
import type { LiveDetail, LiveScope } from '../core/live/tensor';
import { readDetail, readScope } from './answer';
import { detailExpression, installExpression, lookExpression, scopeExpression, type Options } from './helper';

export class PythonReader implements TensorReader {
  constructor(private readonly evaluate: Evaluate) {}

  async scope(frame: FrameRef, { budgetMs }: ReadOptions): Promise<LiveScope | null> {
    const answer = await this.call(frame, () => scopeExpression({ budgetMs }));
    return answer === null ? null : readScope(answer);
  }

  async detail(
    frame: FrameRef,
    expression: string,
    { budgetMs, index }: ReadOptions & { readonly index?: readonly number[] },
  ): Promise<LiveDetail | null> {
    const options: Options = index === undefined ? { budgetMs } : { budgetMs, index };
    const answer = await this.call(frame, () => detailExpression(expression, options));
    return answer === null ? null : readDetail(answer, index ?? []);
  }

  /** @returns null where the program has no library with tensors */
  private async call({ frameId }: FrameRef, expression: () => string): Promise<string | null> {
    const found = await this.text(frameId, lookExpression);
    if (found === 'none') return null;
    if (found !== 'ready') await this.text(frameId, installExpression());
    return this.text(frameId, expression());
  }

  private async text(frameId: number, expression: string): Promise<string> {
    const { result, type } = await this.evaluate({ expression, frameId, context: 'clipboard' });
    // debugpy tells what was raised as a success, with the exception's name as the type.
    if (type !== null && type !== '' && type !== 'str') throw refused(`${type}: ${result}`);
    return unquoted(result);
  }
}

/** Adapters give a `str` as it is, or as Python would write it. Ours is ASCII without a quote or backslash of its own… */
function unquoted(result: string): string {
  const quote = result[0];
  if ((quote !== "'" && quote !== '"') || !result.endsWith(quote) || result.length < 2) return result;
  // …but JSON has both; Python's repr escapes the backslash and, where both quotes occur, the single one.
  return result.slice(1, -1).replace(/\\(\\|'|")/g, '$1');
}

const refused = (why: string): NanoscopeError =>
  new NanoscopeError(
    'debugger',
    `The program could not be read: ${why.slice(0, 400)}`,
    'Step to another line or choose another frame; the program itself was not changed.',
  );
