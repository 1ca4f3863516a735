/** Arms and asks the guard inside a Python program, over `evaluate` requests. */
import type { Evaluate, FrameRef, GuardOptions, NanGuard } from '../app/live/ports';
import type { GuardStatus } from '../core/live/guard';
import { answerOf } from './answerOf';
import { readGuardStatus } from './guardAnswer';
import { guardExpression, installExpression, readyExpression, unlessReady, whereReady } from './helper';

export class PythonGuard implements NanGuard {
  constructor(private readonly evaluate: Evaluate) {}

  async arm(frame: FrameRef | null, options: GuardOptions): Promise<GuardStatus | null> {
    const arm = guardExpression.arm(options);
    if (frame === null) {
      await this.blindly(`(${unlessReady(installExpression())},${arm})`);
      return null;
    }
    if (!(await this.isThere(frame))) await answerOf(this.evaluate, frame.frameId, installExpression());
    return readGuardStatus(await answerOf(this.evaluate, frame.frameId, arm));
  }

  async disarm(frame: FrameRef | null): Promise<void> {
    if (frame === null) await this.blindly(whereReady(guardExpression.disarm));
    else if (await this.isThere(frame)) await answerOf(this.evaluate, frame.frameId, guardExpression.disarm);
  }

  async status(frame: FrameRef): Promise<GuardStatus | null> {
    if (!(await this.isThere(frame))) return null;
    return readGuardStatus(await answerOf(this.evaluate, frame.frameId, guardExpression.status));
  }

  private async isThere({ frameId }: FrameRef): Promise<boolean> {
    return (await answerOf(this.evaluate, frameId, readyExpression)) === 'ready';
  }

  private async blindly(expression: string): Promise<void> {
    // Debugpy runs it as if it were typed, and would print what it gives.
    await this.evaluate({ expression: `(${expression},None)[-1]`, frameId: null, context: 'clipboard' });
  }
}
