/** Debug sessions of a real debugpy in real VS Code: the view of tensors, hovers and line ends. */
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/chromium';
import { Workbench } from '../support/workbench';
import { PanelView } from './support/panel';
import { hoverWord } from './support/words';
import { TensorsList } from './support/tensors';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

const debuggerExtension = path.join(repositoryRoot, 'test/fixtures/debugpy-extension');

let workspace: TestWorkspace;
let workbench: Workbench;
let list: TensorsList;
let view: TensorsList['view'];

beforeAll(async () => {
  workspace = new TestWorkspace([]);
  for (const name of ['decoder', 'kimi']) {
    copyFileSync(path.join(repositoryRoot, `test/dap/programs/${name}.py`), workspace.path(`${name}.py`));
  }
  workspace.write(
    '.vscode/launch.json',
    JSON.stringify({
      version: '0.2.0',
      configurations: ['decoder', 'kimi'].map((name) => ({
        name,
        type: 'debugpy',
        request: 'launch',
        program: `\${workspaceFolder}/${name}.py`,
        console: 'internalConsole',
        python: ['/usr/bin/python3'],
      })),
    }),
  );
  const { extensions = [repositoryRoot] } = extensionUnderTest();
  workbench = await Workbench.open({
    workspace: workspace.folder,
    extensions: [...extensions, debuggerExtension],
    settings: { 'debug.openDebug': 'openOnDebugBreak', 'debug.toolBarLocation': 'docked' },
  });
  await workbench.openFile('decoder.py');
  await workbench.runCommand('Debug: Select and Start Debugging');
  await workbench.pick('decoder');
  await workbench.page.locator('.debug-top-stack-frame-column, .codicon-debug-stackframe').first().waitFor();
  list = await TensorsList.open(workbench);
  ({ view } = list);
});
afterAll(async () => {
  await workbench.close();
  workspace.remove();
});

describe('a decoder stopped behind the softmax of layer 0', () => {
  it('lists the tensors of the frame, those with NaN first', async () => {
    await list.stopsAt('decoder.py:21');
    expect((await list.names())[0]).toBe('probs');
    expect(await list.row('probs').locator('.figures').textContent()).toMatch(/NaN 2,100/);
    expect(await list.names()).toEqual(
      expect.arrayContaining(['hidden', 'attention_mask', 'causal', 'self.qkv.weight']),
    );
    await workbench.screenshot('editor-tensors');
  });

  it('opens one: positions per sample, pad and real told apart by the mask of the frame', async () => {
    await list.row('probs').locator('button.line').click();
    const cells = list.row('probs').locator('table.cells tbody tr');
    await cells.first().waitFor();
    expect(await cells.nth(0).locator('td:not(.strip)').allTextContents()).toEqual(['30/35', '30/30', '0/5']);
    expect(await cells.nth(1).locator('td:not(.strip)').allTextContents()).toEqual(['0/35', '0/0', '0/35']);
    await list.row('probs').getByRole('button', { name: 'Track' }).click();
    await list.row('probs').getByRole('button', { name: 'Add to Watch' }).click();
    await workbench.page.locator('.debug-watch .expression', { hasText: 'probs' }).waitFor();
    await workbench.screenshot('editor-tensors-open');
  });

  it('shows a card on hover, and leaves other variables to the debugger', async () => {
    const card = workbench.page.locator('.monaco-hover:visible');
    await hoverWord(workbench, 'probs = scores.softmax', 'probs');
    await card.filter({ hasText: 'Sample 0: NaN at 30 of 35 positions (30 pad, 0 real)' }).waitFor();
    await workbench.screenshot('editor-tensor-hover');
    await workbench.page.mouse.move(900, 750);
    await card.waitFor({ state: 'hidden' });
    await hoverWord(workbench, 'mixed = ', 'positions');
    await workbench.page.locator('.debug-hover-widget', { hasText: '35' }).waitFor();
    await workbench.page.mouse.move(5, 5);
  });

  it('writes the figures at line ends', async () => {
    const ends = workbench.page.locator('.view-line', { hasText: 'probs = scores.softmax' });
    await expect
      .poll(async () => (await ends.textContent())?.replaceAll('\u00a0', ' '))
      .toContain('probs  f32[2,2,35,35]  ⚠ NaN 30/35 0/35');
  });

  it('follows the program to layer 1 and to its end', async () => {
    await workbench.runCommand('Debug: Continue');
    await expect
      .poll(async () => list.row('probs').locator('.figures').textContent(), { timeout: 30_000 })
      .toMatch(/NaN 2,450/);
    const cells = list.row('probs').locator('table.cells tbody tr');
    await expect
      .poll(async () => cells.nth(0).locator('td:not(.strip)').allTextContents())
      .toEqual(['35/35', '30/30', '5/5']);
    const steps = view.locator('.tracked ol li');
    expect(await steps.allTextContents()).toEqual([
      expect.stringMatching(/NaN 2,100/),
      expect.stringMatching(/NaN 2,450/),
    ]);
    await workbench.runCommand('Debug: Continue');
    await view.locator('header', { hasText: 'Nothing is stopped' }).waitFor();
  });
});

describe('break on first NaN', () => {
  it('set before launch, the program stops in the line of the softmax, and the view says why', async () => {
    await view.getByRole('checkbox', { name: 'Break on first NaN' }).check();
    await workbench.page.locator('.statusbar-item', { hasText: 'First NaN' }).waitFor();
    await workbench.runCommand('Debug: Select and Start Debugging');
    await workbench.pick('decoder');
    await list.stopsAt('decoder.py:19');
    const found = view.locator('.guard article');
    await found.waitFor();
    expect(await found.locator('h2').textContent()).toBe('NaN begins: softmax in layers.0 (Attention)');
    expect((await found.locator('.why').textContent())?.replace(/\s+/gu, ' ')).toBe(
      'fully-masked-row softmax over axis -1: 60 of 140 rows hold nothing but -Inf, so the sum below is 0.',
    );
    const operands = await found.locator('.operands tr').allTextContents();
    expect(operands.map((text) => text.replace(/\s+/gu, ' ').trim())).toEqual([
      'in self float32[2,2,35,35] no NaN, −Inf 3,610',
      'out output float32[2,2,35,35] NaN 2,100',
    ]);
    expect(await found.locator('.positions li').allTextContents()).toEqual(['Sample 0: positions 0-29']);
    await view.getByText('NaN lies exactly at the padding of the mask.').waitFor();
    expect(await list.names()).toContain('scores');
    await workbench.screenshot('editor-first-nan');
  });

  it('goes on to the breakpoints of the program, and to its end', async () => {
    await workbench.runCommand('Debug: Continue');
    await list.stopsAt('decoder.py:21');
    await workbench.runCommand('Debug: Continue');
    await expect
      .poll(async () => list.row('probs').locator('.figures').textContent(), { timeout: 30_000 })
      .toMatch(/2,450/);
    await workbench.runCommand('Debug: Continue');
    await view.locator('header', { hasText: 'Nothing is stopped' }).waitFor();
    // What it found stays, with the way to the line.
    await view.getByRole('button', { name: 'decoder.py:19' }).waitFor();
  });

  it('is switched off by its command', async () => {
    await workbench.runCommand('NaNoscope: Toggle Break on First NaN');
    await expect.poll(async () => view.getByRole('checkbox', { name: 'Break on first NaN' }).isChecked()).toBe(false);
    await workbench.page.locator('.statusbar-item', { hasText: 'First NaN' }).waitFor({ state: 'hidden' });
    await workbench.runCommand('Debug: Select and Start Debugging');
    await workbench.pick('decoder');
    await list.stopsAt('decoder.py:21');
    expect(await view.locator('.guard article').count()).toBe(1);
    await workbench.runCommand('Debug: Stop');
    await view.locator('header', { hasText: 'Nothing is stopped' }).waitFor();
  });
});

describe('record module trace', () => {
  it('fills the panel from a running program, with the table of an ONNX run', async () => {
    await workbench.runCommand('NaNoscope: Record Module Trace (Start or Stop)');
    await workbench.page.locator('.statusbar-item', { hasText: 'Recording modules' }).waitFor();
    await workbench.runCommand('Debug: Select and Start Debugging');
    await workbench.pick('kimi');
    const panel = await PanelView.of(workbench, 'KimiForCausalLM');
    await panel.done();
    const counts = async (stage: string): Promise<readonly string[]> =>
      (await panel.cells(stage)).map((cell) => cell.split(' ')[0] ?? '');
    await expect.poll(async () => counts('logits'), { timeout: 30_000 }).toEqual(['35/35', '0/35']);
    expect(await counts('embed_tokens')).toEqual(['0/35', '0/35']);
    expect(await panel.cells('layer 0 attention')).toEqual(['30/35 pad only', '0/35']);
    expect(await counts('layer 0 mlp')).toEqual(['30/35', '0/35']);
    expect(await panel.cells('layer 1 attention')).toEqual(['35/35 reaches real', '0/35']);
    expect(await panel.verdict.textContent()).toMatch(/layer 0.*30 query rows of sample 0/s);
    await workbench.page.locator('.notification-list-item', { hasText: 'KimiForCausalLM are recorded' }).waitFor();
    await workbench.page.locator('.statusbar-item', { hasText: 'Recording modules' }).waitFor({ state: 'hidden' });
    await workbench.screenshot('editor-trace');
  });
});

describe('without a session', () => {
  it('the line where NaN was born is marked, with words behind it and a card', async () => {
    await workbench.runCommand('View: Show Explorer');
    await workbench.openFile('kimi.py');
    await workbench.runCommand('Go to Line/Column...');
    await workbench.type(':29');
    const mark = workbench.page.locator('.view-line', { hasText: 'probs = torch.nn' }).locator('[class*="ced-"]');
    const words = async (): Promise<readonly string[]> =>
      mark.evaluateAll((all) => all.map((one) => getComputedStyle(one, '::after').content));
    await expect.poll(words).toContain('"NaN begins here: sample 0: 0-29, layer 0"');
    await hoverWord(workbench, 'probs = torch.nn', 'softmax');
    const card = workbench.page.locator('.monaco-hover:visible');
    await card.filter({ hasText: 'NaN begins here in the last diagnosis of KimiForCausalLM' }).waitFor();
    expect(await card.innerText()).toContain('fully-masked-row');
    await workbench.screenshot('editor-born-line');
    await workbench.page.keyboard.press('Escape');
  });

  it('names of modules show what the trace said of them', async () => {
    await workbench.runCommand('View: Show Explorer');
    await workbench.openFile('kimi.py');
    await workbench.runCommand('Go to Line/Column...');
    await workbench.type(':46');
    await hoverWord(workbench, 'self.self_attn, self.mlp = ', 'self_attn');
    const card = workbench.page.locator('.monaco-hover:visible');
    await card.filter({ hasText: 'self_attn in the last diagnosis: KimiForCausalLM' }).waitFor();
    expect(await card.locator('tbody tr').allTextContents()).toEqual([
      expect.stringMatching(/layer 0 attention\s*30\/35 pad only\s*0\/35/),
      expect.stringMatching(/layer 1 attention\s*35\/35 reaches real\s*0\/35/),
    ]);
    await card.filter({ hasText: 'NaN begins here, layer 0 (fully-masked-row)' }).waitFor();
    await workbench.screenshot('editor-name-hover');
  });
});
