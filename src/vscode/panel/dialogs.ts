/** The questions of a session, asked with the editor's own dialogs. */
import * as vscode from 'vscode';
import type { ErrorPayload } from '../../core/errors';
import { plainText } from '../plainText';
import type { MaskAnswer, Person } from './sessionParts';
import type { Subject } from './subject';

/** @param subject dialogs start in its folder */
export function personFor(subject: Subject): Person {
  return {
    chooseTarget: async (name) => {
      const folder = startFolder(subject);
      const target = await vscode.window.showSaveDialog({
        title: vscode.l10n.t('Write the fixed copy to'),
        saveLabel: vscode.l10n.t('Write'),
        filters: { ONNX: ['onnx'] },
        ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, name) } : {}),
      });
      return target?.fsPath;
    },
    confirmInPlace,
    chooseInputs: () => chooseInputs(subject),
    chooseMask: (problem, inputs) => chooseMask(subject, problem, inputs),
    shownPath: (path) => vscode.workspace.asRelativePath(path),
  };
}

async function confirmInPlace(file: string): Promise<boolean> {
  const name = plainText(vscode.workspace.asRelativePath(file), 200);
  const change = vscode.l10n.t('Change the Model');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Change {0} itself?', name),
    {
      modal: true,
      detail: vscode.l10n.t(
        'The original stays beside it as {0}. Undo puts it back byte for byte.',
        `${plainText(file.split(/[\\/]/).at(-1) ?? file, 200)}.nanoscope-backup`,
      ),
    },
    change,
  );
  return answer === change;
}

async function chooseInputs(subject: Subject): Promise<string | undefined> {
  const folder = startFolder(subject);
  const chosen = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Choose the batch to run'),
    openLabel: vscode.l10n.t('Use as Inputs'),
    canSelectMany: false,
    filters: { [vscode.l10n.t('Inputs')]: ['npz', 'npy', 'json', 'pb'] },
    ...(folder ? { defaultUri: folder } : {}),
  });
  return chosen?.[0]?.fsPath;
}

async function chooseMask(
  subject: Subject,
  problem: ErrorPayload,
  inputs: readonly string[],
): Promise<MaskAnswer | undefined> {
  const file = { label: `$(file) ${vscode.l10n.t('Use an inputs file…')}`, name: null };
  const line = { label: '', kind: vscode.QuickPickItemKind.Separator, name: null };
  const chosen = await vscode.window.showQuickPick(
    [...likelyFirst(inputs).map((name) => ({ label: plainText(name, 200), name })), line, file],
    {
      title: plainText(problem.message),
      placeHolder: vscode.l10n.t('Which input says what is padding?'),
      ignoreFocusOut: true,
    },
  );
  if (!chosen) {
    return undefined;
  }
  if (chosen.name === null) {
    const inputsPath = await chooseInputs(subject);
    return inputsPath === undefined ? undefined : { inputsPath };
  }
  const polarity = await vscode.window.showQuickPick(
    [
      {
        label: vscode.l10n.t('1 (true) means a real token'),
        detail: vscode.l10n.t('As in attention_mask'),
        suffix: '',
      },
      {
        label: vscode.l10n.t('1 (true) means padding'),
        detail: vscode.l10n.t('As in key_padding_mask'),
        suffix: ':inverted',
      },
    ],
    { title: chosen.label, placeHolder: vscode.l10n.t('What does this mask say?'), ignoreFocusOut: true },
  );
  return polarity ? { mask: `${chosen.name}${polarity.suffix}` } : undefined;
}

/** Names only order the list; what is chosen is up to the person. */
function likelyFirst(inputs: readonly string[]): readonly string[] {
  return [...inputs].sort((a, b) => Number(/mask/i.test(b)) - Number(/mask/i.test(a)));
}

function startFolder(subject: Subject): vscode.Uri | undefined {
  return subject.kind === 'file'
    ? vscode.Uri.joinPath(vscode.Uri.file(subject.model), '..')
    : vscode.workspace.workspaceFolders?.[0]?.uri;
}
