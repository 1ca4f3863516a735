/** From the row of birth to the fix and back, with the mouse and without it; the model as an editor; a bug report. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Workbench } from '../support/workbench';
import { choose, nameFile } from './support/dialogs';
import { PanelView } from './support/panel';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

const workspace = new TestWorkspace(['sick.onnx']);
const original = readFileSync(workspace.path('sick.onnx'));
const fixTitle = 'Attend everywhere in fully masked rows';
let workbench: Workbench;
let panel: PanelView;

beforeAll(async () => {
  workbench = await Workbench.open({ workspace: workspace.folder, ...extensionUnderTest() });
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.keepEvidence(`failed-${task.name.replace(/\W+/g, '-')}`);
});
afterAll(async () => {
  await workbench.close();
  workspace.remove();
});

const sickCells = async (): Promise<readonly string[]> =>
  (await panel.rows()).flatMap(({ cells }) => cells).filter((cell) => !cell.startsWith('0/'));
const modelIsOriginal = (): boolean => readFileSync(workspace.path('sick.onnx')).equals(original);

/** Presses Tab until the focus is on what matches, as a person does who looks at the focus ring. */
async function tabTo(selector: string, most = 60): Promise<void> {
  for (let i = 0; i < most; i += 1) {
    const there = await panel.frame.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
    if (there) return;
    await workbench.page.keyboard.press('Tab');
  }
  throw new Error(`${String(most)} times Tab did not lead to ${selector}.`);
}

describe('the model as an editor', () => {
  it('shows what its masks can do before any run', async () => {
    await workbench.openFile('sick.onnx');
    await workbench.runCommand('View: Reopen Editor With...');
    await workbench.pick('NaNoscope');
    panel = await PanelView.of(workbench, 'sick.onnx');
    await panel.frame.locator('.masks').first().waitFor();
    expect(await panel.frame.locator('.masks').first().textContent()).toContain('fully masked');
    expect(await panel.frame.locator('#table-scroller').count()).toBe(0);
    expect(await panel.tab('sick.onnx').count()).toBe(1);
    await workbench.screenshot('editor-look');
  });

  it('runs from there', async () => {
    await panel.run();
    expect(await panel.cells('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
  });
});

describe('from the row of birth', () => {
  it('a fix is previewed, and nothing is written yet', async () => {
    await panel.afterRun(() => panel.frame.locator('tr.born .fixlink').click());
    const preview = panel.frame.locator('#preview');
    await preview.waitFor();
    expect(await preview.locator('h2').textContent()).toContain(fixTitle);
    expect(await preview.locator('.side').last().locator('.node.added').count()).toBeGreaterThan(2);
    expect(await preview.locator('.side').first().locator('.node.added').count()).toBe(0);
    await workbench.screenshot('editor-preview');
    expect(modelIsOriginal()).toBe(true);
    expect(readdirSync(workspace.folder).filter((name) => name.includes('fixed'))).toEqual([]);
  });

  it('and applied: the table turns clean, before and after stand side by side', async () => {
    await panel.afterRun(() => panel.frame.locator('#preview .apply-button').click());
    expect(await sickCells()).toEqual([]);
    expect(await panel.applied.locator('table.compare').textContent()).toMatch(/sample 0: 35\/35\s*none/);
    expect(await panel.frame.locator('#preview').count()).toBe(0);
    expect(existsSync(workspace.path('sick.fixed.onnx'))).toBe(true);
  });

  it('and undone: the sickness returns, and the copy is gone', async () => {
    await panel.afterRun(() => panel.undo());
    expect(await panel.cells('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
    expect(existsSync(workspace.path('sick.fixed.onnx'))).toBe(false);
    expect(modelIsOriginal()).toBe(true);
  });
});

describe('with the keyboard only', () => {
  it('the birth, its details, the preview, the fix and the way back', async () => {
    await workbench.runCommand('View: Focus First Editor Group');
    await tabTo('tr.born [data-cell]');
    await workbench.page.keyboard.press('Enter');
    await tabTo('.fixeshere .preview-button');
    await panel.afterRun(() => workbench.page.keyboard.press('Enter'));
    await expect.poll(() => panel.frame.evaluate(() => document.activeElement?.id)).toBe('preview-title');
    await tabTo('#preview .apply-button');
    await panel.afterRun(() => workbench.page.keyboard.press('Enter'));
    expect(await sickCells()).toEqual([]);
    await expect.poll(() => panel.frame.evaluate(() => document.activeElement?.id)).toBe('applied');
    await tabTo('#undo');
    await panel.afterRun(() => workbench.page.keyboard.press('Enter'));
    expect(await panel.cells('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
    expect(modelIsOriginal()).toBe(true);
  });

  it('from the palette, in the model itself and back, byte for byte', async () => {
    await workbench.runCommand('NaNoscope: Apply Fix…');
    await choose(workbench, 'Apply Fix', fixTitle);
    await choose(workbench, fixTitle, 'Change the model itself');
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    expect(await dialog.textContent()).toContain('sick.onnx.nanoscope-backup');
    await workbench.screenshot('editor-in-place-question');
    await panel.afterRun(() => dialog.getByRole('button', { name: 'Change the Model' }).press('Enter'));
    expect(await sickCells()).toEqual([]);
    expect(await panel.applied.textContent()).toContain('sick.onnx.nanoscope-backup');
    expect(modelIsOriginal()).toBe(false);
    expect(readFileSync(workspace.path('sick.onnx.nanoscope-backup')).equals(original)).toBe(true);
    await panel.afterRun(() => workbench.runCommand('NaNoscope: Undo Fix'));
    expect(await panel.cells('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
    expect(modelIsOriginal()).toBe(true);
    expect(existsSync(workspace.path('sick.onnx.nanoscope-backup'))).toBe(false);
  });
});

describe('for others', () => {
  it('the fix is copied as lines of PyTorch', async () => {
    await panel.afterRun(() => panel.fix('unmask-rows').locator('.snippet-button').click());
    await expect.poll(() => workbench.clipboard()).toMatch(/^# NaNoscope: .*\(unmask-rows\)[^]*^import torch$/m);
  });

  it('the sickness is shrunk into a folder with a report, which opens', async () => {
    await workbench.runCommand('NaNoscope: Shrink Model for a Bug Report…');
    await nameFile(workbench, 'Make the folder sick.shrunk in', workspace.folder);
    const folder = workspace.path('sick.shrunk');
    await expect
      .poll(() => existsSync(folder) && readdirSync(folder).sort(), { timeout: 60_000 })
      .toEqual(['inputs.npz', 'model.onnx', 'report.md']);
    await panel.tab('Preview report.md').waitFor();
    expect(readFileSync(workspace.path('sick.shrunk/report.md'), 'utf8')).toContain('fully-masked-row');
    expect(modelIsOriginal()).toBe(true);
  });
});
