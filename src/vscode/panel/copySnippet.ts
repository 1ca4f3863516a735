/** A fix as lines of PyTorch, onto the clipboard. */
import * as vscode from 'vscode';
import type { DiagnosisSession } from './session';

export async function copySnippetOf(session: DiagnosisSession, fixId: string): Promise<void> {
  const code = await session.fixSnippet(fixId);
  if (code !== undefined) {
    await vscode.env.clipboard.writeText(code);
    vscode.window.setStatusBarMessage(vscode.l10n.t('Fix copied as PyTorch'), 3000);
  }
}
