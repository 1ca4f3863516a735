/** Variants side by side, from the palette to a file and back out of the history: real editor, real engine. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Workbench } from '../support/workbench';
import { check, choose, enter, nameFile } from './support/dialogs';
import { ComparisonView } from './support/comparison';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

const workspace = new TestWorkspace(['sick.onnx']);
let workbench: Workbench;
let comparison: ComparisonView;

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

it('paddings of a built-in model are compared from the palette', async () => {
  await workbench.runCommand('NaNoscope: Compare…');
  await choose(workbench, 'Compare', 'A built-in model…');
  await choose(workbench, 'Compare: Built-in Model', 'kimi-k2-mini');
  await choose(workbench, 'Kimi K2 mini', 'Compare');
  await check(workbench, 'Compare: What Differs', ['padding']);
  await check(workbench, 'Compare: padding', ['left', 'right']);
  comparison = await ComparisonView.of(workbench);
  await comparison.done();
  expect(await comparison.verdict.textContent()).toContain(
    'NaN in padding left, none in padding right: the side of the padding makes the difference.',
  );
  expect(await comparison.cells('layer 1 attention')).toEqual(['35/35', '0/35', '0/35', '0/35']);
  await workbench.screenshot('editor-compare');
});

it('only differences are shown, and none where nothing differs', async () => {
  const all = await comparison.stages();
  await comparison.onlyDifferences();
  const unlike = await comparison.stages();
  expect(unlike[0]).toBe('≠ layer 0 attention');
  expect(unlike.length).toBeLessThan(all.length);
  expect(unlike.every((stage) => stage.startsWith('≠'))).toBe(true);
});

it('it is copied and saved', async () => {
  await comparison.frame.locator('#copy-comparison').click();
  await expect
    .poll(() => workbench.clipboard())
    .toContain('# Comparison\n\n**NaN in padding left, none in padding right');
  const file = workspace.path('paddings.json');
  await comparison.frame.locator('#save-json').click();
  await nameFile(workbench, 'Save Comparison as JSON', file);
  await expect.poll(() => existsSync(file)).toBe(true);
  const saved = JSON.parse(readFileSync(file, 'utf8')) as { kind: string; variants: { label: string }[] };
  expect([saved.kind, ...saved.variants.map(({ label }) => label)]).toEqual([
    'comparison',
    'padding left',
    'padding right',
  ]);
});

it('sharded and unsharded attention: identical, and no difference to show', async () => {
  await workbench.runCommand('NaNoscope: Compare…');
  await choose(workbench, 'Compare', 'A built-in model…');
  await choose(workbench, 'Compare: Built-in Model', 'kimi-k2-mini');
  await choose(workbench, 'Kimi K2 mini', 'Compare');
  await check(workbench, 'Compare: What Differs', ['shard']);
  await check(workbench, 'Compare: shard', ['all', 'moe']);
  await comparison.frame.locator('h1.verdict', { hasText: 'sharding' }).waitFor({ timeout: 90_000 });
  expect(await comparison.verdict.textContent()).toContain(
    'Identical NaN pattern, at the same positions of every stage: sharding is not the cause.',
  );
  // Two ranks each, two samples each.
  const both = ['35/35', '0/35'];
  expect(await comparison.cells('layer 1 attention')).toEqual([...both, ...both, ...both, ...both]);
  await workbench.screenshot('editor-compare-sharded');
  await comparison.onlyDifferences();
  expect(await comparison.stages()).toEqual([]);
  const file = workspace.path('sharded.csv');
  await comparison.frame.locator('#save-csv').click();
  await nameFile(workbench, 'Save Comparison as CSV', file);
  await expect.poll(() => existsSync(file)).toBe(true);
  const lines = readFileSync(file, 'utf8').split('\r\n');
  expect(new Set(lines.slice(1).flatMap((line) => /rank \d/.exec(line)?.[0] ?? []))).toEqual(
    new Set(['rank 0', 'rank 1']),
  );
});

it('it is named, and opened again from the history after a reload', async () => {
  await workbench.runCommand('NaNoscope: History…');
  await workbench.quickInput.getByText('shard all, rank 0').first().waitFor();
  await workbench.screenshot('editor-history');
  await comparison.runButton('shard all, rank 0', 'Name…');
  await enter(workbench, 'Name the Run', 'ranks');
  await choose(workbench, 'History', 'ranks');
  const stored = await ComparisonView.of(workbench, 'ranks');
  expect(await stored.verdict.textContent()).toContain('sharding is not the cause');
  expect((await stored.cells('layer 1 attention')).slice(0, 4)).toEqual(['35/35', '0/35', '35/35', '0/35']);
  await workbench.reload();
  const again = await ComparisonView.of(workbench, 'ranks');
  expect((await again.cells('layer 1 attention')).slice(0, 4)).toEqual(['35/35', '0/35', '35/35', '0/35']);
});

it('two diagnoses out of the history are compared without a run', async () => {
  for (let runs = 0; runs < 2; runs += 1) {
    await workbench.contextMenu('sick.onnx', 'Diagnose with NaNoscope');
    const frame = await workbench.webview('header .title:has-text("sick.onnx")', 90_000);
    await frame.locator('h1.verdict[aria-busy="false"]').waitFor({ timeout: 90_000 });
  }
  await workbench.runCommand('NaNoscope: History…');
  // The run in front is the latest; it is called by the name that it was given meanwhile.
  await comparison.runButton('sick.onnx', 'Name…');
  await enter(workbench, 'Name the Run', 'after');
  await workbench.quickInput.getByText('after').first().waitFor();
  await workbench.page.keyboard.press('Escape');
  await workbench.runCommand('NaNoscope: Compare…');
  await choose(workbench, 'Compare', 'The run in front with a stored one…');
  await choose(workbench, 'Compare the Run in Front with', 'sick.onnx');
  const same = await ComparisonView.of(workbench, 'sick.onnx');
  await same.done();
  expect(await same.verdict.textContent()).toContain('Identical NaN pattern, at the same positions of every stage');
  await same.onlyDifferences();
  expect(await same.stages()).toEqual([]);
  expect(await same.frame.locator('#compare-scroller .none').textContent()).toBe(
    'No row differs between the variants.',
  );
  expect(await same.frame.locator('.variants tbody th .name').allTextContents()).toEqual([
    expect.stringMatching(/\d:\d\d/),
    'after',
  ]);
  await workbench.screenshot('editor-compare-same');
});

it('an experiment of the investigation is run from the palette and read as a page', async () => {
  await workbench.runCommand('NaNoscope: Run Experiment…');
  await check(workbench, 'Run Experiment', ['sdpa-bool-mask']);
  const page = await workbench.webview('body:has(h1:has-text("A row of attention without any key"))', 90_000);
  const text = await page.locator('body').innerText();
  expect(text).toContain('As found then, in all 3 outcomes.');
  expect(await page.locator('table tbody tr').count()).toBe(16);
  await workbench.screenshot('editor-experiment');
});
