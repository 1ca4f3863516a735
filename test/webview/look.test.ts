/** What the masks alone say of padding: before a run, while it lasts, and beside its report. */
import { describe, expect, it } from 'vitest';
import { batchText, paddingText, sampleTitle } from '../../src/app/render/batch';
import { caseText, lookGist } from '../../src/app/render/look';
import type { LookCase, MaskLook, StaticLook } from '../../src/core/report';
import { kimi } from '../fixtures/reports/generate';
import { done } from './support/states';
import { panelSuite, texts } from './support/suite';

const panel = panelSuite();

const one = (rows: string, rowsAtMost: string, confirmed: LookCase['confirmed']): LookCase => ({
  verdict: rows === '' && rowsAtMost === '' ? 'safe' : 'fully-masked',
  rows,
  rowsAtMost,
  confirmed,
});
const causal: MaskLook = {
  nodes: Array.from({ length: 61 }, (_, layer) => `/layers.${String(layer)}/self_attn/Softmax`),
  layers: Array.from({ length: 61 }, (_, layer) => layer),
  kind: 'eager',
  fill: '-Infinity',
  left: one('0', '0-33', 'not-tested'),
  right: one('', '', 'not-tested'),
  empty: one('0-34', '0-34', 'not-tested'),
  sentence: 'Row 0 is fully masked whenever position 0 is padding.',
  confirmed: 'not-tested',
};
const tested: MaskLook = { ...causal, left: { ...causal.left, confirmed: 'confirmed' }, confirmed: 'confirmed' };
const unknown: MaskLook = {
  ...causal,
  nodes: ['/odd'],
  layers: [null],
  kind: 'fused',
  fill: null,
  left: { verdict: 'unknown', rows: '', rowsAtMost: '', reason: 'only its maker knows', confirmed: 'not-tested' },
  right: { verdict: 'unknown', rows: '', rowsAtMost: '', reason: 'only its maker knows', confirmed: 'not-tested' },
  empty: { verdict: 'unknown', rows: '', rowsAtMost: '', reason: 'only its maker knows', confirmed: 'not-tested' },
  sentence: 'What padding masks here is not known: only its maker knows.',
};
const lookAt = (...masks: MaskLook[]): StaticLook => ({ paddingInputs: ['attention_mask'], masks });
const first = { model: kimi({ layers: 61 }).model, staticLook: lookAt(causal) };
const empty = { phase: 'empty', report: null, look: first } as const;

describe('before a run', () => {
  it('61 layers that say the same are one line, and the batch bar runs the model', async () => {
    const page = await panel.open(done(empty));
    expect(await texts(page, '.masks tbody tr:not(.says) > *')).toEqual([
      'layers 0–60 written out /layers.0/self_attn/Softmax and 60 more',
      'NaN in row 0 with one pad, rows 0–33 with one real token',
      'No row',
      'NaN in rows 0–34',
    ]);
    expect(await texts(page, '.masks .says')).toEqual([causal.sentence]);
    expect(await texts(page, '.facts span')).toEqual(['opset 17', '61 layers', 'eager Softmax attention']);
    await page.locator('#run').click();
    expect((await panel.posted()).at(-1)).toMatchObject({ type: 'run' });
  });

  it('stays in sight while the model runs, until the report has its own', async () => {
    const running = { phase: 'running', progress: { text: 'Measuring', fraction: 0.3 } } as const;
    const page = await panel.open(done({ ...empty, ...running }));
    expect(await page.locator('.masks').count()).toBe(1);
    const report = { ...kimi({ layers: 61 }), staticLook: lookAt(tested) };
    await panel.send(done({ ...running, report, look: first }));
    expect(await texts(page, '#fold-look > summary')).toEqual([
      'Left padding and an empty sample can make NaN in 61 of 61 attention nodes; this run confirms it.',
    ]);
    expect(await page.locator('.masks').count()).toBe(0);
  });

  it('says what it cannot tell', async () => {
    const page = await panel.open(done({ ...empty, look: null, maskInputs: ['a', 'b'] }));
    expect(await page.locator('.status').innerText()).toContain('Which input is the mask is not clear');
    expect(await page.locator('#mask vscode-option').count()).toBe(5);
    await panel.send(done({ ...empty, look: { ...first, staticLook: lookAt() } }));
    await expect.poll(() => page.locator('.status').innerText()).toContain('No attention was found outside of If');
  });
});

describe('beside the report', () => {
  it('tells what this run says of each side, and leads to the birth', async () => {
    const report = kimi({ layers: 61 });
    const named = { ...tested, nodes: report.model.attention.map(({ node }) => node) };
    const page = await panel.open(done({ report: { ...report, staticLook: lookAt(named, unknown) } }));
    await page.locator('#fold-look > summary').click();
    await page.locator('.masks').waitFor();
    expect(await texts(page, '.masks .outcome')).toEqual([
      '✓ this run confirms it',
      'not in this batch',
      'not in this batch',
    ]);
    expect(await texts(page, '.masks .case.unknown')).toEqual(['Not known', 'Not known', 'Not known']);
    await page.locator('.masks button').click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('birth-0');
  });

  it('names of a hostile file stay text, and a narrow page does not scroll sideways', async () => {
    const hostile = { ...tested, nodes: [`<img src=x onerror=alert(1)>${'long/'.repeat(60)}`], sentence: '<b>x</b>' };
    const report = { ...kimi({ layers: 2 }), staticLook: lookAt(hostile) };
    const page = await panel.open(done({ report }), { width: 400 });
    await page.locator('#fold-look > summary').click();
    await page.locator('.masks').waitFor();
    expect(await page.locator('.masks img, .masks b').count()).toBe(0);
    expect(await texts(page, '.masks tr.says')).toEqual(['<b>x</b>']);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
  });
});

describe('in words', () => {
  it.each([
    [one('0', '0', 'confirmed'), '-Infinity', 'NaN in row 0'],
    [one('', '0-2,5', 'confirmed'), 'finite', 'Attends to padding in rows 0–2, 5 with one real token'],
    [one('3', '1-3', 'confirmed'), 'zeros', 'Zeros in row 3 with one pad, rows 1–3 with one real token'],
    [one('', '', 'confirmed'), '-Infinity', 'No row'],
  ] as const)('%j %s', (look, fill, words) => {
    expect(caseText(look, fill)).toBe(words);
  });

  it('one line over all masks', () => {
    const calm = { ...tested, fill: 'zeros' } as const;
    expect(lookGist(lookAt(calm))).toBe(
      'No padding can make NaN in any of the 61 attention nodes; this run confirms it.',
    );
    expect(lookGist(lookAt(calm, unknown))).toContain('No padding can make NaN in 61 of 62 attention nodes');
    expect(lookGist(lookAt(unknown))).toBe('What padding masks in 1 attention node is not known.');
    expect(lookGist(lookAt(tested, { ...causal, confirmed: 'refuted' }))).toContain('; this run refutes it.');
  });

  it('the padding of every sequence', () => {
    const { batch } = kimi({ layers: 1 });
    expect(batchText(batch)).toBe('2 × 35, padding left, none');
    const memory = { positions: 3, roles: ['rrp', 'ppp'] };
    expect(batchText({ ...batch, memory })).toBe('2 × 35, padding left, none; memory 2 × 3, padding right, all');
    expect([0, 1].map((sample) => sampleTitle({ ...batch, memory }, sample))).toEqual([
      'sample 0 (30 pad, memory 1)',
      'sample 1 (memory all pad)',
    ]);
    expect(paddingText(['pr', 'pr', 'rr'])).toBe('left ×2, none');
  });
});
