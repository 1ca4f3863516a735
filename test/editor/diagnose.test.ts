/** A person with a sick model, from the palette to the fix and back: real editor, real extension, real engine. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Workbench } from '../support/workbench';
import { ambiguousModel } from './support/ambiguousModel';
import { choose, enter, nameFile } from './support/dialogs';
import { PanelView } from './support/panel';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

const workspace = new TestWorkspace(['sick.onnx', 'sick.inputs.npz', 'healthy.onnx']);
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

/** NaN positions per sample of a row: `30/35`. */
const counts = async (stage: string): Promise<readonly string[]> =>
  (await panel.cells(stage)).map((cell) => cell.split(' ')[0] ?? '');

async function expectSickTable(): Promise<void> {
  expect(await counts('embed_tokens')).toEqual(['0/35', '0/35']);
  expect(await counts('layer 0 input_layernorm')).toEqual(['0/35', '0/35']);
  expect(await panel.cells('layer 0 attention')).toEqual(['30/35 pad only', '0/35']);
  expect(await counts('layer 0 mlp')).toEqual(['30/35', '0/35']);
  expect(await panel.cells('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
  expect(await counts('logits')).toEqual(['35/35', '0/35']);
}

describe('a sick model', () => {
  it('is diagnosed from the palette, and the table is the truth', async () => {
    await workbench.runCommand('NaNoscope: Diagnose Model…');
    await choose(workbench, 'Diagnose Model', 'sick.onnx');
    panel = await PanelView.of(workbench, 'sick.onnx');
    await panel.done();
    await expectSickTable();
    expect(await panel.verdict.textContent()).toMatch(/layer 0.*30 query rows of sample 0/s);
    expect(await panel.tab('NaNoscope: sick.onnx').count()).toBe(1);
  });

  it('reads well in light, dark and high contrast', async () => {
    for (const theme of ['light', 'dark', 'highContrast'] as const) {
      await workbench.setTheme(theme);
      await workbench.screenshot(`editor-sick-${theme}`);
    }
    await workbench.setTheme('light');
  });

  it('survives being hidden', async () => {
    await panel.onlyNan(true);
    const filtered = (await panel.rows()).length;
    await workbench.openFile('sick.inputs.npz');
    await panel.tab('NaNoscope: sick.onnx').click();
    panel = await PanelView.of(workbench, 'sick.onnx');
    await panel.done(10_000); // shown again, not run again
    expect((await panel.rows()).length).toBe(filtered);
    await panel.onlyNan(false);
    expect((await panel.rows()).length).toBeGreaterThan(filtered);
  });

  it('survives a reload of the window', async () => {
    await workbench.reload();
    await panel.tab('NaNoscope: sick.onnx').click();
    panel = await PanelView.of(workbench, 'sick.onnx');
    await panel.done(15_000);
    await panel.onlyNan(false);
    await expectSickTable();
  });

  it('is healed by a fix: written beside it, diagnosed, compared', async () => {
    await panel.afterRun(() => panel.apply('unmask-rows'));
    expect(existsSync(workspace.path('sick.fixed.onnx'))).toBe(true);
    expect((await panel.rows()).flatMap(({ cells }) => cells).filter((cell) => !cell.startsWith('0/'))).toEqual([]);
    expect(await panel.applied.textContent()).toContain('sick.fixed.onnx');
    expect(await panel.applied.locator('table.compare').textContent()).toMatch(/sample 0: 35\/35\s*none/);
    await panel.applied.scrollIntoViewIfNeeded();
    await workbench.screenshot('editor-fixed');
  });

  it('is sick again after undo, and the copy is gone', async () => {
    const bytes = readFileSync(workspace.path('sick.onnx'));
    await panel.afterRun(() => panel.undo());
    expect(await panel.applied.count()).toBe(0);
    expect(existsSync(workspace.path('sick.fixed.onnx'))).toBe(false);
    expect(readFileSync(workspace.path('sick.onnx')).equals(bytes)).toBe(true);
    await expectSickTable();
  });

  it('keeps a file that stands where the fix would be written', async () => {
    workspace.write('sick.fixed.onnx', 'mine');
    await panel.apply('unmask-rows');
    await panel.error.waitFor();
    expect(await panel.error.textContent()).toContain('would-overwrite');
    expect(readFileSync(workspace.path('sick.fixed.onnx'), 'utf8')).toBe('mine');
    await panel.error.locator('vscode-button', { hasText: 'log' }).click();
    await workbench.page.locator('.pane-body.output-view .view-lines', { hasText: 'would-overwrite' }).waitFor();
    await workbench.runCommand('View: Hide Panel');
  });

  it('offers to run again when its file changes', async () => {
    await panel.run();
    writeFileSync(workspace.path('sick.onnx'), readFileSync(workspace.path('sick.onnx')));
    await panel.notice.filter({ hasText: 'changed' }).waitFor();
    await panel.afterRun(() => panel.notice.locator('vscode-button', { hasText: 'Run again' }).click());
    expect(await panel.notice.count()).toBe(0);
    await expectSickTable();
  });

  it('runs the batch that the bar says, and remembers it', async () => {
    const lengths = panel.frame.locator('vscode-text-field').first().locator('input');
    await lengths.fill('9, 4, 9');
    await panel.afterRun(() => lengths.press('Enter'));
    expect(await counts('layer 0 attention')).toEqual(['0/9', '5/9', '0/9']);
    await workbench.runCommand('View: Close Editor');
    await workbench.contextMenu('sick.onnx', 'Diagnose with NaNoscope');
    panel = await PanelView.of(workbench, 'sick.onnx');
    await panel.done();
    expect(await counts('logits')).toEqual(['0/9', '9/9', '0/9']);
  });

  it('runs an inputs file that the dialog names', async () => {
    await panel.frame.locator('vscode-dropdown').first().click();
    await panel.frame.locator('vscode-option', { hasText: 'from a file' }).click();
    await panel.frame.locator('vscode-button', { hasText: 'Choose' }).click();
    await nameFile(workbench, 'Choose the batch to run', workspace.path('sick.inputs.npz'));
    await panel.frame.locator('.batch', { hasText: 'sick.inputs.npz' }).waitFor();
    await panel.run();
    await expectSickTable();
  });

  it('is reported as Markdown and as JSON', async () => {
    await workbench.runCommand('NaNoscope: Copy Report as Markdown');
    await expect.poll(() => workbench.clipboard()).toMatch(/^# NaN report: `sick\.onnx`/);
    await workbench.runCommand('NaNoscope: Copy Export Snippet');
    await expect.poll(() => workbench.clipboard()).toContain('torch.onnx.export');
    const file = workspace.path('kept.nanoscope.json');
    await workbench.runCommand('NaNoscope: Save Report as JSON…');
    await nameFile(workbench, 'Save Report as JSON', file);
    await expect.poll(() => existsSync(file)).toBe(true);
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(report).toMatchObject({ schemaVersion: 1, origins: [{ mechanism: 'fully-masked-row' }] });
  });

  it('opens again from its saved report, to be read only', async () => {
    await workbench.runCommand('NaNoscope: Open Saved Report…');
    await nameFile(workbench, 'Open Saved Report', workspace.path('kept.nanoscope.json'));
    await panel.tab('NaNoscope: sick.onnx').nth(1).waitFor();
    panel = new PanelView(workbench, await workbench.webview('.status.notice:has-text("Saved report")'));
    await expectSickTable();
    expect(await panel.frame.locator('#run').count()).toBe(0);
    expect(await panel.fix('unmask-rows').locator('vscode-button').count()).toBe(0);
  });
});

describe('a healthy model', () => {
  it('is diagnosed from the Explorer and found clean', async () => {
    await workbench.contextMenu('healthy.onnx', 'Diagnose with NaNoscope');
    panel = await PanelView.of(workbench, 'healthy.onnx');
    await panel.done();
    expect((await panel.rows()).flatMap(({ cells }) => cells).filter((cell) => !cell.startsWith('0/'))).toEqual([]);
    await panel.frame.locator('h1.verdict.healthy').waitFor();
    await workbench.screenshot('editor-healthy');
  });
});

describe('a file that is no model', () => {
  it('gives one sentence and a hint', async () => {
    workspace.write('cut.onnx', readFileSync(workspace.path('sick.onnx')).subarray(0, 20_000));
    await workbench.contextMenu('cut.onnx', 'Diagnose with NaNoscope');
    panel = await PanelView.of(workbench, 'cut.onnx');
    await panel.error.waitFor();
    expect(await panel.error.locator('h1').textContent()).toContain('cut.onnx');
    expect((await panel.error.locator('p').first().textContent())?.trim()).not.toBe('');
    expect(await panel.error.textContent()).toContain('truncated');
    await workbench.screenshot('editor-corrupt');
  });

  it('works once the file is repaired', async () => {
    copyFileSync(workspace.path('healthy.onnx'), workspace.path('cut.onnx'));
    await panel.run();
    await panel.frame.locator('h1.verdict.healthy').waitFor();
  });

  it('that claims to be a report is refused in a notification', async () => {
    workspace.write('bad.json', '{"schemaVersion": 1, "model": "<img src=x onerror=alert(1)>"}');
    await workbench.runCommand('NaNoscope: Open Saved Report…');
    await nameFile(workbench, 'Open Saved Report', workspace.path('bad.json'));
    const toast = workbench.notification('bad.json is not a saved NaNoscope report: model');
    await toast.waitFor();
    await toast.getByRole('button', { name: 'Show Log' }).click();
    await workbench.page.locator('.pane-body.output-view .view-lines', { hasText: 'file-unreadable' }).waitFor();
    await workbench.runCommand('View: Hide Panel');
  });
});

describe('a built-in model', () => {
  it('is chosen with options and diagnosed', async () => {
    await workbench.runCommand('NaNoscope: Diagnose Built-in Model…');
    await choose(workbench, 'Diagnose Built-in Model', 'kimi-k2-mini');
    await choose(workbench, 'Kimi K2 mini', '1–61');
    await enter(workbench, 'Kimi K2 mini: layers', '99');
    await workbench.quickInput.getByText('is not allowed').waitFor();
    await enter(workbench, 'Kimi K2 mini: layers', '2');
    await choose(workbench, 'Kimi K2 mini', 'eager-add | eager-where');
    await choose(workbench, 'Kimi K2 mini: attention', 'eager-where', true);
    await choose(workbench, 'Kimi K2 mini', '2 layers, eager-where');
    panel = await PanelView.of(workbench, 'kimi-k2-mini');
    await panel.done();
    expect(await panel.cells('layer 0 attention')).toEqual(['30/35 pad only', '0/35']);
    expect(await panel.cells('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
    await workbench.screenshot('editor-builtin');
  });

  it('is fixed in a copy whose place the person names', async () => {
    const file = workspace.path('mine.onnx');
    await panel.afterRun(async () => {
      await panel.apply('unmask-rows');
      await nameFile(workbench, 'Write the fixed copy to', file);
    });
    expect(await panel.applied.textContent()).toContain('mine.onnx');
    expect(existsSync(file)).toBe(true);
    await panel.afterRun(() => panel.undo());
    expect(await panel.applied.count()).toBe(0);
    expect(existsSync(file)).toBe(false);
  });

  it('can be cancelled', async () => {
    await workbench.runCommand('NaNoscope: Diagnose Built-in Model…');
    await choose(workbench, 'Diagnose Built-in Model', 'kimi-k2-mini');
    await choose(workbench, 'Kimi K2 mini', '1–61');
    await enter(workbench, 'Kimi K2 mini: layers', '61');
    await choose(workbench, 'Kimi K2 mini', '61 layers');
    const running = await workbench.webview('.status.running vscode-button:has-text("Cancel")');
    await running.locator('.status.running vscode-button', { hasText: 'Cancel' }).click();
    await running.locator('.status.notice', { hasText: 'Cancelled' }).waitFor({ timeout: 10_000 });
  });
});

describe('a mask that could mean several things', () => {
  it('is asked about, not guessed', async () => {
    workspace.write('unclear.onnx', ambiguousModel());
    await workbench.contextMenu('unclear.onnx', 'Diagnose with NaNoscope');
    await workbench.quickInput.getByText('What the mask "key_padding_mask"').waitFor();
    await workbench.screenshot('editor-mask-question');
    await workbench.pick('key_padding_mask');
    await choose(workbench, 'key_padding_mask', '1 (true) means a real token');
    panel = await PanelView.of(workbench, 'unclear.onnx');
    await panel.done();
    expect(await panel.cells('layer 0 attention')).toEqual(['30/35 pad only', '0/35']);
    expect(await panel.frame.locator('header .facts').textContent()).toContain('key_padding_mask');
  });
});

describe('what panels keep between windows', () => {
  const records = (): readonly string[] =>
    workbench.storedFiles('nanoscope.nanoscope').filter((file) => /^panels\b.*\.json$/.test(file));

  it('is one record per open panel, also for those that nobody looked at since a reload', async () => {
    await workbench.runCommand('View: Close All Editors');
    await expect.poll(records, { timeout: 10_000 }).toEqual([]);
    for (const name of ['sick.onnx', 'healthy.onnx']) {
      await workbench.contextMenu(name, 'Diagnose with NaNoscope');
      await (await PanelView.of(workbench, name)).done();
    }
    await expect.poll(() => records().length).toBe(2);
    await workbench.reload();
    panel = await PanelView.of(workbench, 'healthy.onnx');
    await panel.done(30_000);
    // Longer than it takes until what is left over is removed.
    await workbench.page.waitForTimeout(4000);
    expect(records().length).toBe(2);
    await panel.tab('NaNoscope: sick.onnx').click({ button: 'middle' });
    await expect.poll(() => records().length, { timeout: 10_000 }).toBe(1);
    await panel.tab('NaNoscope: healthy.onnx').click({ button: 'middle' });
    await expect.poll(records, { timeout: 10_000 }).toEqual([]);
  });
});

describe('the walkthrough', () => {
  it('opens on demand, with pages that exist', async () => {
    await workbench.runCommand('NaNoscope: Open Walkthrough');
    const page = workbench.page.locator('.gettingStartedContainer');
    await page.getByText('See where NaN begins').first().waitFor();
    await page.getByText('Apply a fix, and undo it').first().click();
    await workbench.webview('text=Fixes come with proof');
    await workbench.screenshot('editor-walkthrough');
  });
});
