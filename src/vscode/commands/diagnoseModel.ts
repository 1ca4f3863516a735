/** *Diagnose Model…*: from the Explorer, an editor's title, the palette, or another extension. */
import * as vscode from 'vscode';
import { isBuiltin } from '../../core/models';
import type { Report } from '../../core/report';
import { requireTrust } from '../log';
import type { Panels } from '../panel/panels';
import type { Subject } from '../panel/subject';
import { chooseModelFile, fileSubject } from './chooseModel';

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
  const subjects =
    given(resource, selected) ??
    (await chooseModelFile({ title: vscode.l10n.t('Diagnose Model'), action: vscode.l10n.t('Diagnose') }));
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
