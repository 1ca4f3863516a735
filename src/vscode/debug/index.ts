/** Debugging: the view of tensors, hovers and line ends, over one watch of the frame that is looked at. */
import * as vscode from 'vscode';
import { GuardControl } from '../../app/live/guardControl';
import type { Evaluate, NanGuard, TensorReader } from '../../app/live/ports';
import { TensorWatch } from '../../app/live/tensorWatch';
import { viewIds } from '../contributions';
import type { Log } from '../log';
import { readSetting } from '../settings';
import { Frames } from './frames';
import { GuardFace } from './guardFace';
import { watchSessions } from './guardSessions';
import { registerLanguage } from './language';
import { TensorsView } from './tensorsView';

export interface DebuggingParts {
  readonly extension: vscode.Uri;
  readonly memory: vscode.Memento;
  readonly log: Log;
  /** Null: tensors of this type of session cannot be read. */
  readonly readerFor: (sessionType: string, evaluate: Evaluate) => TensorReader | null;
  /** Null: sessions of this type cannot be stopped at the first NaN. */
  readonly guardFor: (sessionType: string, evaluate: Evaluate) => NanGuard | null;
}

export interface Debugging {
  readonly guard: GuardControl;
  dispose(): void;
}

export function registerDebugging({ extension, memory, log, readerFor, guardFor }: DebuggingParts): Debugging {
  const report = (what: string, error: unknown): void => {
    log.error(what, error);
  };
  const view = new TensorsView(
    extension,
    () => watch,
    () => guard,
    (why) => {
      report('A message of the tensors view was ignored', new Error(why));
    },
  );
  const watch: TensorWatch = new TensorWatch({
    budgetMs: () => readSetting('debug.timeBudgetMs'),
    changed: () => {
      view.show();
    },
    log: report,
  });
  const face = new GuardFace(memory);
  const guard: GuardControl = new GuardControl(face.remembered(), {
    changed: (shown) => {
      face.show(shown);
      view.show();
    },
    log: report,
  });
  face.show(guard.view);
  const frames = new Frames({
    readerFor,
    stoppedAt: (frame) => {
      watch.stoppedAt(frame);
    },
    stands: (frame, place) => {
      watch.stands(frame, place);
    },
  });
  const parts = vscode.Disposable.from(
    frames,
    face,
    watchSessions(guard, guardFor, report),
    registerLanguage(watch, report),
    vscode.window.registerWebviewViewProvider(viewIds.tensors, view),
  );
  return {
    guard,
    dispose: () => {
      parts.dispose();
    },
  };
}
