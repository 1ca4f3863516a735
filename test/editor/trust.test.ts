/** An editor with Workspace Trust on, in a folder that nobody trusts. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Workbench } from '../support/workbench';
import { sampleReport } from '../unit/vscode/sampleReport';
import { choose, nameFile } from './support/dialogs';
import { PanelView } from './support/panel';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

const workspace = new TestWorkspace(['sick.onnx']);
workspace.write('saved.nanoscope.json', JSON.stringify(sampleReport()));
// A workspace must not choose the program that runs the engine.
workspace.write('.vscode/settings.json', JSON.stringify({ 'nanoscope.engine.nodePath': '/bin/false' }));
let workbench: Workbench;

beforeAll(async () => {
  workbench = await Workbench.open({ workspace: workspace.folder, trust: true, ...extensionUnderTest() });
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.keepEvidence(`failed-${task.name.replace(/\W+/g, '-')}`);
});
afterAll(async () => {
  await workbench.close();
  workspace.remove();
});

it.each([
  ['NaNoscope: Diagnose Model…', 'runs no model in an untrusted workspace'],
  ['NaNoscope: Diagnose Built-in Model…', 'runs no model in an untrusted workspace'],
  ['NaNoscope: Run Experiment…', 'runs no model in an untrusted workspace'],
  ['NaNoscope: Scan for NaN…', 'scans no files in an untrusted workspace'],
])('without trust, “%s” runs nothing and says why', async (command, words) => {
  await workbench.runCommand(command);
  const toast = workbench.notification(words);
  await toast.waitFor();
  expect(await toast.getByRole('button', { name: 'Manage Workspace Trust' }).count()).toBe(1);
  // The palette itself takes a moment to go; a list to choose from would stay.
  await expect.poll(() => workbench.quickInput.count()).toBe(0);
  await workbench.runCommand('Notifications: Clear All Notifications');
  await expect.poll(() => toast.count()).toBe(0);
});

it('without trust, the menu of a model does not offer it', async () => {
  await workbench.explorerRows.filter({ hasText: 'sick.onnx' }).click({ button: 'right' });
  const menu = workbench.page.locator('.monaco-menu .action-item');
  await menu.first().waitFor();
  expect(await menu.filter({ hasText: 'Diagnose with NaNoscope' }).count()).toBe(0);
  await workbench.page.keyboard.press('Escape');
});

it('without trust, a saved report opens', async () => {
  await workbench.runCommand('NaNoscope: Open Saved Report…');
  await nameFile(workbench, 'Open Saved Report', workspace.path('saved.nanoscope.json'));
  const panel = await PanelView.of(workbench, 'sick.onnx');
  await panel.done();
  expect(await panel.cells('layer 0 attention')).toEqual(['1/3 pad only', '0/3']);
  expect(await panel.frame.locator('#run').count()).toBe(0);
  await workbench.screenshot('editor-untrusted');
});

it('with trust, models run, and the workspace still does not choose the engine’s program', async () => {
  await workbench.grantTrust();
  await workbench.runCommand('NaNoscope: Diagnose Model…');
  await choose(workbench, 'Diagnose Model', 'sick.onnx');
  const frame = await workbench.webview('header .title:has-text("sick.onnx") >> xpath=ancestor::main[.//*[@id="run"]]');
  await frame.locator('h1.verdict[aria-busy="false"]').waitFor();
});
