/** Opens a line of source that a program or a saved report named. */
import * as vscode from 'vscode';
import type { SourceLine } from '../core/report';
import { plainText } from './plainText';

/** The name comes from outside: only what is there as a file is opened, and nothing of it runs. */
export async function showLine({ file, line }: SourceLine): Promise<void> {
  const at = new vscode.Position(Math.max(0, line - 1), 0);
  try {
    await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(at, at) });
  } catch {
    void vscode.window.showWarningMessage(vscode.l10n.t('{0} is not a file on this machine.', plainText(file)));
  }
}
