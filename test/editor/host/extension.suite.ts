/** Inside the real extension host: what other extensions and commands see. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import * as vscode from 'vscode';
import type { Report } from '../../../src/core/report';
import type { NanoscopeApi } from '../../../src/vscode/api';
import { commandIds, viewIds } from '../../../src/vscode/contributions';
import type { HostTests } from '../../support/hostRunner';

const extension = (): vscode.Extension<NanoscopeApi> => {
  const found = vscode.extensions.getExtension<NanoscopeApi>('nanoscope.nanoscope');
  assert.ok(found, 'the extension is installed');
  return found;
};
const api = async (): Promise<NanoscopeApi> => extension().activate();

const workspaceFile = (name: string): vscode.Uri => {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder, 'a folder is open');
  return vscode.Uri.joinPath(folder.uri, name);
};

const mini = 'builtin:kimi-k2-mini?layers=2';

async function withSetting(key: string, value: unknown, action: () => Promise<void>): Promise<void> {
  const settings = vscode.workspace.getConfiguration('nanoscope');
  await settings.update(key, value, vscode.ConfigurationTarget.Global);
  try {
    await action();
  } finally {
    await settings.update(key, undefined, vscode.ConfigurationTarget.Global);
  }
}

async function code(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    const { code: found, message, hint } = error as { code?: string; message?: string; hint?: string };
    assert.ok(message && hint, 'an error says what is wrong and what to do');
    return found ?? 'no code';
  }
  return 'no error';
}

const tabLabels = (): string[] => vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.map(({ label }) => label));

async function eventually(check: () => void): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    try {
      check();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  check();
}

function commandNames(): Promise<string[]> {
  return Promise.resolve(vscode.commands.getCommands(true)).then((all) =>
    // The editor makes some of its own for every view: to show it, to move it.
    all.filter((id) => id.startsWith('nanoscope.') && !id.startsWith(`${viewIds.tensors}.`)).sort(),
  );
}

export const tests: HostTests = {
  'sleeps until it is needed': () => {
    assert.equal(extension().isActive, false);
  },

  'is woken by a command, and registers exactly those of its manifest': async () => {
    await vscode.commands.executeCommand(commandIds.showLog);
    assert.equal(extension().isActive, true);
    assert.deepEqual(await commandNames(), Object.values(commandIds).sort());
    const manifest = extension().packageJSON as { contributes: { commands: { command: string }[] } };
    assert.deepEqual(manifest.contributes.commands.map(({ command }) => command).sort(), await commandNames());
  },

  'gives a report through its API, the table first': async () => {
    const seen: Report[] = [];
    const texts: string[] = [];
    const report = await (
      await api()
    ).diagnose({ model: mini }, { onReport: (one) => seen.push(one), onProgress: ({ text }) => texts.push(text) });
    assert.equal(report.origins[0]?.mechanism, 'fully-masked-row');
    assert.deepEqual(report.origins[0].positions, ['0-29', '']);
    assert.deepEqual(report.outputs[0]?.nanPositions, [35, 0]);
    assert.ok(report.fixes?.some(({ id, verdict }) => id === 'unmask-rows' && verdict === 'heals'));
    assert.equal(report.observer?.outputsBitEqual, true);
    assert.ok(seen.length > 0 && seen[0]?.fixes === undefined, 'the first report is the table alone');
    const labels = (one: Report): string[] => one.table.map(({ label }) => label);
    assert.deepEqual(seen[0] && labels(seen[0]), labels(report));
    assert.ok(texts.length > 0, 'progress is told');
  },

  'never loads ONNX Runtime into the extension host': () => {
    const loaded = Object.keys(require.cache).filter((file) => file.includes('onnxruntime'));
    assert.deepEqual(loaded, []);
  },

  'says clearly what is wrong with a model': async () => {
    const nanoscope = await api();
    assert.equal(await code(nanoscope.diagnose({ model: workspaceFile('nowhere.onnx').fsPath })), 'file-not-found');
    assert.equal(await code(nanoscope.diagnose({ model: workspaceFile('note.txt').fsPath })), 'not-onnx');
    assert.equal(await code(nanoscope.diagnose({ model: 'builtin:no-such-model' })), 'usage');
  },

  'can be cancelled by its caller, and works again': async () => {
    const nanoscope = await api();
    const controller = new AbortController();
    const run = nanoscope.diagnose({ model: 'builtin:kimi-k2-mini?layers=61' }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 1000);
    const start = Date.now();
    assert.equal(await code(run), 'cancelled');
    assert.ok(Date.now() - start < 10_000, 'it ended soon');
    assert.equal((await nanoscope.diagnose({ model: mini, fixes: false })).model.layers, 2);
  },

  'obeys the setting that fixes do not run by themselves': async () => {
    await withSetting('fixes.runAutomatically', false, async () => {
      assert.equal((await (await api()).diagnose({ model: mini })).fixes, undefined);
    });
  },

  'obeys the level': async () => {
    await withSetting('engine.level', 'basic', async () => {
      const report = await (await api()).diagnose({ model: mini, fixes: false });
      assert.equal(report.observer?.userLevel?.level, 'basic');
    });
  },

  'obeys the time-out': async () => {
    await withSetting('engine.timeoutSeconds', 1, async () => {
      assert.equal(await code((await api()).diagnose({ model: 'builtin:kimi-k2-mini?layers=61' })), 'timeout');
    });
  },

  'obeys the memory limit': async () => {
    await withSetting('engine.memoryLimitMB', 1, async () => {
      assert.equal(await code((await api()).diagnose({ model: mini })), 'out-of-memory');
    });
  },

  'obeys the path of Node': async () => {
    await withSetting('engine.nodePath', '/no/such/node', async () => {
      assert.equal(await code((await api()).diagnose({ model: mini })), 'usage');
    });
  },

  'diagnoses by command, in a panel, and copies the report': async () => {
    const report = await vscode.commands.executeCommand<Report | undefined>(
      commandIds.diagnose,
      workspaceFile('sick.onnx'),
    );
    assert.equal(report?.origins[0]?.mechanism, 'fully-masked-row');
    await eventually(() => assert.deepEqual(tabLabels(), ['NaNoscope: sick.onnx']));
    await vscode.commands.executeCommand(commandIds.copyMarkdown);
    const markdown = await vscode.env.clipboard.readText();
    assert.match(markdown, /^# NaN report: `sick\.onnx`/);
    assert.match(markdown, /30\/35/);
  },

  'saves the report, opens it again and closes its panels': async () => {
    const target = workspaceFile('report.json');
    await vscode.commands.executeCommand(commandIds.saveReport, target);
    const saved = JSON.parse(readFileSync(target.fsPath, 'utf8')) as Report;
    assert.equal(saved.schemaVersion, 1);
    await vscode.commands.executeCommand(commandIds.openReport, target);
    // The tabs are told to the extension host a moment later.
    await eventually(() => assert.deepEqual(tabLabels(), ['NaNoscope: sick.onnx', 'NaNoscope: sick.onnx']));
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(target.fsPath);
  },
};
