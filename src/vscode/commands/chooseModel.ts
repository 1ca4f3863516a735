/** Which model file: one of the workspace, or any other. */
import * as vscode from 'vscode';
import { NanoscopeError } from '../../core/errors';
import type { Subject } from '../panel/subject';
import { plainText } from '../plainText';

/** More than that is a search, not a choice. */
const offeredFiles = 200;

type FileSubject = Extract<Subject, { kind: 'file' }>;

/** What the question is for. */
export interface Words {
  readonly title: string;
  /** What the last button does. */
  readonly action: string;
}

/** @throws NanoscopeError `usage` for a file that is on no disk */
export function fileSubject(uri: vscode.Uri): FileSubject {
  if (uri.scheme !== 'file') {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('{0} is not on a disk that NaNoscope can read.', plainText(uri.toString(true), 200)),
      vscode.l10n.t('Save the model to a local folder and diagnose it there.'),
    );
  }
  return { kind: 'file', model: uri.fsPath };
}

/** Asks for a model file: of the workspace, or of a dialog. */
export async function chooseModelFile(words: Words): Promise<readonly FileSubject[]> {
  const found = await vscode.workspace.findFiles('**/*.onnx', '**/node_modules/**', offeredFiles);
  if (found.length === 0) {
    return browse(words);
  }
  const files = found
    .map((uri) => ({ uri, path: vscode.workspace.asRelativePath(uri) }))
    .sort((a, b) => a.path.localeCompare(b.path))
    .map(({ uri, path }) => ({ label: plainText(path, 200), uri }));
  const elsewhere = { label: vscode.l10n.t('Browse…'), uri: null };
  const chosen = await vscode.window.showQuickPick([...files, elsewhere], {
    title: words.title,
    placeHolder: vscode.l10n.t('Which ONNX model?'),
  });
  if (!chosen) {
    return [];
  }
  return chosen.uri ? [fileSubject(chosen.uri)] : browse(words);
}

async function browse({ title, action }: Words): Promise<readonly FileSubject[]> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showOpenDialog({
    title,
    openLabel: action,
    canSelectMany: false,
    filters: { ONNX: ['onnx'] },
    ...(folder ? { defaultUri: folder } : {}),
  });
  return chosen?.map(fileSubject) ?? [];
}
