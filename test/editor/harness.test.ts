/** The editor harness itself, against an extension that does nothing but answer it. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/chromium';
import { runInExtensionHost, Workbench } from '../support/workbench';

const extension = path.join(repositoryRoot, 'test/fixtures/harness-extension');
const makeWorkspace = (): string => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-harness-'));
  mkdirSync(path.join(folder, 'deep/er'), { recursive: true });
  writeFileSync(path.join(folder, 'deep/er/note.txt'), 'a note\n');
  writeFileSync(path.join(folder, 'top.txt'), 'on top\n');
  return folder;
};

describe('a workbench from outside', () => {
  let workbench: Workbench;
  const workspace = makeWorkspace();

  beforeAll(async () => {
    workbench = await Workbench.open({ workspace, extensions: [extension], trust: true });
  });
  afterAll(async () => {
    await workbench.close();
    rmSync(workspace, { recursive: true, force: true });
  });

  it('runs a palette command and answers its questions', async () => {
    await workbench.runCommand('Harness: Ask and Show');
    await workbench.pick('green');
    await workbench.type('42');
    const frame = await workbench.webview('#answer');
    expect(await frame.locator('#answer').textContent()).toBe('green 42 no file');
    expect(await workbench.clipboard()).toBe('copied green');
  });

  it('starts untrusted when asked to', async () => {
    await workbench.notification('not trusted').waitFor();
  });

  it('opens a file from a nested folder', async () => {
    await workbench.openFile('deep/er/note.txt');
    await workbench.page.locator('.tab', { hasText: 'note.txt' }).waitFor();
    expect(await workbench.tabs()).toContain('note.txt');
    expect(await workbench.page.locator('.monaco-editor .view-lines').first().textContent()).toContain('note');
  });

  it('uses the context menu of the explorer', async () => {
    await workbench.contextMenu('top.txt', 'Ask and Show');
    await workbench.pick('blue');
    await workbench.type('7');
    const frame = await workbench.webview('#answer:has-text("top.txt")');
    expect(await frame.locator('#answer').textContent()).toBe('blue 7 top.txt');
  });

  it('switches colour themes and takes pictures', async () => {
    const colours: string[] = [];
    for (const theme of ['light', 'dark', 'highContrast'] as const) {
      await workbench.setTheme(theme);
      colours.push(
        await workbench.page.locator('.part.sidebar').evaluate((element) => getComputedStyle(element).backgroundColor),
      );
    }
    expect(new Set(colours).size).toBe(3);
    expect(statSync(await workbench.screenshot('harness')).size).toBeGreaterThan(10_000);
  });

  it('grants trust', async () => {
    await workbench.grantTrust();
    await workbench.runCommand('Harness: Ask and Show');
    await workbench.pick('red');
    await workbench.type('1');
    await workbench.page.getByText('trusted', { exact: true }).first().waitFor();
  });

  it('says which command is not there', async () => {
    expect(await workbench.offersCommand('Harness: Ask and Show')).toBe(true);
    expect(await workbench.offersCommand('Harness: Not A Command')).toBe(false);
  });

  it('comes back after a reload', async () => {
    await workbench.reload();
    expect(await workbench.explorerRows.count()).toBeGreaterThan(1);
  });
});

describe('tests inside the extension host', () => {
  it('gives one result per test, failures included', async () => {
    const workspace = makeWorkspace();
    try {
      const suite = path.join(repositoryRoot, 'test/fixtures/harness-extension/inside.suite.ts');
      const results = await runInExtensionHost({ workspace, extension, suite });
      expect(results.map(({ name, error }) => [name, error?.split('\n')[0] ?? null])).toEqual([
        ['knows the workspace', null],
        ['has the command of the extension under test', null],
        ['fails on purpose', 'Error: on purpose'],
      ]);
    } finally {
      rmSync(workspace, { recursive: true, force: true });
    }
  });
});
