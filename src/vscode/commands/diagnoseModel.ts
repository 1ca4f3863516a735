/** *Diagnose Model…*: from the Explorer, an editor's title, the palette, or another extension. */
import * as vscode from 'vscode';
import { NanoscopeError } from '../../core/errors';
import { isBuiltin } from '../../core/models';
import type { Report } from '../../core/report';
import { requireTrust } from '../log';
import type { Panels } from '../panel/panels';
import type { Subject } from '../panel/subject';
import { plainText } from '../plainText';

/** More than that is a search, not a choice. */
const offeredFiles = 200;

/**
 * @param resource a file, or the name of a built-in model; asks when absent
 * @param selected everything that was selected in the Explorer
 * @returns the report of the last one; `undefined` when dismissed, cancelled or failed (the panel says why)
 */
export async function diagnoseModel(
  panels: Panels,
  resource?: unknown,
  selected?: unknown,
): Promise<Report | undefined> {
  requireTrust();
  const subjects = given(resource, selected) ?? (await ask());
  let report: Report | undefined;
  for (const subject of subjects) {
    const { session } = panels.reveal(subject);
    report = await session.run();
  }
  return report;
}

function given(resource: unknown, selected: unknown): readonly Subject[] | null {
  if (typeof resource === 'string') {
    return [isBuiltin(resource) ? { kind: 'built-in', model: resource } : { kind: 'file', model: resource }];
  }
  const uris = Array.isArray(selected) ? selected.filter((one) => one instanceof vscode.Uri) : [];
  const models = uris.filter(({ path }) => path.toLowerCase().endsWith('.onnx'));
  if (models.length > 1) {
    return models.map(fileSubject);
  }
  return resource instanceof vscode.Uri ? [fileSubject(resource)] : null;
}

/** @throws NanoscopeError `usage` for a file that is on no disk */
function fileSubject(uri: vscode.Uri): Subject {
  if (uri.scheme !== 'file') {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('{0} is not on a disk that NaNoscope can read.', plainText(uri.toString(true), 200)),
      vscode.l10n.t('Save the model to a local folder and diagnose it there.'),
    );
  }
  return { kind: 'file', model: uri.fsPath };
}

async function ask(): Promise<readonly Subject[]> {
  const found = await vscode.workspace.findFiles('**/*.onnx', '**/node_modules/**', offeredFiles);
  if (found.length === 0) {
    return browse();
  }
  const files = found
    .map((uri) => ({ uri, path: vscode.workspace.asRelativePath(uri) }))
    .sort((a, b) => a.path.localeCompare(b.path))
    .map(({ uri, path }) => ({ label: plainText(path, 200), uri }));
  const elsewhere = { label: vscode.l10n.t('Browse…'), uri: null };
  const chosen = await vscode.window.showQuickPick([...files, elsewhere], {
    title: vscode.l10n.t('Diagnose Model'),
    placeHolder: vscode.l10n.t('Which ONNX model?'),
  });
  if (!chosen) {
    return [];
  }
  return chosen.uri ? [fileSubject(chosen.uri)] : browse();
}

async function browse(): Promise<readonly Subject[]> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Diagnose Model'),
    openLabel: vscode.l10n.t('Diagnose'),
    canSelectMany: false,
    filters: { ONNX: ['onnx'] },
    ...(folder ? { defaultUri: folder } : {}),
  });
  return chosen?.map(fileSubject) ?? [];
}
