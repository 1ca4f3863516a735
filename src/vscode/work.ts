/** Binds the use cases to an engine with today's settings, to files, and to the one engine that may run. */
import * as vscode from 'vscode';
import type { Engine, EngineOptions } from '../app/ports';
import { appliedInPlace } from '../app/apply/inPlaceOf';
import { weightsOffer } from '../app/apply/weights';
import type { compare, CompareRequest } from '../app/compare/compare';
import type { ExperimentRequest, runExperiments } from '../app/experiments/experiment';
import type { fixSnippet } from '../app/fixSnippet';
import type { staticLook } from '../app/look/staticLook';
import type { shrink } from '../app/shrink/shrink';
import { freeFolder, type ShrunkFiles, type writeShrunk } from '../app/shrink/writeShrunk';
import { openSubject } from '../app/subject';
import type {
  ApplyFix,
  Diagnose,
  DiagnoseDeps,
  DiagnoseEvents,
  DiagnoseRequest,
  FileAccess,
  PreviewFix,
  UndoFix,
} from '../app/useCases';
import { isBuiltin } from '../core/models';
import type { Comparison } from '../core/compare/types';
import type { ExperimentResult } from '../core/experiments/types';
import type { Report } from '../core/report';
import { requireTrust } from './log';
import type { Work } from './panel/sessionParts';
import type { Queue } from './queue';
import { engineOptions, readSetting } from './settings';

export interface UseCases {
  readonly diagnose: Diagnose;
  readonly staticLook: typeof staticLook;
  readonly applyFix: ApplyFix;
  readonly previewFix: PreviewFix;
  readonly fixSnippet: typeof fixSnippet;
  readonly undoFix: UndoFix;
  readonly compare: typeof compare;
  readonly runExperiments: typeof runExperiments;
  readonly shrink: typeof shrink;
  readonly writeShrunk: typeof writeShrunk;
  readonly engine: (options: EngineOptions) => Engine;
  readonly files: FileAccess;
}

export class Workshop {
  constructor(
    private readonly useCases: UseCases,
    private readonly queue: Queue,
  ) {}

  /** @param model path or `builtin:…`: settings may differ between folders */
  workFor(model: string | null): Work {
    const { useCases } = this;
    const scope = model === null || isBuiltin(model) ? undefined : vscode.Uri.file(model);
    return {
      diagnose: (request, events, signal) => this.diagnose(request, events, signal),
      look: (request, signal) =>
        this.atWork(request.model, {}, signal, (deps) => useCases.staticLook(deps, request, signal)),
      applyFix: (request, events, signal) =>
        this.atWork(request.model, events, signal, (deps) => useCases.applyFix(deps, request, events, signal)),
      previewFix: (request, events, signal) =>
        this.atWork(request.model, events, signal, (deps) => useCases.previewFix(deps, request, events, signal)),
      fixSnippet: (request, events, signal) =>
        this.atWork(request.model, events, signal, (deps) => useCases.fixSnippet(deps, request, events, signal)),
      undoFix: (file) => useCases.undoFix({ files: useCases.files }, file),
      appliedInPlace: (subject) => appliedInPlace(useCases.files, subject),
      inputsOf: async (subject) => (await openSubject(useCases.files, subject)).graph.inputs,
      weightsOf: async (subject) =>
        weightsOffer((await openSubject(useCases.files, subject)).loaded, useCases.files.basename),
      stamp,
      triesFixes: () => readSetting('fixes.runAutomatically', scope),
    };
  }

  /** @throws NanoscopeError with a text for a person */
  diagnose(request: DiagnoseRequest, events: DiagnoseEvents, signal?: AbortSignal): Promise<Report> {
    return this.atWork(request.model, events, signal, (deps) => this.useCases.diagnose(deps, request, events, signal));
  }

  /** @throws NanoscopeError with a text for a person */
  compare(request: CompareRequest, events: DiagnoseEvents, signal: AbortSignal): Promise<Comparison> {
    return this.atWork(request.models[0] ?? '', events, signal, (deps) =>
      this.useCases.compare(deps, request, events, signal),
    );
  }

  /** @throws NanoscopeError with a text for a person */
  experiments(
    request: ExperimentRequest,
    events: DiagnoseEvents,
    signal: AbortSignal,
  ): Promise<readonly ExperimentResult[]> {
    return this.atWork('builtin:', events, signal, async (deps) => {
      const results: ExperimentResult[] = [];
      const { onProgress } = events;
      const keep = (result: ExperimentResult): void => void results.push(result);
      await this.useCases.runExperiments(deps, request, { ...(onProgress && { onProgress }) }, keep, signal);
      return results;
    });
  }

  /** Into the folder, or one beside it where that is taken. @throws NanoscopeError with a text for a person */
  async shrink(
    request: DiagnoseRequest,
    folder: string,
    events: DiagnoseEvents,
    signal: AbortSignal,
  ): Promise<ShrunkFiles> {
    const shrunk = await this.atWork(request.model, events, signal, (deps) =>
      this.useCases.shrink(deps, request, events, signal),
    );
    const { files, writeShrunk } = this.useCases;
    return writeShrunk(files, shrunk, await freeFolder(files, folder));
  }

  private atWork<T>(
    model: string,
    events: DiagnoseEvents,
    signal: AbortSignal | undefined,
    action: (deps: DiagnoseDeps) => Promise<T>,
  ): Promise<T> {
    requireTrust();
    const { engine, files } = this.useCases;
    const scope = isBuiltin(model) ? undefined : vscode.Uri.file(model);
    const onWait = (): void => {
      events.onProgress?.({ text: vscode.l10n.t('Waiting for another diagnosis'), fraction: null });
    };
    return this.queue.run(signal, onWait, () => action({ engine: engine(engineOptions(scope)), files }));
  }
}

async function stamp(path: string): Promise<string | null> {
  try {
    const { mtime, size } = await vscode.workspace.fs.stat(vscode.Uri.file(path));
    return `${String(mtime)}:${String(size)}`;
  } catch {
    return null; // gone, or out of reach: either way not what was diagnosed
  }
}
