/** The helper inside one Python program: asked in a stopped frame, or told blindly while the program runs. */
import type { Evaluate, FrameRef } from '../app/live/ports';
import { answerOf } from './answerOf';
import { installExpression, readyExpression, unlessReady, whereReady } from './pythonHelper';

export class PythonInstalled {
  constructor(private readonly evaluate: Evaluate) {}

  /** Null while the program runs: nothing is answered then. @throws NanoscopeError `debugger` */
  async do(frame: FrameRef | null, expression: string): Promise<string | null> {
    if (frame === null) {
      await this.blindly(`(${unlessReady(installExpression())},${expression})`);
      return null;
    }
    if (!(await this.isThere(frame))) await answerOf(this.evaluate, frame.frameId, installExpression());
    return answerOf(this.evaluate, frame.frameId, expression);
  }

  /** Null where the helper was never put into this process, and while it runs. @throws NanoscopeError `debugger` */
  async doIfThere(frame: FrameRef | null, expression: string): Promise<string | null> {
    if (frame === null) {
      await this.blindly(whereReady(expression));
      return null;
    }
    return (await this.isThere(frame)) ? answerOf(this.evaluate, frame.frameId, expression) : null;
  }

  private async isThere({ frameId }: FrameRef): Promise<boolean> {
    return (await answerOf(this.evaluate, frameId, readyExpression)) === 'ready';
  }

  private async blindly(expression: string): Promise<void> {
    // Debugpy runs it as if it were typed, and would print what it gives.
    await this.evaluate({ expression: `(${expression},None)[-1]`, frameId: null, context: 'clipboard' });
  }
}
