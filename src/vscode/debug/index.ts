/** Debugging: the view of tensors, hovers and line ends, over one watch of the frame that is looked at. */
import * as vscode from 'vscode';
import type { Evaluate, TensorReader } from '../../app/live/ports';
import { TensorWatch } from '../../app/live/tensorWatch';
import { viewIds } from '../contributions';
import type { Log } from '../log';
import { readSetting } from '../settings';
import { Frames } from './frames';
import { registerLanguage } from './language';
import { TensorsView } from './tensorsView';

export interface DebuggingParts {
  readonly extension: vscode.Uri;
  readonly log: Log;
  /** Null: tensors of this type of session cannot be read. */
  readonly readerFor: (sessionType: string, evaluate: Evaluate) => TensorReader | null;
}

export function registerDebugging({ extension, log, readerFor }: DebuggingParts): vscode.Disposable {
  const report = (what: string, error: unknown): void => {
    log.error(what, error);
  };
  const view = new TensorsView(
    extension,
    () => watch,
    (why) => {
      report('A message of the tensors view was ignored', new Error(why));
    },
  );
  const watch: TensorWatch = new TensorWatch({
    budgetMs: () => readSetting('debug.timeBudgetMs'),
    changed: (state) => {
      view.show(state);
    },
    log: report,
  });
  const frames = new Frames({
    readerFor,
    stoppedAt: (frame) => {
      watch.stoppedAt(frame);
    },
    stands: (frame, place) => {
      watch.stands(frame, place);
    },
  });
  return vscode.Disposable.from(
    frames,
    registerLanguage(watch, report),
    vscode.window.registerWebviewViewProvider(viewIds.tensors, view),
  );
}
