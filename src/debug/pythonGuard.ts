/** Arms and asks the guard inside a Python program, over `evaluate` requests. */
import type { Evaluate, FrameRef, GuardOptions, NanGuard } from '../app/live/ports';
import type { GuardStatus } from '../core/live/guard';
import { readGuardStatus } from './guardAnswer';
import { guardExpression } from './pythonHelper';
import { PythonInstalled } from './pythonInstalled';

export class PythonGuard implements NanGuard {
  private readonly helper: PythonInstalled;

  constructor(evaluate: Evaluate) {
    this.helper = new PythonInstalled(evaluate);
  }

  async arm(frame: FrameRef | null, options: GuardOptions): Promise<GuardStatus | null> {
    const answer = await this.helper.do(frame, guardExpression.arm(options));
    return answer === null ? null : readGuardStatus(answer);
  }

  async disarm(frame: FrameRef | null): Promise<void> {
    await this.helper.doIfThere(frame, guardExpression.disarm);
  }

  async status(frame: FrameRef): Promise<GuardStatus | null> {
    const answer = await this.helper.doIfThere(frame, guardExpression.status);
    return answer === null ? null : readGuardStatus(answer);
  }
}
