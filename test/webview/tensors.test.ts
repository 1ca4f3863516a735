/** The view of tensors in Run and Debug: what it says, what it asks for, and how it looks in every theme. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FoundNaN, GuardView } from '../../src/core/live/guard';
import type { LiveDetail, LiveTensor } from '../../src/core/live/tensor';
import type { WatchState } from '../../src/core/live/watch';
import { launchChromium, saveScreenshot } from '../support/chromium';
import { hostileName, unsafe } from '../support/unsafeText';
import { bundlePanel, openPanel, type Bundle, type OpenPanel, type PanelOptions } from './support/panel';

let browser: Browser;
let bundle: Bundle;
let view: OpenPanel | null = null;
beforeAll(async () => {
  [browser, bundle] = await Promise.all([launchChromium(), bundlePanel('webview/debugView/main.ts')]);
});
afterAll(async () => {
  await browser.close();
});
afterEach(async () => {
  const problems = view?.problems ?? [];
  await view?.close();
  view = null;
  expect(problems, 'policy violations, page errors, requests').toEqual([]);
});

const show = async (state: Partial<WatchState>, guard: Partial<GuardView> = {}, options: PanelOptions = {}) => {
  view = await openPanel(browser, bundle, { width: 320, height: 900, ...options });
  await view.sendRaw({ type: 'state', state: { ...idle, ...state }, guard: { ...off, ...guard } });
  return view;
};

const off: GuardView = { on: false, level: 'ops', watching: [], hits: [], status: null, problem: null };
const idle: WatchState = { phase: 'idle', session: null, place: null, scope: null, error: null, open: {}, tracked: {} };

const tensor = (path: string, more: Partial<LiveTensor> = {}): LiveTensor => ({
  path,
  name: path,
  origin: 'local',
  library: 'torch',
  type: 'Tensor',
  dtype: 'float32',
  shape: [2, 35, 64],
  device: 'cpu',
  elements: 4480,
  requiresGrad: false,
  counts: { nan: 0, posInf: 0, negInf: 0 },
  min: -2.125,
  max: 3.5,
  mean: 0.25,
  scanned: null,
  skipped: null,
  note: null,
  sameAs: null,
  ...more,
});
const sickProbs = tensor('probs', {
  shape: [2, 2, 35, 35],
  elements: 4900,
  counts: { nan: 2100, posInf: 0, negInf: 0 },
});
const probs: LiveDetail = {
  ...sickProbs,
  axes: { sample: 0, position: 2, why: 'Axis 2 is as long as attention_mask.' },
  cells: {
    nan: [[...Array<number>(30).fill(70), ...Array<number>(5).fill(0)], Array<number>(35).fill(0)],
    posInf: [Array<number>(35).fill(0), Array<number>(35).fill(0)],
    negInf: [Array<number>(35).fill(0), Array<number>(35).fill(0)],
  },
  roles: { from: 'attention_mask', rows: ['p'.repeat(30) + 'r'.repeat(5), 'r'.repeat(35)] },
  histogram: { edges: [0, 0.25, 0.5, 0.75, 1], counts: [900, 200, 60, 40] },
  values: [
    ['NaN', 'NaN', 'NaN'],
    [0.25, 0.5, 0.25],
  ],
  index: [0, 0],
};
const read: Partial<WatchState> = {
  phase: 'read',
  session: 'decoder',
  place: 'decoder.py:21',
  scope: {
    tensors: [
      sickProbs,
      tensor('causal', { shape: [35, 35], counts: { nan: 0, posInf: 0, negInf: 595 }, min: 0, max: 0 }),
      tensor('attention_mask', { dtype: 'int64', shape: [2, 35], min: 0, max: 1 }),
      tensor('self.qkv.weight', { origin: 'parameter', shape: [48, 16], requiresGrad: true }),
      tensor('self.layers[0].self_attn.rotary_embedding.inverse_frequencies_of_a_long_name', { origin: 'buffer' }),
      tensor('quantised', { counts: null, min: null, max: null, skipped: 'quantised: its numbers are codes' }),
    ],
    more: 3,
    outOfTime: false,
    ms: 12,
  },
  open: { probs },
  tracked: { probs: [{ place: 'decoder.py:21', condition: 'nan', sickness: 'NaN 2,100' }] },
};
const hit: FoundNaN = {
  level: 'ops',
  op: 'softmax',
  module: { path: 'model.layers.0.self_attn', class: 'DeepseekV3Attention', root: 'DeepseekV3ForCausalLM' },
  at: { file: '/srv/models/modeling_deepseek.py', line: 119, function: 'forward' },
  inputs: [
    {
      name: 'self',
      type: 'Tensor',
      shape: [2, 2, 35, 35],
      dtype: 'float32',
      counts: { nan: 0, posInf: 0, negInf: 3610 },
      min: -2,
      max: 3,
      skipped: null,
      nanAt: null,
      padding: null,
    },
  ],
  output: {
    name: 'output',
    type: 'Tensor',
    shape: [2, 2, 35, 35],
    dtype: 'float32',
    counts: { nan: 2100, posInf: 0, negInf: 0 },
    min: 0,
    max: 1,
    skipped: null,
    nanAt: ['0-29', ''],
    padding: 'exactly',
  },
  mechanism: 'fully-masked-row',
  why: 'softmax over axis -1: 60 of 140 rows hold nothing but -Inf, so the sum below is 0.',
  thread: 'MainThread',
  pid: 4711,
  stop: 'line',
  session: 's1',
  sessionName: 'decoder',
};

describe('break on first NaN', () => {
  it('says what it found, and leads to the line', async () => {
    const panel = await show(read, { on: true, hits: [hit] });
    const { page } = panel;
    expect(await page.textContent('article h2')).toBe(
      'NaN begins: softmax in model.layers.0.self_attn (DeepseekV3Attention)',
    );
    await page.getByRole('button', { name: 'modeling_deepseek.py:119' }).click();
    await page.getByRole('button', { name: 'Watch on' }).click();
    expect((await panel.posted()).slice(1)).toEqual([
      { type: 'show', session: 's1' },
      { type: 'guard', on: true, level: 'ops' },
    ]);
    await page.getByText('What is this?').click();
    expect(await page.locator('.guide').isVisible()).toBe(true);
  });

  it('is switched, and its level chosen', async () => {
    const panel = await show({});
    const { page } = panel;
    await page.getByRole('checkbox', { name: 'Break on first NaN' }).check();
    await page.getByLabel('What is looked at').selectOption('modules');
    // The host has not answered yet: it is still off there.
    expect((await panel.posted()).slice(1)).toEqual([
      { type: 'guard', on: true, level: 'ops' },
      { type: 'guard', on: false, level: 'modules' },
    ]);
  });

  it('says who is watched, and what it could not do', async () => {
    const status = {
      armed: true,
      waiting: false,
      level: 'ops',
      modes: 'none',
      checked: 1200,
      errors: 2,
      lastError: 'TypeError: odd',
      sickInputs: { count: 1, first: 'input of Linear' },
      left: 0,
    } as const;
    const panel = await show({}, { on: true, watching: ['train', 'worker 1'], status });
    const { page } = panel;
    const told = (await page.textContent('.guard'))?.replace(/\s+/g, ' ') ?? '';
    expect(told).toContain('Watching train, worker 1. 1,200 calls looked at, no NaN began.');
    expect(told).toContain('NaN that was not computed here: input of Linear.');
    expect(told).toContain('This version of torch shows no operations; its modules are watched.');
    expect(told).toContain('2 checks failed (TypeError: odd); the program went on.');
    await panel.sendRaw({
      type: 'state',
      state: idle,
      guard: { ...off, on: true, problem: 'The debugger refused: no.' },
    });
    expect(await page.textContent('.guard .error')).toBe('The debugger refused: no.');
  });

  it('shows names of the program as text, however they try', async () => {
    const odd = { path: hostileName, class: hostileName, root: hostileName };
    const { page } = await show(read, {
      on: true,
      hits: [{ ...hit, op: hostileName, module: odd, why: hostileName, sessionName: hostileName, thread: hostileName }],
    });
    expect(await page.locator('article script, article a').count()).toBe(0);
    expect(await page.textContent('article h2')).not.toMatch(unsafe);
  });
});

const pictures: readonly (readonly [string, PanelOptions, Partial<WatchState>, Partial<GuardView>])[] = [
  ...(['dark', 'light', 'contrast', 'contrastLight'] as const).map(
    (theme) => [theme, { theme, height: 1250 }, read, { on: true, hits: [hit] }] as const,
  ),
  ['narrow', { theme: 'dark', width: 220, height: 1400 }, read, { on: true, hits: [hit] }],
  ['idle', { theme: 'light', height: 260 }, {}, {}],
  ['waiting', { theme: 'light', height: 260 }, {}, { on: true }],
  ['unsupported', { theme: 'dark', height: 260 }, { phase: 'unsupported', session: 'Launch Chrome' }, {}],
  [
    'failed',
    { theme: 'dark', height: 320 },
    {
      phase: 'failed',
      error: { code: 'debugger', message: 'The debugger did not answer within 10 s.', hint: 'Step on.' },
      place: 'train.py:3',
    },
    { on: true, problem: 'The debugger refused: not a Python frame.' },
  ],
];
it.each(pictures)('picture: %s', async (name, options, state, guard) => {
  const { page } = await show(state, guard, options);
  const wide = await page.evaluate(() =>
    [...document.querySelectorAll('main *')]
      .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
      .filter((one) => one.closest('.scroll, .line') === null)
      .map((one) => `${one.tagName}.${one.className}`),
  );
  expect(wide, 'wider than the view').toEqual([]);
  await saveScreenshot(page, `tensors-${name}`);
});
