/** Every command with its handler; a missing one does not compile. */
import * as vscode from 'vscode';
import type { GuardControl } from '../../app/live/guardControl';
import type { Recording } from '../../app/live/recording';
import { commandIds, walkthroughId, type CommandName } from '../contributions';
import type { HistoryStore } from '../history/store';
import type { Log } from '../log';
import type { Panels } from '../panel/panels';
import type { ModelSources } from '../source/modelSources';
import type { Pages } from '../pages';
import type { Scans } from '../scans';
import type { Workshop } from '../work';
import { compareModels } from './compare';
import { diagnoseBuiltIn } from './diagnoseBuiltIn';
import { diagnoseModel } from './diagnoseModel';
import { runExperiment } from './experiments';
import { applyFix, copyFixSnippet, undoFix } from './fixes';
import { copyMarkdown, openReport, saveReport } from './reports';
import { goToSource } from './goToSource';
import { scanFiles } from './scan';
import { showHistory } from './history';
import { shrinkModel } from './shrink';
import { copySnippet } from './snippet';

export interface CommandParts {
  readonly panels: Panels;
  readonly sources: ModelSources;
  readonly history: HistoryStore;
  readonly workshop: Workshop;
  readonly scans: Scans;
  readonly pages: Pages;
  readonly guard: GuardControl;
  readonly recording: Recording;
  readonly log: Log;
  /** `publisher.name` of this extension. */
  readonly extensionId: string;
}

type Handler = (...args: readonly unknown[]) => unknown;

/** Failures are told to the person here; a handler only throws. */
export function registerCommands(parts: CommandParts): vscode.Disposable {
  const { log } = parts;
  const registered = Object.entries(handlers(parts)).map(([name, handler]) =>
    vscode.commands.registerCommand(commandIds[name as CommandName], async (...args: readonly unknown[]) => {
      try {
        return await handler(...args);
      } catch (error) {
        // Not awaited: a caller of the command need not wait until the notification is closed.
        void log.tell(name, error);
        return undefined;
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}

function handlers({
  panels,
  sources,
  history,
  workshop,
  scans,
  pages,
  guard,
  recording,
  log,
  extensionId,
}: CommandParts): Readonly<Record<CommandName, Handler>> {
  return {
    diagnose: (resource, selected) => diagnoseModel(panels, resource, selected),
    diagnoseFile: (resource, selected) => diagnoseModel(panels, resource, selected),
    diagnoseBuiltIn: () => diagnoseBuiltIn(panels),
    compare: () => compareModels(panels, history),
    experiment: (name, layers) => runExperiment(workshop, pages, name, layers),
    history: () => showHistory(panels, history),
    cancel: () => {
      for (const run of panels.running) {
        run.cancel();
      }
    },
    tryFixes: () => panels.current?.session.run(undefined, true),
    applyFix: () => applyFix(panels),
    undoFix: () => undoFix(panels),
    copyFixSnippet: (fixId) => copyFixSnippet(panels, fixId),
    shrink: () => shrinkModel(panels, workshop),
    scan: (resource, selected) => scanFiles(scans, pages, resource, selected),
    scanFile: (resource, selected) => scanFiles(scans, pages, resource, selected),
    copyMarkdown: () => copyMarkdown(panels),
    copySnippet: () => copySnippet(panels),
    saveReport: (resource) => saveReport(panels, resource),
    openReport: (resource) => openReport(panels, resource),
    goToSource: () => goToSource(panels, sources),
    breakOnFirstNaN: () => {
      guard.set(!guard.view.on);
    },
    recordModules: () => recording.toggle(vscode.debug.activeDebugSession?.id ?? null),
    showLog: () => {
      log.show();
    },
    openWalkthrough: () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${extensionId}#${walkthroughId}`, false),
  };
}
