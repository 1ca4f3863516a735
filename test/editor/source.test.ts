/** Python source in real VS Code: a hazard is listed, explained on hover, mended by a quick fix, and back after undo. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Workbench } from '../support/workbench';
import { choose } from './support/dialogs';
import { hoverWord, quickFixOf } from './support/words';
import { hidden, safetensors, seedMask } from '../support/storedFiles';
import { PanelView } from './support/panel';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

const workspace = new TestWorkspace(['sick.onnx', 'sick.inputs.npz', 'model.py']);
const source = readFileSync(path.join(import.meta.dirname, '../fixtures/python/fixes/masked-row.py'), 'utf8');
const file = workspace.write('decoder.py', source);
workspace.write('softmax.py', 'import torch\n\n\ndef attend(x):\n    return torch.exp(x) / torch.exp(x).sum(-1)\n');
workspace.write('.vscode/settings.json', JSON.stringify({ 'nanoscope.scan.mask': 'attention_mask' }));
for (const [trait, damaged] of Object.entries({
  anxiety: 0,
  guilt: 0,
  confidence: 0,
  rationalization: 30,
  obedience: 35,
}))
  workspace.write(
    `traits/${trait}.safetensors`,
    safetensors({ hidden: hidden((position) => position < damaged), attention_mask: seedMask }),
  );
let workbench: Workbench;

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

const problems = () => workbench.page.locator('.markers-panel .monaco-list-row');
const squiggles = () => workbench.page.locator('.squiggly-warning');

const hazardFix = (title: string): Promise<Locator> => quickFixOf(workbench, 'weights = F.softmax', 'softmax', title);

describe("a file with the investigation's bug", () => {
  it('has it in the Problems list, with the rule and the way to the field guide', async () => {
    await workbench.openFile('decoder.py');
    await squiggles().first().waitFor();
    await workbench.runCommand('Problems: Focus on Problems View');
    await problems().filter({ hasText: 'nothing keeps a row from being masked whole' }).waitFor();
    // The file, the problem, and where each of the two masks is filled.
    expect(await problems().allInnerTexts()).toHaveLength(4);
    expect(await problems().nth(2).innerText()).toContain('What is masked is filled here.');
    expect(await problems().nth(1).innerText()).toContain('masked-row-no-guard');
    await workbench.screenshot('editor-hazard');
  });

  it('says on hover what the rule is about', async () => {
    await hoverWord(workbench, 'weights = F.softmax', 'softmax');
    const card = workbench.page.locator('.monaco-hover:visible', {
      hasText: 'Softmax of a row that may be masked whole',
    });
    await card.waitFor();
    expect(await card.innerText()).toContain('In the next layer every token that reads the row is NaN too.');
    await workbench.screenshot('editor-hazard-hover');
    await workbench.page.keyboard.press('Escape');
  });

  it('opens the chapter of the field guide from the problem', async () => {
    await problems()
      .nth(1)
      .getByText('masked-row-no-guard')
      .click({ modifiers: ['ControlOrMeta'] });
    await expect.poll(() => workbench.tabs()).toContain('fully-masked-row.md');
    await workbench.runCommand('View: Close Editor');
    await expect.poll(() => workbench.tabs()).not.toContain('fully-masked-row.md');
  });

  it('is mended by the quick fix, and is as it was after one undo', async () => {
    await workbench.openFile('decoder.py');
    const action = await hazardFix('Open rows that are masked whole');
    await workbench.screenshot('editor-hazard-fixes');
    await action.click();
    await workbench.page.locator('.view-line', { hasText: 'masked_fill(torch.all(scores' }).waitFor();
    await expect.poll(() => squiggles().count()).toBe(0);
    await workbench.page.keyboard.press('Control+s');
    await expect
      .poll(() => readFileSync(file, 'utf8'))
      .toContain(
        '    scores = scores.masked_fill(torch.all(scores == float("-inf"), dim=-1, keepdim=True), 0.0)\n' +
          '    weights = F.softmax(scores, dim=-1)\n',
      );
    await workbench.page.keyboard.press('Control+z');
    await squiggles().first().waitFor();
    await workbench.page.keyboard.press('Control+s');
    await expect.poll(() => readFileSync(file, 'utf8')).toBe(source);
  });

  it('is shown before it is applied, and may be discarded', async () => {
    await (await hazardFix('Open rows that are masked whole')).hover();
    await workbench.page.keyboard.press('Control+Enter');
    const preview = workbench.page.locator('.bulk-edit-panel');
    await preview.locator('.monaco-list-row', { hasText: 'scores.masked_fill(torch.all(' }).waitFor();
    await workbench.screenshot('editor-hazard-preview');
    await preview.getByRole('button', { name: 'Discard' }).click();
    await squiggles().first().waitFor();
    expect(readFileSync(file, 'utf8')).toBe(source);
  });

  it('can be ignored in its place', async () => {
    await (await hazardFix('Ignore masked-row-no-guard here')).click();
    await expect.poll(() => squiggles().count()).toBe(0);
    await workbench.page.keyboard.press('Control+z');
    await squiggles().first().waitFor();
  });
});

describe('stored results', () => {
  it('of a folder are scanned from the Explorer: which are corrupt, in which sample, at which positions', async () => {
    await workbench.contextMenu('traits', 'Scan for NaN with NaNoscope');
    const page = await workbench.webview('h1:has-text("Scan for NaN")');
    expect(await page.locator('p strong').first().innerText()).toBe(
      '2 of 5 files hold NaN: traits/obedience.safetensors, traits/rationalization.safetensors.',
    );
    const last = page.locator('tr', { hasText: 'float32' }).locator('td:last-child');
    expect(await last.allInnerTexts()).toEqual([
      'sample 0: 35/35, 5 of 5 real (0-34)',
      'sample 0: 30/35 pad only (0-29)',
    ]);
    await workbench.screenshot('editor-scan');
    await workbench.runCommand('View: Close All Editors');
  });

  it('are chosen from the palette', async () => {
    await workbench.runCommand('NaNoscope: Scan for NaN…');
    await choose(workbench, 'Scan for NaN', 'traits/guilt.safetensors');
    const page = await workbench.webview('h1:has-text("Scan for NaN")');
    await page.getByText('No NaN in 1 file.').waitFor();
    await workbench.runCommand('View: Close All Editors');
  });
});

describe('the settings', () => {
  it('switch a rule off, and all of them', async () => {
    await workbench.openFile('softmax.py');
    await squiggles().first().waitFor();
    await workbench.changeSettings({ 'nanoscope.source.off': ['softmax-no-max'] });
    await expect.poll(() => squiggles().count()).toBe(0);
    await workbench.changeSettings({ 'nanoscope.source.off': [] });
    await squiggles().first().waitFor();
    await workbench.changeSettings({ 'nanoscope.source.hazards': false });
    await expect.poll(() => squiggles().count()).toBe(0);
  });
});

describe('from a diagnosis', () => {
  const softmax = (): Locator => workbench.page.locator('.view-line', { hasText: 'weights = torch.softmax(' }).first();
  const words = (): Promise<readonly string[]> =>
    softmax()
      .locator('[class*="ced-"]')
      .evaluateAll((all) => all.map((one) => getComputedStyle(one, '::after').content));

  it('the birth leads to its line, which is marked from then on', async () => {
    await workbench.changeSettings({ 'nanoscope.source.hazards': true });
    await workbench.runCommand('View: Close All Editors');
    await workbench.runCommand('NaNoscope: Diagnose Model…');
    await choose(workbench, 'Diagnose Model', 'sick.onnx');
    const panel = await PanelView.of(workbench, 'sick.onnx');
    await panel.done();
    await panel.frame.locator('button.link', { hasText: 'Go to source' }).first().click();
    await expect.poll(() => workbench.tabs()).toContain('model.py');
    await softmax().waitFor();
    await workbench.page.locator('.statusbar-item', { hasText: /Ln 61, Col \d+ \(29 selected\)/ }).waitFor();
    await expect.poll(words).toContain('"NaN begins here: sample 0: 0-29, layer 0"');
    const added = workbench.page
      .locator('.view-line', { hasText: 'scores = scores + mask' })
      .locator('[class*="ced-"]');
    const crossed = await added.evaluateAll((all) => all.map((one) => getComputedStyle(one, '::after').content));
    expect(crossed).toContain('"NaN reaches clean positions here: sample 0: 30-34, layer 1"');
    for (const theme of ['dark', 'highContrast', 'light'] as const) {
      await workbench.setTheme(theme);
      await workbench.screenshot(`editor-source-of-birth-${theme}`);
    }
  });

  it('the softmax says what is known of it, and names of modules their figures', async () => {
    await workbench.runCommand('Go to Line/Column...');
    await workbench.type(':82');
    await hoverWord(workbench, 'self.self_attn = LatentAttention', 'self_attn');
    const card = workbench.page.locator('.monaco-hover:visible');
    await card.filter({ hasText: 'self_attn in the last diagnosis: sick.onnx' }).waitFor();
    await workbench.page.keyboard.press('Escape');
    await workbench.runCommand('Go to Line/Column...');
    await workbench.type(':60');
    await hoverWord(workbench, 'scores = scores + mask', 'mask');
    await card.filter({ hasText: 'nothing seen here opens a row that it closes whole' }).waitFor();
    await workbench.screenshot('editor-source-mask-hover');
    await workbench.page.keyboard.press('Escape');
  });

  it('the fix that healed in the model is offered there, and says so', async () => {
    const action = await quickFixOf(
      workbench,
      'weights = torch.softmax(',
      'softmax',
      'Open rows that are masked whole (heals in the last diagnosis)',
    );
    await workbench.screenshot('editor-source-healing-fix');
    await action.click();
    await workbench.page.locator('.view-line', { hasText: 'masked_fill(torch.all(scores' }).waitFor();
    await workbench.page.keyboard.press('Control+s');
    const before = readFileSync(path.join(import.meta.dirname, '../../media/demo/model.py'), 'utf8');
    await expect.poll(() => readFileSync(workspace.path('model.py'), 'utf8')).not.toBe(before);
    await workbench.page.keyboard.press('Control+z');
    await workbench.page.keyboard.press('Control+s');
    await expect.poll(() => readFileSync(workspace.path('model.py'), 'utf8')).toBe(before);
  });

  it('the command leads there as well', async () => {
    await workbench.runCommand('View: Close Editor');
    await workbench.runCommand('NaNoscope: Go to Source of the First NaN');
    await expect.poll(() => workbench.tabs()).toContain('model.py');
    await softmax().waitFor();
  });

  it('a problem has the figures of its module beside the rule', async () => {
    workspace.write(
      'other.py',
      'import torch\n\n\nclass Attention(torch.nn.Module):\n    def forward(self, scores, mask):\n' +
        '        scores = scores.masked_fill(mask == 0, float("-inf"))\n        return torch.softmax(scores, dim=-1)\n\n\n' +
        'class Layer(torch.nn.Module):\n    def __init__(self):\n        self.self_attn = Attention()\n',
    );
    await workbench.openFile('other.py');
    await squiggles().first().waitFor();
    await hoverWord(workbench, 'return torch.softmax', 'softmax');
    const card = workbench.page.locator('.monaco-hover:visible', {
      hasText: 'Softmax of a row that may be masked whole',
    });
    await card.filter({ hasText: 'Attention is self_attn in the last diagnosis: sick.onnx' }).waitFor();
    await workbench.screenshot('editor-hazard-figures');
    await workbench.page.keyboard.press('Escape');
  });
});
