/** Tensors of ONNX Runtime in a Node program, in a session of the editor's own JavaScript debugger. */
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/chromium';
import { Workbench } from '../support/workbench';
import { hoverWord } from './support/words';
import { TensorsList } from './support/tensors';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

let workspace: TestWorkspace;
let workbench: Workbench;
let list: TensorsList;

beforeAll(async () => {
  workspace = new TestWorkspace([]);
  copyFileSync(path.join(repositoryRoot, 'test/dap/programs/session.js'), workspace.path('session.js'));
  workspace.write(
    '.vscode/launch.json',
    JSON.stringify({
      version: '0.2.0',
      configurations: [
        {
          name: 'session',
          type: 'node',
          request: 'launch',
          runtimeExecutable: process.execPath,
          program: '${workspaceFolder}/session.js',
          args: [path.join(repositoryRoot, 'test/fixtures/pytorch/a1_mla_leftpad_inf_add_op13.onnx')],
          env: { NODE_PATH: path.join(repositoryRoot, 'node_modules') },
          console: 'internalConsole',
        },
      ],
    }),
  );
  const { extensions = [repositoryRoot] } = extensionUnderTest();
  workbench = await Workbench.open({
    workspace: workspace.folder,
    extensions,
    settings: { 'debug.openDebug': 'openOnDebugBreak', 'debug.toolBarLocation': 'docked', 'debug.inlineValues': 'on' },
  });
  await workbench.openFile('session.js');
  await workbench.runCommand('Debug: Select and Start Debugging');
  await workbench.pick('session');
  await workbench.page.locator('.debug-top-stack-frame-column, .codicon-debug-stackframe').first().waitFor();
  list = await TensorsList.open(workbench);
});
afterAll(async () => {
  await workbench.close();
  workspace.remove();
});

describe('a Node program that is stopped behind its run', () => {
  it('lists the tensors of the frame, those with NaN first', async () => {
    await list.stopsAt('session.js:18');
    expect(await list.names()).toEqual(['logits', 'scores', 'feeds.input_ids', 'feeds.attention_mask']);
    // PyTorch's own output: all 35 positions of sample 0, 97 logits each.
    expect(await list.row('logits').locator('.figures').textContent()).toMatch(/NaN 3,395/);
    expect(await list.row('feeds.attention_mask').textContent()).toMatch(/i64\[2,35\]/);
    await workbench.screenshot('editor-javascript');
  });

  it('opens one: pad and real told apart by the mask among the feeds', async () => {
    await list.row('logits').locator('button.line').click();
    expect(await list.cells('logits', 0)).toEqual(['35/35', '30/30', '5/5']);
    expect(await list.cells('logits', 1)).toEqual(['0/35', '0/0', '0/35']);
    await workbench.screenshot('editor-javascript-open');
  });

  it('shows a card on hover, and leaves other variables to the debugger', async () => {
    const card = workbench.page.locator('.monaco-hover:visible');
    await hoverWord(workbench, 'const clean = ', 'logits');
    await card.filter({ hasText: 'Sample 0: NaN at 35 of 35 positions (30 pad, 5 real)' }).waitFor();
    await workbench.page.mouse.move(900, 750);
    await card.waitFor({ state: 'hidden' });
    await hoverWord(workbench, 'const best = ', 'best');
    await workbench.page.locator('.debug-hover-widget').waitFor();
    await workbench.page.mouse.move(5, 5);
  });

  it('writes figures at line ends, and leaves there what the editor writes itself', async () => {
    const end = async (line: string): Promise<string | undefined> =>
      (await workbench.page.locator('.view-line', { hasText: line }).first().textContent())?.replaceAll('\u00a0', ' ');
    await expect.poll(async () => end('const { logits }')).toContain('logits  f32[2,35,97]  ⚠ NaN 35/35 0/35');
    await expect.poll(async () => end('const best = ')).toMatch(/best = \d+/);
  });

  it('follows the program to its next stop and to its end', async () => {
    await workbench.runCommand('Debug: Continue');
    await list.stopsAt('session.js:20');
    await expect.poll(async () => list.names()).toContain('clean');
    expect(await list.row('clean').locator('.figures').textContent()).not.toMatch(/NaN/);
    await workbench.runCommand('Debug: Continue');
    await list.view.locator('header', { hasText: 'Nothing is stopped' }).waitFor();
  });
});
