/** Debugging: the view of tensors, hovers and line ends, over one watch of the frame that is looked at. */
import * as vscode from 'vscode';
import { GuardControl } from '../../app/live/guardControl';
import type { Adapter, Evaluate, FrameRef, ModuleRecorder, NanGuard, TensorReader } from '../../app/live/ports';
import { Recording } from '../../app/live/recording';
import { TensorWatch } from '../../app/live/tensorWatch';
import type { Report } from '../../core/report';
import { viewIds } from '../contributions';
import type { Log } from '../log';
import { readSetting } from '../settings';
import { Frames } from './frames';
import { GuardFace } from './guardFace';
import { RecordingFace } from './recordingFace';
import { followSessions } from './sessions';
import { registerLanguages } from './language';
import { TensorsView } from './tensorsView';

export interface DebuggingParts {
  /** Where traces are kept. */
  readonly storage: vscode.Uri;
  readonly showReport: (file: vscode.Uri, report: Report, first: boolean) => void;
  readonly extension: vscode.Uri;
  readonly memory: vscode.Memento;
  readonly log: Log;
  /** Null: tensors of this session cannot be read. */
  readonly readerFor: (sessionType: string, adapter: Adapter, frame: FrameRef) => Promise<TensorReader | null>;
  /** Null: sessions of this type cannot be stopped at the first NaN. */
  readonly guardFor: (sessionType: string, evaluate: Evaluate) => NanGuard | null;
  /** Null: modules of such sessions cannot be recorded. */
  readonly recorderFor: (sessionType: string, evaluate: Evaluate) => ModuleRecorder | null;
}

export interface Debugging {
  readonly guard: GuardControl;
  readonly recording: Recording;
  dispose(): void;
}

export function registerDebugging(parts: DebuggingParts): Debugging {
  const { extension, memory, log, readerFor, guardFor, recorderFor } = parts;
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
  const recordingFace = new RecordingFace(parts);
  const recording = new Recording(recordingFace.parts);
  const sessions = followSessions(
    [
      {
        began: (session, evaluate) => {
          const own = guardFor(session.type, evaluate);
          if (own) guard.began({ id: session.id, name: session.name, guard: own });
        },
        stopped: (id, frame) => {
          guard.stopped(id, frame);
        },
        goesOn: (id) => {
          guard.goesOn(id);
        },
        ended: (id) => {
          guard.ended(id);
        },
      },
      {
        began: (session, evaluate) => {
          const own = recorderFor(session.type, evaluate);
          if (own) recording.began({ id: session.id, name: session.name, recorder: own });
        },
        stopped: (id, frame) => {
          recording.stopped(id, frame);
        },
        goesOn: (id) => {
          recording.goesOn(id);
        },
        ended: (id) => {
          recording.ended(id);
        },
      },
    ],
    report,
  );
  const disposables = vscode.Disposable.from(
    frames,
    face,
    recordingFace,
    sessions,
    registerLanguages(watch, report),
    vscode.window.registerWebviewViewProvider(viewIds.tensors, view),
  );
  return {
    guard,
    recording,
    dispose: () => {
      disposables.dispose();
    },
  };
}
