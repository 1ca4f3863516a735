/** Has a Python program record its modules, over `evaluate` requests. */
import type { Evaluate, FrameRef, ModuleRecorder, RecordOptions } from '../app/live/ports';
import { recordExpression } from './pythonHelper';
import { PythonInstalled } from './pythonInstalled';

export class PythonRecorder implements ModuleRecorder {
  private readonly helper: PythonInstalled;

  constructor(evaluate: Evaluate) {
    this.helper = new PythonInstalled(evaluate);
  }

  async start(frame: FrameRef | null, options: RecordOptions): Promise<void> {
    await this.helper.do(frame, recordExpression.start(options));
  }

  async stop(frame: FrameRef | null): Promise<void> {
    await this.helper.doIfThere(frame, recordExpression.stop);
  }
}
