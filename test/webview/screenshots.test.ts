/** Pictures of every state in every theme, for people to look at; they also prove that no state breaks the policy. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fixPreviewSchema } from '../../src/protocol/previewSchema';
import { kimi, manyBirths } from '../fixtures/reports/generate';
import { launchChromium, saveScreenshot } from '../support/chromium';
import { bundlePanel, openPanel, type Bundle, type PanelOptions } from './support/panel';
import type { ComparisonState } from '../../src/protocol/comparing';
import { hostileName } from '../support/unsafeText';
import { compared, comparisonOf, leftAndRight, leftPadded, rightPadded, threeVariants } from './support/comparisons';
import { applied, done } from './support/states';
import type { PanelState } from '../../src/protocol/panel';

const preview = fixPreviewSchema.parse(
  JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures/previews/unmask-rows.json'), 'utf8')),
);

let browser: Browser;
let bundle: Bundle;
beforeAll(async () => {
  [browser, bundle] = await Promise.all([launchChromium(), bundlePanel()]);
});
afterAll(async () => {
  await browser.close();
});

const pictures: readonly (readonly [string, PanelOptions, PanelState])[] = [
  ['dark', { theme: 'dark', height: 1500 }, done()],
  ['light', { theme: 'light', height: 1500 }, done()],
  ['contrast', { theme: 'contrast', height: 1500 }, done()],
  ['contrast-light', { theme: 'contrastLight', height: 1500 }, done()],
  ['61x512', { theme: 'dark', height: 1500 }, done({ report: kimi({ layers: 61, positions: 512 }) })],
  ['narrow', { theme: 'dark', width: 400, height: 2600 }, done()],
  ['wide', { theme: 'light', width: 1600, height: 1500 }, done({ report: kimi({ layers: 61 }) })],
  ['many-samples', { theme: 'dark', width: 1000, height: 1400 }, done({ report: kimi({ layers: 4, repeat: 8 }) })],
  ['many-births', { theme: 'light', height: 2000 }, done({ report: manyBirths(4) })],
  ['applied', { theme: 'dark', height: 1400 }, applied()],
  ['preview', { theme: 'dark', height: 1400 }, done({ preview })],
  ['preview-contrast', { theme: 'contrast', height: 1400 }, done({ preview })],
  ['empty', { theme: 'dark', height: 600 }, done({ phase: 'empty', report: null })],
  [
    'running',
    { theme: 'dark', height: 1200 },
    done({
      phase: 'running',
      progress: { text: 'Measuring 134 tensors', fraction: 0.4 },
      report: kimi({ layers: 2, fixes: false }),
    }),
  ],
  [
    'error',
    { theme: 'light', height: 500 },
    done({
      phase: 'error',
      report: null,
      error: {
        code: 'mask-missing',
        message: 'None of the inputs looks like a padding mask.',
        hint: 'Choose the mask input in the batch bar, or give lengths.',
      },
    }),
  ],
  ['stale-read-only', { theme: 'dark', height: 700 }, done({ stale: true, readOnly: true })],
];

it.each(pictures)('%s', async (name, options, state) => {
  const panel = await openPanel(browser, bundle, options);
  await panel.send(state);
  await saveScreenshot(panel.page, `panel-${name}`);
  const overflow = await panel.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow, 'the page must not scroll sideways').toBeLessThanOrEqual(0);
  expect(panel.problems).toEqual([]);
  await panel.close();
});

const longNames = comparisonOf(
  [
    leftPadded({ layers: 4 }, `distributed_data_parallel_wrapper_of_the_language_model_with_cache${hostileName}`),
    rightPadded({ layers: 4 }, 'a.second-export-of-the-same-checkpoint-with-another-attention-implementation.onnx'),
  ],
  ['model'],
  ['Levels are compared at the outputs of plain runs: probes would keep the engine from optimising between them.'],
);
const comparisons: readonly (readonly [string, PanelOptions, ComparisonState])[] = [
  ['dark', { theme: 'dark', height: 1200 }, compared(leftAndRight())],
  ['light', { theme: 'light', height: 1200 }, compared(leftAndRight())],
  ['contrast', { theme: 'contrast', height: 1200 }, compared(leftAndRight())],
  ['contrast-light', { theme: 'contrastLight', height: 1200 }, compared(leftAndRight())],
  ['61x3', { theme: 'dark', width: 1000, height: 1400 }, compared(threeVariants())],
  ['long-names', { theme: 'light', width: 900, height: 1400 }, compared(longNames)],
  ['narrow', { theme: 'dark', width: 400, height: 1400 }, compared(threeVariants({ layers: 4 }))],
  [
    'same',
    { theme: 'light', height: 1200 },
    compared(comparisonOf([leftPadded({ layers: 3 }, '1 rank'), leftPadded({ layers: 3 }, '4 ranks')], ['sharding'])),
  ],
  [
    'running',
    { theme: 'dark', height: 400 },
    compared(null, {
      phase: 'running',
      planned: ['padding left', 'padding right', 'no padding'],
      progress: { text: 'padding right: Measuring 134 tensors', fraction: 0.45 },
    }),
  ],
  [
    'error',
    { theme: 'light', height: 400 },
    compared(null, {
      phase: 'error',
      error: {
        code: 'usage',
        message: 'This batch cannot be compared with padding=left: Nothing moves the padding of a batch to the left.',
        hint: 'Leave that value out, or let the batch be made from lengths.',
      },
    }),
  ],
];

it.each(comparisons)('comparison %s', async (name, options, state) => {
  const panel = await openPanel(browser, bundle, options);
  await panel.send(done());
  await panel.sendRaw({ type: 'comparison', state });
  await saveScreenshot(panel.page, `comparison-${name}`);
  const overflow = await panel.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow, 'the page must not scroll sideways').toBeLessThanOrEqual(0);
  expect(panel.problems).toEqual([]);
  await panel.close();
});

it('card and details', async () => {
  const panel = await openPanel(browser, bundle, { theme: 'light', height: 1100 });
  await panel.send(done());
  await panel.page.locator('[data-cell="3:0"]').click();
  await panel.page.locator('[data-cell="3:0"]').focus();
  await saveScreenshot(panel.page, 'panel-card');
  expect(panel.problems).toEqual([]);
  await panel.close();
});
