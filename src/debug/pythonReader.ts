/** Reads tensors out of a stopped Python program by `evaluate` requests, which every Python debugger answers. */
import type { Evaluate, FrameRef, ReadOptions, TensorReader } from '../app/live/ports';
import type { LiveDetail, LiveScope } from '../core/live/tensor';
import { readDetail, readScope } from './answer';
import { answerOf } from './answerOf';
import { detailExpression, installExpression, lookExpression, scopeExpression, type Options } from './pythonHelper';

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
    const found = await answerOf(this.evaluate, frameId, lookExpression);
    if (found === 'none') return null;
    if (found !== 'ready') await answerOf(this.evaluate, frameId, installExpression());
    return answerOf(this.evaluate, frameId, expression());
  }
}
