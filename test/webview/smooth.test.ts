/** What happens while things move: scrolling, and a pointer that rests. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { healed, kimi } from '../fixtures/reports/generate';
import { done } from './support/states';
import { panelSuite, settle } from './support/suite';

const panel = panelSuite();
const deep = done({ report: kimi({ layers: 61 }) });

const scrollTable = (page: Page, top: number): Promise<void> =>
  page.locator('#table-scroller').evaluate((box, to) => {
    box.scrollTop = to;
  }, top);

describe('scrolling', () => {
  it('keeps the state once it rests, not while it moves: a report is megabytes', async () => {
    const page = await panel.open(deep);
    // What opening itself has asked for.
    await page.waitForTimeout(600);
    const kept = (): Promise<string | null> => page.evaluate(() => sessionStorage.getItem('state'));
    const before = await kept();
    const whileMoving = await page.evaluate(async () => {
      const box = document.querySelector('#table-scroller');
      const states = new Set<string | null>();
      const until = performance.now() + 800;
      for (let top = 0; performance.now() < until; top += 7) {
        box?.scrollTo({ top });
        await new Promise((resolve) => requestAnimationFrame(resolve));
        states.add(sessionStorage.getItem('state'));
      }
      return [...states];
    });
    expect(whileMoving.length === 1 && whileMoving[0] === before, 'kept while moving').toBe(true);
    await expect.poll(async () => (await kept()) === before).toBe(false);
    await page.reload();
    await expect.poll(() => page.locator('#table-scroller').evaluate((box) => box.scrollTop)).toBeGreaterThan(100);
  });

  it('takes the card of a cell away with the cell', async () => {
    const page = await panel.open(deep);
    await page.locator('[data-cell="3:0"]').focus();
    await expect.poll(() => page.locator('#card').isVisible()).toBe(true);
    await scrollTable(page, 2000);
    await expect.poll(() => page.locator('#card').isVisible()).toBe(false);
  });

  it('leaves the card where keys scroll to a cell', async () => {
    const page = await panel.open(deep);
    await page.locator('[data-cell="3:0"]').focus();
    await page.keyboard.press('Control+ArrowDown');
    await settle(page);
    await settle(page);
    const last = page.locator('#table-scroller tbody tr:not(.filler)').last().locator('[data-cell$=":0"]');
    expect(await last.evaluate((cell) => cell === document.activeElement)).toBe(true);
    const [card, cell] = await Promise.all([page.locator('#card').boundingBox(), last.boundingBox()]);
    expect(card).not.toBeNull();
    const beside = Math.min(
      Math.abs((card?.y ?? 0) - ((cell?.y ?? 999) + (cell?.height ?? 0))),
      Math.abs((card?.y ?? 0) + (card?.height ?? 0) - (cell?.y ?? 999)),
    );
    expect(beside).toBeLessThanOrEqual(6);
  });
});

describe('a pointer that rests on the map', () => {
  it('reads what is there now: another run, or nothing where that has fewer stages', async () => {
    const page = await panel.open(done({ report: kimi({ layers: 2 }) }));
    const map = page.locator('#map');
    await map.scrollIntoViewIfNeeded();
    const box = await map.boundingBox();
    if (box === null) throw new Error('no map');
    await map.hover({ position: { x: box.width - 20, y: box.height - 24 } });
    const readout = (): Promise<string> => page.locator('#map-readout').innerText();
    await expect.poll(readout).toMatch(/^logits · position \d+ \(real\) · NaN$/);
    await panel.send(done({ report: healed(2) }));
    await expect.poll(readout).toMatch(/^logits · position \d+ \(real\) · no NaN$/);
    await page.evaluate(() => {
      // From here on no event of the pointer itself, which browsers send when the page under it moves.
      document.querySelector('#map')?.addEventListener('mousemove', (event) => event.stopImmediatePropagation(), true);
    });
    await panel.send(done({ report: kimi({ layers: 0 }) }));
    await expect.poll(async () => (await readout()).trim()).toBe('');
  });
});
