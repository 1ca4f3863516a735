/** *Shrink Model*: the smallest model and batch that still show the birth in front, as a folder for a bug report. */
import * as vscode from 'vscode';
import { NanoscopeError } from '../../core/errors';
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
  const files = await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t('NaNoscope: shrinking {0}', name),
      cancellable: true,
    },
    async (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => {
        controller.abort();
      });
      const onProgress = ({ text }: { readonly text: string }): void => {
        progress.report({ message: plainText(text, 100) });
      };
      try {
        return await workshop.shrink(session.diagnoseRequest(), folder.fsPath, { onProgress }, controller.signal);
      } catch (error) {
        if (controller.signal.aborted) {
          return undefined;
        }
        throw error;
      }
    },
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
