/** *Copy Export Snippet*: the Python lines that export a PyTorch model together with its batch. */
import * as vscode from 'vscode';
import { exportSnippet } from '../../app/snippet';
import { NanoscopeError } from '../../core/errors';
import type { Report } from '../../core/report';
import type { Panels } from '../panel/panels';

export async function copySnippet(panels: Panels): Promise<void> {
  await vscode.env.clipboard.writeText(snippetFor(panels.current?.session.current.report ?? null));
  vscode.window.setStatusBarMessage(vscode.l10n.t('Export snippet copied'), 3000);
}

/** With the names of the model in front, where they can be names in Python; else with the usual ones. */
function snippetFor(report: Report | null): string {
  if (report === null) {
    return exportSnippet();
  }
  try {
    const inputs = Object.keys(report.batch.inputs);
    const outputs = report.outputs.map(({ name }) => name);
    return exportSnippet({ inputs, outputs });
  } catch (error) {
    if (error instanceof NanoscopeError) {
      return exportSnippet();
    }
    throw error;
  }
}
