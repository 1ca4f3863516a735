/** From the report in front to the line of source that its first NaN was born on. */
import * as vscode from 'vscode';
import type { Panels } from '../panel/panels';
import type { ModelSources } from '../source/modelSources';

export async function goToSource(panels: Panels, sources: ModelSources): Promise<void> {
  const report = panels.current?.session.current.report ?? panels.lastReport;
  const [first] = report?.origins ?? [];
  if (!report || !first) {
    void vscode.window.showInformationMessage(
      report ? vscode.l10n.t('The diagnosis found no NaN.') : vscode.l10n.t('Diagnose a model first.'),
    );
    return;
  }
  await sources.goTo(report, first);
}
