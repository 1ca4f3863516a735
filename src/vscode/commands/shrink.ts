/** *Shrink Model*: the smallest model and batch that still show the birth in front, as a folder for a bug report. */
import * as vscode from 'vscode';
import { NanoscopeError } from '../../core/errors';
import { cancellable } from '../cancellable';
import type { Panels } from '../panel/panels';
import { plainText } from '../plainText';
import type { Workshop } from '../work';

/** @returns the report, which is opened; `undefined` when dismissed or cancelled */
export async function shrinkModel(panels: Panels, workshop: Workshop): Promise<vscode.Uri | undefined> {
  const session = panels.current?.session;
  const origins = session?.current.report?.origins ?? [];
  if (!session || origins.length === 0 || session.current.readOnly) {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('There is no model with NaN in front.'),
      vscode.l10n.t('Diagnose a model in which NaN is born, then shrink it.'),
    );
  }
  const name = plainText(session.current.modelName.split('?')[0] ?? 'model', 80).replace(/\.onnx$/i, '');
  const parent = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Make the folder {0} in', `${name}.shrunk`),
    openLabel: vscode.l10n.t('Shrink into Here'),
    canSelectFiles: false,
    canSelectFolders: true,
    canSelectMany: false,
    ...startFolder(),
  });
  const folder = parent?.[0] && vscode.Uri.joinPath(parent[0], `${name.replace(/[^\p{L}\p{N}._-]+/gu, '-')}.shrunk`);
  if (!folder) {
    return undefined;
  }
  const files = await cancellable(vscode.l10n.t('NaNoscope: shrinking {0}', name), (onProgress, signal) =>
    workshop.shrink(session.diagnoseRequest(), folder.fsPath, { onProgress }, signal),
  );
  if (!files) {
    return undefined;
  }
  const report = vscode.Uri.file(files.report);
  await vscode.commands.executeCommand('markdown.showPreview', report);
  return report;
}

function startFolder(): { readonly defaultUri?: vscode.Uri } {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  return folder ? { defaultUri: folder } : {};
}
