/** Composition root of the extension: builds the parts and connects them. */
import * as vscode from 'vscode';
import { compare } from './app/compare/compare';
import { diagnose } from './app/diagnose';
import type { IncrementalPython } from './app/source/ports';
import { applyFix, undoFix } from './app/fixes';
import { fixSnippet } from './app/fixSnippet';
import { staticLook } from './app/look/staticLook';
import { previewFix } from './app/preview';
import { runExperiments } from './app/experiments/experiment';
import { scan } from './app/scan/scan';
import { shrink } from './app/shrink/shrink';
import { writeShrunk } from './app/shrink/writeShrunk';
import { guardFor, readerFor, recorderFor } from './debug/readers';
import { createEngine } from './runtime/client/engine';
import { nodeFiles } from './runtime/files/nodeFiles';
import { bundledParser, loadPython } from './runtime/python/parser';
import { createApi, type NanoscopeApi } from './vscode/api';
import { registerCommands } from './vscode/commands';
import { registerDebugging } from './vscode/debug';
import { HistoryStore } from './vscode/history/store';
import { Log } from './vscode/log';
import { registerNameHover } from './vscode/nameHover';
import { registerModelEditor } from './vscode/panel/modelEditor';
import { Panels } from './vscode/panel/panels';
import { BatchMemory, PanelStore } from './vscode/panel/store';
import { Queue } from './vscode/queue';
import { Pages } from './vscode/pages';
import { Scans } from './vscode/scans';
import { registerSource } from './vscode/source';
import { ModelSources } from './vscode/source/modelSources';
import { Workshop } from './vscode/work';

let store: PanelStore | undefined;
let history: HistoryStore | undefined;

export function activate(context: vscode.ExtensionContext): NanoscopeApi {
  const log = new Log();
  const workerPath = vscode.Uri.joinPath(context.extensionUri, 'dist', 'worker.js').fsPath;
  const workshop = new Workshop(
    {
      diagnose,
      staticLook,
      applyFix,
      previewFix,
      fixSnippet,
      compare,
      runExperiments,
      shrink,
      writeShrunk,
      undoFix,
      files: nodeFiles,
      engine: (options) =>
        createEngine({
          workerPath,
          options,
          onEnd: (ending) => {
            log.engineEnded(ending);
          },
        }),
    },
    new Queue(),
  );
  const storage = context.storageUri ?? context.globalStorageUri;
  const onProblem = (what: string, error: unknown): void => {
    log.error(what, error);
  };
  store = new PanelStore(vscode.Uri.joinPath(storage, 'panels'), onProblem);
  history = new HistoryStore(vscode.Uri.joinPath(storage, 'history'), onProblem);
  const dist = vscode.Uri.joinPath(context.extensionUri, 'dist').fsPath;
  const python = (): Promise<IncrementalPython> => loadPython(bundledParser(dist));
  const sources = new ModelSources(context.workspaceState, python);
  const panels = new Panels({
    extension: context.extensionUri,
    store,
    memory: new BatchMemory(context.workspaceState),
    history,
    compare: (request, events, signal) => workshop.compare(request, events, signal),
    log,
    goToSource: (report, finding) => sources.goTo(report, finding),
    workFor: (subject) => workshop.workFor(subject.kind === 'file' ? subject.model : null),
  });
  const modelEditor = registerModelEditor(panels);
  const debugging = registerDebugging({
    extension: context.extensionUri,
    memory: context.workspaceState,
    storage: vscode.Uri.joinPath(storage, 'traces'),
    showReport: (file, report, first) => {
      panels.show({ kind: 'report', from: file.toString() }, report, first);
    },
    log,
    readerFor,
    guardFor,
    recorderFor,
  });
  const scans = new Scans(scan, nodeFiles);
  const pages = new Pages();
  const { guard, recording } = debugging;
  const commands = registerCommands({
    panels,
    sources,
    history,
    workshop,
    scans,
    pages,
    guard,
    recording,
    log,
    extensionId: context.extension.id,
  });
  const nameHover = registerNameHover(() => panels.lastReport);
  const source = registerSource({
    python,
    sources,
    lastReport: () => panels.lastReport,
    onDidReport: panels.onDidReport,
    failed: (error) => {
      log.error('Hazards', error);
    },
  });
  context.subscriptions.push(log, sources, panels, pages, modelEditor, commands, debugging, nameHover, source);
  return createApi(workshop);
}

/** What the panels still have to write is on disk before the host goes. */
export async function deactivate(): Promise<void> {
  await Promise.all([store?.settle(), history?.settle()]);
}
