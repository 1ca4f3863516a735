/**
 * Pictures of the real panel in the real editor, for people to look at: `test-results/screenshots/panel-*.png`. What a
 * picture cannot prove by itself is asserted beside it: nothing sticks out sideways, and the head of the table stays.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Workbench } from '../support/workbench';
import { choose, enter } from './support/dialogs';
import { hostileModel } from './support/hostileModel';
import { PanelView } from './support/panel';
import { extensionUnderTest, TestWorkspace } from './support/workspace';

const workspace = new TestWorkspace(['sick.onnx', 'sick.inputs.npz', 'healthy.onnx']);
workspace.write('hostile & <b>long<b> names of a model that nobody would call like this.onnx', hostileModel());
workspace.write('cut.onnx', readFileSync(workspace.path('sick.onnx')).subarray(0, 20_000));
let workbench: Workbench;

beforeAll(async () => {
  workbench = await Workbench.open({
    workspace: workspace.folder,
    viewport: { width: 1500, height: 1000 },
    ...extensionUnderTest(),
  });
  await workbench.setTheme('dark');
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.keepEvidence(`failed-${task.name.replace(/\W+/g, '-')}`);
});
afterAll(async () => {
  await workbench.close();
  workspace.remove();
});

/** The page from top to bottom, one picture per screenful. */
async function pictures(panel: PanelView, name: string): Promise<void> {
  const sideways = await panel.frame.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(sideways, 'the page must not scroll sideways').toBeLessThanOrEqual(0);
  for (let screen = 0; screen < 6; screen++) {
    const more = await panel.frame.evaluate(async (top) => {
      window.scrollTo({ top: top * (window.innerHeight - 80) });
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return window.scrollY + window.innerHeight < document.documentElement.scrollHeight - 4;
    }, screen);
    await workbench.screenshot(`panel-${name}-${String(screen)}`);
    if (!more) break;
  }
  await panel.frame.evaluate(() => {
    window.scrollTo({ top: 0 });
  });
}

async function diagnoseBuiltin(layers: string): Promise<void> {
  await workbench.runCommand('NaNoscope: Diagnose Built-in Model…');
  await choose(workbench, 'Diagnose Built-in Model', 'kimi-k2-mini');
  await choose(workbench, 'Kimi K2 mini', '1–61');
  await enter(workbench, 'Kimi K2 mini: layers', layers);
  await choose(workbench, 'Kimi K2 mini', `${layers} layers`);
}

it('a sick model in every theme', async () => {
  await workbench.contextMenu('sick.onnx', 'Diagnose with NaNoscope');
  const panel = await PanelView.of(workbench, 'sick.onnx');
  await panel.done();
  for (const theme of ['light', 'highContrast', 'highContrastLight', 'dark'] as const) {
    await workbench.setTheme(theme);
    await pictures(panel, `sick-${theme}`);
  }
});

it('after a fix', async () => {
  const panel = await PanelView.of(workbench, 'sick.onnx');
  await panel.afterRun(() => panel.apply('unmask-rows'));
  await pictures(panel, 'fixed');
  await panel.afterRun(() => panel.undo());
  await workbench.screenshot('panel-undone');
});

it('a healthy model', async () => {
  await workbench.contextMenu('healthy.onnx', 'Diagnose with NaNoscope');
  const panel = await PanelView.of(workbench, 'healthy.onnx');
  await panel.done();
  await pictures(panel, 'healthy');
});

it('an error', async () => {
  await workbench.contextMenu('cut.onnx', 'Diagnose with NaNoscope');
  const panel = await PanelView.of(workbench, 'cut.onnx');
  await panel.error.waitFor();
  await pictures(panel, 'error');
});

it('names that are long and hostile', async () => {
  const name = 'hostile & <b>long<b> names of a model that nobody would call like this.onnx';
  await workbench.contextMenu(name, 'Diagnose with NaNoscope');
  const panel = await PanelView.of(workbench, 'hostile & <b>long');
  await panel.done();
  await pictures(panel, 'hostile');
  await panel.frame.locator('tr.born [data-cell]').nth(1).click();
  await pictures(panel, 'hostile-details');
});

it('61 layers: running, cancelled without a result, done, scrolled', async () => {
  await diagnoseBuiltin('61');
  const running = await workbench.webview('.status.running vscode-button:has-text("Cancel")');
  await workbench.screenshot('panel-61-running');
  await running.locator('.status.running vscode-button', { hasText: 'Cancel' }).click();
  await running.locator('.status.notice', { hasText: 'Cancelled' }).waitFor();
  await workbench.screenshot('panel-61-no-result');
  const panel = await PanelView.of(workbench, 'kimi-k2-mini');
  await running.locator('#run').click();
  await running.locator('#table-scroller').waitFor({ timeout: 120_000 });
  await workbench.screenshot('panel-61-running-table');
  await panel.done(200_000);
  await pictures(panel, '61');
  const scroller = panel.frame.locator('#table-scroller');
  const left = (): Promise<number[]> =>
    panel.frame
      .locator('#table-scroller thead th')
      .evaluateAll((heads) => heads.map((head) => head.getBoundingClientRect().left));
  const before = await left();
  await scroller.evaluate((box) => {
    box.scrollTop = 3000;
  });
  await workbench.page.waitForTimeout(300);
  expect(await left(), 'columns stay where they are while rows scroll by').toEqual(before);
  await workbench.screenshot('panel-61-scrolled');
});
