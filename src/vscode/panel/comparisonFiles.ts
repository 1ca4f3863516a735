/** A comparison for others: on the clipboard, or as a file. */
import * as vscode from 'vscode';
import { csvComparison } from '../../app/render/compare/csv';
import { markdownComparison } from '../../app/render/compare/markdown';
import type { Comparison } from '../../core/compare/types';
import type { ExportFormat } from '../../protocol/comparing';
import { printSaved } from '../savedReport';

export async function copyComparison(comparison: Comparison): Promise<void> {
  await vscode.env.clipboard.writeText(markdownComparison(comparison));
  vscode.window.setStatusBarMessage(vscode.l10n.t('Comparison copied as Markdown'), 3000);
}

const formats: Readonly<
  Record<ExportFormat, { readonly name: string; readonly extension: string; readonly text: (of: Comparison) => string }>
> = {
  markdown: { name: 'Markdown', extension: 'md', text: markdownComparison },
  csv: { name: 'CSV', extension: 'csv', text: csvComparison },
  json: { name: 'JSON', extension: 'json', text: printSaved },
};

/** @returns where it was written; `undefined` when dismissed */
export async function saveComparison(comparison: Comparison, as: ExportFormat): Promise<vscode.Uri | undefined> {
  const { name, extension, text } = formats[as];
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const target = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Save Comparison as {0}', name),
    filters: { [name]: [extension] },
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, `comparison.nanoscope.${extension}`) } : {}),
  });
  if (target) {
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text(comparison)));
    vscode.window.setStatusBarMessage(vscode.l10n.t('Comparison saved'), 3000);
  }
  return target;
}
