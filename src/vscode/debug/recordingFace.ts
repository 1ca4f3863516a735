/** Recording modules in the editor: an item in the status bar while it runs, the panel that grows, the trace to keep. */
import * as vscode from 'vscode';
import type { RecordingParts, RecordingState } from '../../app/live/recording';
import type { Report } from '../../core/report';
import { commandIds } from '../contributions';
import type { Log } from '../log';
import { plainText } from '../plainText';

export interface FaceParts {
  readonly storage: vscode.Uri;
  readonly showReport: (file: vscode.Uri, report: Report, first: boolean) => void;
  readonly log: Log;
}

/** Traces that are kept; the oldest goes. */
const mostTraces = 10;

export class RecordingFace implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('nanoscope.recording', vscode.StatusBarAlignment.Left, 9);
  private shown: string | null = null;

  constructor(private readonly own: FaceParts) {
    this.item.name = vscode.l10n.t('Record Module Trace');
    this.item.command = commandIds.recordModules;
  }

  get parts(): RecordingParts {
    return {
      newFile: async () => this.newFile(),
      read: async (file) => {
        try {
          return new TextDecoder().decode(await vscode.workspace.fs.readFile(vscode.Uri.file(file)));
        } catch {
          return null;
        }
      },
      changed: (state) => {
        this.show(state);
      },
      grown: (file, report) => {
        this.own.showReport(vscode.Uri.file(file), report, this.shown !== file);
        this.shown = file;
      },
      done: (file, report) => {
        void this.offer(file, report);
      },
      failed: (error) => {
        void this.own.log.tell('Record Module Trace', error);
      },
      later: (ms, call) => {
        const timer = setTimeout(call, ms);
        return () => {
          clearTimeout(timer);
        };
      },
    };
  }

  dispose(): void {
    this.item.dispose();
  }

  private show({ phase, session }: RecordingState): void {
    this.item.text = `$(record) ${vscode.l10n.t('Recording modules')}`;
    this.item.tooltip = plainText(
      phase === 'waiting'
        ? vscode.l10n.t('The next Python program that is debugged is recorded. Click to leave it.')
        : vscode.l10n.t('Records the modules of {0}. Click to end it.', session ?? ''),
    );
    if (phase === 'off') this.item.hide();
    else this.item.show();
  }

  private async newFile(): Promise<string> {
    const { storage } = this.own;
    await vscode.workspace.fs.createDirectory(storage);
    const old = (await vscode.workspace.fs.readDirectory(storage))
      .map(([name]) => name)
      .filter((name) => name.endsWith('.jsonl'))
      .sort();
    for (const name of old.slice(0, Math.max(0, old.length - mostTraces + 1))) {
      await vscode.workspace.fs.delete(vscode.Uri.joinPath(storage, name));
    }
    // Names sort by time, and no two are alike.
    const name = `${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl`;
    return vscode.Uri.joinPath(storage, name).fsPath;
  }

  private async offer(file: string, report: Report | null): Promise<void> {
    if (report === null) {
      void vscode.window.showInformationMessage(
        vscode.l10n.t('No module was called while it was recorded. Record while the model runs.'),
      );
      return;
    }
    const save = vscode.l10n.t('Save Trace…');
    const chosen = await vscode.window.showInformationMessage(
      vscode.l10n.t('The modules of {0} are recorded.', plainText(report.model.name, 100)),
      save,
    );
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
    const name = `${report.model.name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 100)}.nanoscope.jsonl`;
    const target =
      chosen === save
        ? await vscode.window.showSaveDialog({
            title: vscode.l10n.t('Save Trace'),
            filters: { JSONL: ['jsonl'] },
            ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, name) } : {}),
          })
        : undefined;
    if (target) await vscode.workspace.fs.copy(vscode.Uri.file(file), target, { overwrite: true });
  }
}
