/** Quick fixes of hazards, each one change that one undo takes back; and the comment that silences one. */
import * as vscode from 'vscode';
import type { Hazard } from '../../core/python/findings';
import { sourceFixes } from '../../core/python/fixes';
import { hazardSource, rangeOf, type SourceHazards } from './hazards';

export const registerHazardActions = (hazards: SourceHazards): vscode.Disposable =>
  vscode.languages.registerCodeActionsProvider(
    'python',
    {
      provideCodeActions: (document, range, { diagnostics }) => {
        const found = hazards.of(document);
        if (!found) return [];
        return found.hazards
          .filter((hazard) => rangeOf(document, hazard).intersection(range) !== undefined)
          .flatMap((hazard) => {
            const own = diagnostics.filter(
              (problem) => problem.source === hazardSource && problem.range.isEqual(rangeOf(document, hazard)),
            );
            const fixes = sourceFixes(found.tree, hazard).map(({ title, warning, edits }, at) => {
              const action = quickFix(warning === null ? title : `${title} (${warning})`, own);
              for (const { from, to, text } of edits)
                action.edit?.replace(document.uri, rangeOf(document, { from, to }), text);
              action.isPreferred = at === 0 && warning === null;
              return action;
            });
            return [...fixes, silence(document, hazard, own)];
          });
      },
    },
    { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
  );

function quickFix(title: string, diagnostics: readonly vscode.Diagnostic[]): vscode.CodeAction {
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.diagnostics = [...diagnostics];
  action.edit = new vscode.WorkspaceEdit();
  return action;
}

function silence(document: vscode.TextDocument, hazard: Hazard, own: readonly vscode.Diagnostic[]): vscode.CodeAction {
  const action = quickFix(vscode.l10n.t('Ignore {0} here', hazard.rule), own);
  const { range } = document.lineAt(document.positionAt(hazard.to).line);
  action.edit?.insert(document.uri, range.end, `  # nanoscope: ignore[${hazard.rule}]`);
  return action;
}
