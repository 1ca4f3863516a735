/** The tab of a comparison in a real browser under the panel's real policy. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { hostileSuffix } from '../fixtures/reports/generate';
import type { Comparison } from '../../src/core/compare/types';
import type { ComparisonState } from '../../src/protocol/comparing';
import { basisOfPair, pairAt, usualPair, usualSample } from '../../webview/panel/compare/cells';
import { compareLayout } from '../../webview/panel/compare/lines';
import { readUi } from '../../webview/panel/ui';
import {
  blocked,
  compared,
  comparisonOf,
  leftAndRight,
  leftPadded,
  rightPadded,
  threeVariants,
} from './support/comparisons';
import { done } from './support/states';
import { panelSuite, settle, texts } from './support/suite';

const panel = panelSuite();

async function show(comparison: Comparison | null, change: Partial<ComparisonState> = {}, width = 1200): Promise<Page> {
  const page = await panel.open(done(), { width });
  await panel.sendRaw({ type: 'comparison', state: compared(comparison, change) });
  await settle(page);
  return page;
}
const stages = (page: Page): Promise<string[]> =>
  page.$$eval('#compare-scroller tbody tr[data-row] th', (heads) =>
    heads.map((head) => head.textContent.replace(/\s+/g, ' ').trim()),
  );
const selected = (page: Page): Promise<string[]> => texts(page, '[role="tab"][aria-selected="true"]');
const focused = (page: Page): Promise<string | null> =>
  page.evaluate(() => document.activeElement?.getAttribute('data-compared') ?? document.activeElement?.id ?? null);

describe('tabs', () => {
  it('are there once there is a comparison, which comes to the front once', async () => {
    const page = await panel.open(done());
    expect(await page.locator('[role="tab"]').count()).toBe(0);
    await panel.sendRaw({ type: 'comparison', state: compared(leftAndRight()) });
    expect(await selected(page)).toEqual(['Comparison']);
    await page.locator('#tab-diagnosis').click();
    await expect.poll(() => page.locator('#table-scroller').count()).toBe(1);
    // The same again, as after the page was hidden: the person's choice stands.
    await panel.sendRaw({ type: 'comparison', state: compared(leftAndRight()) });
    expect(await selected(page)).toEqual(['Diagnosis']);
    await page.reload();
    await expect.poll(() => selected(page)).toEqual(['Diagnosis']);
    await panel.sendRaw({ type: 'comparison', state: compared(leftAndRight(), { id: 'c2' }) });
    expect(await selected(page)).toEqual(['Comparison']);
    const told = (await panel.posted()).filter(({ type }) => type === 'tab');
    expect(told.at(-1)).toEqual({ type: 'tab', tab: 'comparison' });
    await panel.sendRaw({ type: 'comparison', state: null });
    expect(await page.locator('[role="tab"]').count()).toBe(0);
    expect(await page.locator('#table-scroller').count()).toBe(1);
  });

  it('are worked with arrows, Home and End, one of them in the tab order', async () => {
    const page = await show(leftAndRight());
    await page.locator('#tab-comparison').focus();
    for (const [key, expected] of [
      ['ArrowRight', 'tab-diagnosis'],
      ['ArrowLeft', 'tab-comparison'],
      ['Home', 'tab-diagnosis'],
      ['End', 'tab-comparison'],
    ] as const) {
      await page.keyboard.press(key);
      expect(await focused(page), key).toBe(expected);
      const open = await page.$$eval('[role="tabpanel"]', (panels) =>
        panels.map((one) => one.getAttribute('aria-labelledby')),
      );
      expect(open).toEqual([expected]);
      expect(await page.locator('[role="tab"][tabindex="0"]').getAttribute('id')).toBe(expected);
    }
  });

  it('are not there in a panel of a stored comparison', async () => {
    const page = await panel.open(done({ phase: 'empty', report: null, source: 'report', readOnly: true }));
    await panel.sendRaw({ type: 'comparison', state: compared(leftAndRight()) });
    expect(await page.locator('[role="tab"]').count()).toBe(0);
    expect(await page.locator('#compare-scroller').count()).toBe(1);
  });
});

describe('a comparison', () => {
  it('says its verdict, its variants and every cell', async () => {
    const page = await show(leftAndRight());
    expect(await texts(page, 'h1.verdict')).toEqual([
      'NaN in padding left, none in padding right: the side of the padding makes the difference. The first difference is at layer 0 attention: 30/35 in padding left; 0/35 in padding right (sample 0).',
    ]);
    expect(await texts(page, '.variants tbody tr')).toEqual([
      '1 padding left NaN at real tokens pattern A layer 0 attention (fully-masked-row) the first 412 ms',
      '2 padding right no NaN pattern B nowhere 3.8e-6 from the first 388 ms',
    ]);
    expect(await texts(page, '#compare-scroller thead th')).toEqual([
      'stage',
      '1 padding left pattern A',
      '2 padding right pattern B',
      'sample 0 (30 pad)',
      'sample 1',
      'sample 0 (30 pad)',
      'sample 1',
    ]);
    const rows = await page.$$eval('#compare-scroller tbody tr[data-row]', (all) =>
      all.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent.replace(/\s+/g, ' ').trim())),
    );
    expect(rows.slice(4, 8)).toEqual([
      ['≠layer 0 mlp', '30/35 pad only', '0/35', '0/35', '0/35'],
      ['≠layer 1 input_layernorm', '30/35 pad only', '0/35', '0/35', '0/35'],
      ['≠layer 1 attention', '35/35', '0/35', '0/35', '0/35'],
      ['≠layer 1 post_attention_layernorm', '35/35', '0/35', '0/35', '0/35'],
    ]);
    // What differs is the sample that NaN reaches, from its birth on.
    const marked = await page.$$eval('td.differs', (cells) => cells.map((cell) => cell.getAttribute('data-compared')));
    expect(marked).toHaveLength(9);
    expect(marked.every((cell) => cell?.endsWith(':2'))).toBe(true);
  });

  it('carries numbers that JSON cannot, and variants without a stage', async () => {
    const short = leftPadded({ layers: 1 }, 'one layer');
    const page = await show(comparisonOf([leftPadded({ layers: 2 }), { ...short, difference: 'NaN' }], ['model']));
    expect(await texts(page, '.variants tbody td.distance')).toEqual(['the first', '–']);
    expect(await texts(page, '#compare-scroller tr[data-row] td.absent')).toContain('–');
  });

  it('keeps head and first column in place while all columns scroll together', async () => {
    const page = await show(threeVariants({ layers: 61, repeat: 4 }), {}, 1000);
    await page.locator('#compare-folded').click();
    const scroller = page.locator('#compare-scroller');
    const corner = async (): Promise<number[]> => {
      const boxes = await page.$$eval('#compare-scroller th.stage', (all) =>
        [all[0], all.find((one) => one.matches('tbody th.stage'))].map((one) => one?.getBoundingClientRect()),
      );
      return [boxes[0]?.x ?? 0, boxes[0]?.y ?? 0, boxes[1]?.x ?? 0];
    };
    const before = await corner();
    await scroller.evaluate((box) => {
      box.scrollTo({ top: 3000, left: 2000 });
    });
    await settle(page);
    await settle(page);
    expect(await corner()).toEqual(before);
    const x = await page.evaluate(() => {
      const head = document.querySelector('#compare-scroller thead .samples th:nth-of-type(3)');
      const column = head?.getAttribute('aria-colindex') ?? '';
      const cell = document.querySelector(`#compare-scroller tbody td[aria-colindex="${column}"]`);
      return [head, cell].map((one) => Math.round(one?.getBoundingClientRect().x ?? -1));
    });
    expect(x[0]).toBe(x[1]);
    // Still told which variant it is, far from where its group begins.
    const shown = await page.$$eval('#compare-scroller th.variant .variantname', (all) =>
      all
        .map((one) => one.getBoundingClientRect())
        .some(({ left, right }) => left >= 268 && right <= 1000 && right > left),
    );
    expect(shown).toBe(true);
    expect(await page.locator('#compare-scroller tbody tr').count()).toBeLessThan(70);
    expect(await page.locator('#compare-scroller tbody td.cell').count()).toBeLessThan(900);
  });

  it('shows only differences, layers or names, inputs too, or everything unfolded', async () => {
    const page = await show(threeVariants());
    expect(await texts(page, '#compare-scroller tr.fold')).toEqual(['… layers 3–60: the same']);
    await page.locator('#only-differences').click();
    await expect.poll(async () => (await stages(page))[0]).toBe('≠layer 1 attention');
    await page.locator('#only-differences').click();
    await page.locator('#compare-layers input').fill('59-60');
    await expect.poll(() => stages(page)).toHaveLength(8);
    await page.locator('#compare-layers input').fill('logits');
    await expect.poll(() => stages(page)).toEqual(['≠logits']);
    await page.locator('#compare-inputs').click();
    await page.locator('#compare-layers input').fill('60');
    await expect.poll(() => stages(page)).toContain('≠layer 60 mlp in');
    await page.locator('#compare-layers input').fill('nothing of this name');
    await expect.poll(() => texts(page, '#compare-scroller .none')).toEqual(['No row passes the filter.']);
    await page.locator('#compare-layers input').fill('');
    await page.locator('#compare-inputs').click();
    await page.locator('tr.fold button').click();
    await expect
      .poll(() => page.locator('#compare-scroller table').getAttribute('aria-rowcount'))
      .toBe(String(3 + 61 * 4 + 2));
  });

  it('says that nothing differs where nothing does', async () => {
    const page = await show(
      comparisonOf([leftPadded({ layers: 2 }, '1 rank'), leftPadded({ layers: 2 }, '4 ranks')], ['sharding']),
    );
    expect((await texts(page, 'h1.verdict'))[0]).toContain('sharding is not the cause');
    expect(await page.locator('.mark', { hasText: '≠' }).count()).toBe(0);
    await page.locator('#only-differences').click();
    await expect.poll(() => texts(page, '#compare-scroller .none')).toEqual(['No row differs between the variants.']);
    await page.locator('#fold-compare-map-text summary').click();
    await expect.poll(() => texts(page, '.maptext li')).toEqual(['No stage differs in this sample.']);
  });

  it('is walked with the keyboard, into columns that were not drawn', async () => {
    const page = await show(threeVariants({ layers: 4, repeat: 20 }), {}, 900);
    const first = page.locator('#compare-scroller [tabindex="0"]');
    expect(await first.count()).toBe(1);
    await first.focus();
    const at = await focused(page);
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).not.toBe(at);
    await page.keyboard.press('Control+ArrowRight');
    await expect.poll(() => focused(page)).toMatch(/:119$/);
    await page.keyboard.press('Home');
    await expect.poll(() => focused(page)).toMatch(/:-1$/);
    expect(await first.count()).toBe(1);
  });

  it('is reached by Tab after its active cell was scrolled away, which comes back', async () => {
    const page = await show(threeVariants({ layers: 40, repeat: 20 }), {}, 900);
    await page.locator('#compare-folded').click();
    const box = page.locator('#compare-scroller');
    const first = await box.locator('[tabindex="0"]').getAttribute('data-compared');
    await box.evaluate((own) => {
      own.scrollTo({ top: 2000, left: 5000 });
    });
    await expect.poll(() => box.locator('[tabindex="0"]').count()).toBe(0);
    await page.locator('#compare-folded').focus();
    await page.keyboard.press('Tab');
    await expect.poll(() => focused(page)).toBe(first);
    await expect.poll(() => box.evaluate((own) => own.scrollTop)).toBeLessThan(400);
    // The wheel does not bring it back.
    await box.hover();
    await page.mouse.wheel(0, 3000);
    await expect.poll(() => focused(page)).toBe('compare-scroller');
    await settle(page);
    expect(await box.evaluate((own) => own.scrollTop)).toBeGreaterThan(1000);
  });

  it('prints hostile names as text', async () => {
    const hostile = {
      ...leftPadded({ layers: 2, suffix: hostileSuffix }, `right${hostileSuffix}`),
      model: hostileSuffix,
    };
    const page = await show(
      comparisonOf(
        [leftPadded({ layers: 2, suffix: hostileSuffix }, `left${hostileSuffix}`), hostile],
        ['model'],
        [hostileSuffix],
      ),
      { title: hostileSuffix },
    );
    expect(await page.locator('main img, main script, main b').count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  });

  it('is exported by its buttons', async () => {
    const page = await show(leftAndRight());
    for (const id of ['copy-comparison', 'save-markdown', 'save-csv', 'save-json'])
      await page.locator(`#${id}`).click();
    await page.locator('#compare').click();
    await page.locator('#history').click();
    expect((await panel.posted()).slice(-6)).toEqual([
      { type: 'copyComparison' },
      { type: 'saveComparison', as: 'markdown' },
      { type: 'saveComparison', as: 'csv' },
      { type: 'saveComparison', as: 'json' },
      { type: 'compare' },
      { type: 'history' },
    ]);
  });

  it('shows which variant is run, and can be cancelled', async () => {
    const page = await show(null, {
      phase: 'running',
      planned: ['padding left', 'padding right', 'no padding'],
      progress: { text: 'padding right: Measuring 134 tensors', fraction: 0.4 },
    });
    expect(await texts(page, '.planned li')).toEqual(['✓ padding left', '▸ padding right', '· no padding']);
    expect(await page.locator('[role="progressbar"]').getAttribute('aria-valuenow')).toBe('40');
    await page.locator('.status.running vscode-button').click();
    expect((await panel.posted()).at(-1)).toEqual({ type: 'cancelComparison' });
    await panel.sendRaw({ type: 'comparison', state: compared(null, { phase: 'cancelled' }) });
    expect((await texts(page, '.status.notice'))[0]).toContain('Cancelled.');
  });

  it('that failed says why and what to do', async () => {
    const error = { code: 'usage', message: 'This batch has no padding.', hint: 'Leave that value out.' } as const;
    const page = await show(null, { phase: 'error', error });
    expect((await texts(page, '[role="alert"]'))[0]).toContain('This batch has no padding. Leave that value out.');
  });

  it('that is not one is refused, and said', async () => {
    const page = await panel.open(done());
    await panel.sendRaw({ type: 'comparison', state: { ...compared(leftAndRight()), comparison: { kind: 'other' } } });
    await expect
      .poll(() => texts(page, '.status.error h1'))
      .toEqual(['The panel received a message that it cannot read.']);
  });
});

describe('the map of the difference', () => {
  const all = readUi({});

  it('lays real tokens on each other where padding is at different sides, positions where it is the same', () => {
    const sides = leftAndRight();
    const attention = (comparison: Comparison) =>
      compareLayout(comparison, all).rows.find(({ row }) => row.layer === 1 && row.stage === 'attention')?.row;
    const row = attention(sides);
    if (!row) throw new Error('no such row');
    expect(basisOfPair(sides, [0, 1], 0)).toBe('tokens');
    expect(pairAt(sides, row, [0, 1], 0)).toEqual({ roles: 'rrrrr', runs: [{ from: 0, to: 5, role: 'l' }] });
    const kinds = threeVariants({ layers: 2 });
    const other = attention(kinds);
    if (!other) throw new Error('no such row');
    expect(usualPair(kinds)).toEqual([0, 1]);
    expect(usualSample(kinds, [0, 1])).toBe(0);
    expect(pairAt(kinds, other, [1, 0], 0)?.runs).toEqual([
      { from: 0, to: 30, role: 'b' },
      { from: 30, to: 35, role: 'r' },
    ]);
    const lengths = comparisonOf(
      [leftPadded({ layers: 2 }), leftPadded({ layers: 2, positions: 40 }, 'longer')],
      ['lengths'],
    );
    expect(basisOfPair(lengths, [0, 1], 1)).toBe('kind');
  });

  it('is read by pointer and arrow keys, and leads to the row', async () => {
    const page = await show(threeVariants());
    await page.locator('#compare-map').focus();
    for (let step = 0; step < 6; step += 1) await page.keyboard.press('ArrowDown');
    await expect
      .poll(() => texts(page, '#compare-readout'))
      .toEqual(['layer 1 attention · position 0 (padding) · NaN in both']);
    for (let step = 0; step < 30; step += 1) await page.keyboard.press('ArrowRight');
    await expect
      .poll(() => texts(page, '#compare-readout'))
      .toEqual(['layer 1 attention · position 30 · NaN in eager-add only']);
    await page.keyboard.press('Enter');
    await expect.poll(() => focused(page)).toMatch(/:2$/);
    await page.locator('#fold-compare-map-text summary').click();
    await expect
      .poll(async () => (await texts(page, '.maptext li'))[0])
      .toBe('layer 1 attention: NaN at 30–34 in eager-add only');
  });

  it('says why there is none where lengths differ', async () => {
    const page = await show(
      comparisonOf([leftPadded({ layers: 2 }), blocked({ layers: 2, positions: 40 }, 'longer')], ['lengths']),
    );
    await page.locator('#of-sample').click();
    await page.locator('#of-sample vscode-option').nth(1).click();
    await expect.poll(() => texts(page, '.map .none')).toEqual([expect.stringContaining('35 and 40 positions')]);
    expect(await page.locator('#compare-map').count()).toBe(0);
  });

  it('paints what differs in colours of its own', async () => {
    const page = await show(comparisonOf([rightPadded({ layers: 2 }), leftPadded({ layers: 2 })], ['padding']));
    const colours = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#compare-map');
      const paint = canvas?.getContext('2d');
      const at = (x: number, y: number): string => (paint?.getImageData(x, y, 1, 1).data.slice(0, 3) ?? []).join();
      return canvas ? [at(canvas.width - 20, 5), at(canvas.width - 20, canvas.height - 28)] : [];
    });
    expect(colours[0]).not.toBe(colours[1]);
    // Dark Modern's orange: the second variant only.
    expect(colours[1]).toBe('209,134,22');
  });
});
