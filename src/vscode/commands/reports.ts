/** Commands about the report or comparison in front: copy, save, and open one that was saved. */
import * as vscode from 'vscode';
import { markdownReport } from '../../app/render/markdown';
import { NanoscopeError } from '../../core/errors';
import type { Report } from '../../core/report';
import type { Panels } from '../panel/panels';
import { plainText } from '../plainText';
import { copyComparison, saveComparison } from '../panel/comparisonFiles';
import { parseSaved, printSaved, requireReportSize, type Saved } from '../savedReport';

export async function copyMarkdown(panels: Panels): Promise<void> {
  const saved = inFront(panels);
  if (saved.kind === 'comparison') {
    return copyComparison(saved.comparison);
  }
  await vscode.env.clipboard.writeText(markdownReport(saved.report));
  vscode.window.setStatusBarMessage(vscode.l10n.t('Report copied as Markdown'), 3000);
}

/** @returns where it was written; `undefined` when dismissed */
export async function saveReport(panels: Panels, resource?: unknown): Promise<vscode.Uri | undefined> {
  const saved = inFront(panels);
  if (saved.kind === 'comparison') {
    return saveComparison(saved.comparison, 'json');
  }
  const { report } = saved;
  const target = resource instanceof vscode.Uri ? resource : await askTarget(report);
  if (target) {
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(printSaved(report)));
    vscode.window.setStatusBarMessage(vscode.l10n.t('Report saved'), 3000);
  }
  return target;
}

/** Works in untrusted workspaces: a report is data, checked and shown as text. */
export async function openReport(panels: Panels, resource?: unknown): Promise<void> {
  const file = resource instanceof vscode.Uri ? resource : await askReport();
  if (!file) {
    return;
  }
  const name = plainText(vscode.workspace.asRelativePath(file), 200);
  const saved = parseSaved(await read(file, name), name);
  const { session, comparing } = panels.reveal({ kind: 'report', from: file.toString() });
  if (saved.kind === 'report') session.open(saved.report);
  else comparing.open(saved.comparison, name, null);
}

/** @throws NanoscopeError `usage` when no panel has one */
function inFront(panels: Panels): Saved {
  const saved = panels.inFront;
  if (saved === null) {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('There is no report yet.'),
      vscode.l10n.t('Diagnose a model, or open a saved report.'),
    );
  }
  return saved;
}

async function askTarget(report: Report): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const name = `${report.model.name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 100)}.nanoscope.json`;
  return vscode.window.showSaveDialog({
    title: vscode.l10n.t('Save Report as JSON'),
    filters: { JSON: ['json'] },
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, name) } : {}),
  });
}

async function askReport(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Open Saved Report'),
    canSelectMany: false,
    filters: { [vscode.l10n.t('NaNoscope report or trace')]: ['json', 'jsonl'] },
    ...(folder ? { defaultUri: folder } : {}),
  });
  return chosen?.[0];
}

/** @throws NanoscopeError `file-not-found`, `file-unreadable` */
async function read(file: vscode.Uri, name: string): Promise<Uint8Array> {
  const { size } = await explained(name, () => vscode.workspace.fs.stat(file));
  requireReportSize(size, name);
  return explained(name, () => vscode.workspace.fs.readFile(file));
}

async function explained<T>(name: string, action: () => Thenable<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const missing = error instanceof vscode.FileSystemError && error.code === 'FileNotFound';
    throw new NanoscopeError(
      missing ? 'file-not-found' : 'file-unreadable',
      missing ? vscode.l10n.t('{0} does not exist.', name) : vscode.l10n.t('{0} cannot be read.', name),
      vscode.l10n.t('Choose another file.'),
      { cause: error },
    );
  }
}
