/**
 * Quick fixes of hazards, and of the places where the last run's NaN was born; each is one change that one undo takes
 * back. And the comment that silences a hazard.
 */
import * as vscode from 'vscode';
import { provenText } from '../../app/source/proven';
import type { Hazard } from '../../core/python/findings';
import { fixesOfBirth, sourceFixes, type SourceFix } from '../../core/python/fixes';
import { silencing } from '../../core/python/silence';
import type { PythonTree, Syntax } from '../../core/python/syntax';
import type { BirthMechanism, Report } from '../../core/report';
import { hazardSource, rangeOf, type SourceHazards } from './hazards';
import type { LastRun } from './lastRun';

export const registerHazardActions = (hazards: SourceHazards, lastRun: LastRun): vscode.Disposable =>
  vscode.languages.registerCodeActionsProvider(
    'python',
    {
      provideCodeActions: async (document, range, { diagnostics }, token) => {
        const found = await hazards.settled(document, token);
        if (!found) return [];
        const isHere = (place: { readonly from: number; readonly to: number }): boolean =>
          rangeOf(document, place).intersection(range) !== undefined;
        const here = found.hazards.filter(isHere);
        const { report } = lastRun;
        return [
          ...here.flatMap((hazard) => {
            const own = diagnostics.filter(
              (problem) => problem.source === hazardSource && problem.range.isEqual(rangeOf(document, hazard)),
            );
            const fixes = sourceFixes(found.tree, hazard);
            return [
              ...fixes.map((fix, at) => fixAction(document, fix, report, own, at)),
              ...silence(document, found.tree, hazard, own),
            ];
          }),
          ...births(document, lastRun)
            .filter(({ node }) => isHere(node) && !here.some(({ from, to }) => from === node.from && to === node.to))
            .flatMap(({ node, mechanism }) => fixesOfBirth(found.tree, node, mechanism, found.hazards))
            .map((fix, at) => fixAction(document, fix, report, [], at)),
        ];
      },
    },
    { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
  );

/** Where NaN was born in the last run: each place once. */
const births = (document: vscode.TextDocument, lastRun: LastRun): readonly Birth[] => [
  ...new Map(
    lastRun
      .places(document)
      .flatMap((place) =>
        place.born && place.exact
          ? [[place.node, { node: place.node, mechanism: place.finding.mechanism }] as const]
          : [],
      ),
  ).values(),
];

interface Birth {
  readonly node: Syntax;
  readonly mechanism: BirthMechanism;
}

function fixAction(
  document: vscode.TextDocument,
  { id, title, warning, edits }: SourceFix,
  report: Report | null,
  diagnostics: readonly vscode.Diagnostic[],
  at: number,
): vscode.CodeAction {
  const proven = report && provenText(report, id);
  const said = [warning, proven].filter((part) => part !== null);
  const action = quickFix(said.length === 0 ? title : `${title} (${said.join('; ')})`, diagnostics);
  for (const { from, to, text } of edits) action.edit?.replace(document.uri, rangeOf(document, { from, to }), text);
  action.isPreferred = at === 0 && warning === null;
  return action;
}

function quickFix(title: string, diagnostics: readonly vscode.Diagnostic[]): vscode.CodeAction {
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.diagnostics = [...diagnostics];
  action.edit = new vscode.WorkspaceEdit();
  return action;
}

function silence(
  document: vscode.TextDocument,
  tree: PythonTree,
  hazard: Hazard,
  own: readonly vscode.Diagnostic[],
): readonly vscode.CodeAction[] {
  const edit = silencing(tree, hazard);
  if (!edit) return [];
  const action = quickFix(vscode.l10n.t('Ignore {0} here', hazard.rule), own);
  action.edit?.insert(document.uri, document.positionAt(edit.from), edit.text);
  return [action];
}
