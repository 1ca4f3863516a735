/** Inside the real extension host: every quick fix in source is one change; undone, the file is what it was, byte for byte. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { HostTests } from '../../support/hostRunner';
import type { ExpectedFixes } from '../quickFixes.test';

const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
assert.ok(folder, 'a folder is open');
const fileOf = (name: string): vscode.Uri => vscode.Uri.joinPath(folder, name);
const programs = JSON.parse(readFileSync(fileOf('expected.json').fsPath, 'utf8')) as readonly ExpectedFixes[];

const own = (uri: vscode.Uri): vscode.Diagnostic[] =>
  vscode.languages.getDiagnostics(uri).filter(({ source }) => source === 'NaNoscope');

async function problemsOf(uri: vscode.Uri, count: number): Promise<readonly vscode.Diagnostic[]> {
  for (let tries = 0; tries < 600 && own(uri).length !== count; tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const found = own(uri);
  assert.equal(found.length, count, `problems in ${uri.path}`);
  return found;
}

/** Quick fixes that change more than a comment, as the editor offers them at a problem. */
async function offered(uri: vscode.Uri, problem: vscode.Diagnostic): Promise<readonly vscode.CodeAction[]> {
  const actions = await vscode.commands.executeCommand<readonly vscode.CodeAction[]>(
    'vscode.executeCodeActionProvider',
    uri,
    problem.range,
    vscode.CodeActionKind.QuickFix.value,
  );
  return actions.filter(({ title, edit }) => edit && !title.startsWith('Ignore '));
}

/** What is offered at a problem, once that is as expected: problems of the text before an undo stay for a moment. */
async function offeredAt(
  uri: vscode.Uri,
  { at, of }: { readonly at: number; readonly of: number },
  isExpected: (actions: readonly vscode.CodeAction[]) => boolean,
): Promise<readonly vscode.CodeAction[]> {
  let actions: readonly vscode.CodeAction[] = [];
  for (let tries = 0; tries < 20; tries++) {
    const problem = (await problemsOf(uri, of))[at];
    assert.ok(problem);
    actions = await offered(uri, problem);
    if (isExpected(actions)) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return actions;
}

const titlesOf = (actions: readonly vscode.CodeAction[]): readonly string[] => actions.map(({ title }) => title);

export const tests: HostTests = Object.fromEntries(
  programs.map(({ name, fixes, hazards }) => [
    `applies and takes back the fixes of ${name}`,
    async (): Promise<void> => {
      const uri = fileOf(name);
      const before = readFileSync(uri.fsPath);
      const document = await vscode.workspace.openTextDocument(uri);
      await vscode.window.showTextDocument(document);
      for (const { at, title, text } of fixes) {
        const actions = await offeredAt(uri, { at, of: hazards }, (all) => titlesOf(all).includes(title));
        const action = actions.find((one) => one.title === title);
        assert.ok(action?.edit, `${title} is offered among: ${titlesOf(actions).join(', ')}`);
        assert.ok(await vscode.workspace.applyEdit(action.edit));
        await document.save();
        assert.equal(readFileSync(uri.fsPath, 'utf8'), text, `${title}: what is saved`);
        await vscode.commands.executeCommand('undo');
        await document.save();
        assert.ok(readFileSync(uri.fsPath).equals(before), `${title}: what is saved after undo`);
      }
      const ofFirst = fixes.filter(({ at }) => at === 0).map(({ title }) => title);
      const last = await offeredAt(uri, { at: 0, of: hazards }, (all) => titlesOf(all).join() === ofFirst.join());
      assert.deepEqual(titlesOf(last), ofFirst);
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    },
  ]),
);
