/** Fixes where NaN is born: preview, apply to a copy or in place, the lines of PyTorch; with the keyboard too. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { FixPreview } from '../../src/core/preview/types';
import { fixPreviewSchema } from '../../src/protocol/previewSchema';
import { kimi } from '../fixtures/reports/generate';
import { applied, done } from './support/states';
import { panelSuite, texts } from './support/suite';

const panel = panelSuite();

/** `nanoscope fix "builtin:kimi-k2-mini?layers=4" unmask-rows --preview --json` */
const preview: FixPreview = fixPreviewSchema.parse(
  JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures/previews/unmask-rows.json'), 'utf8')),
);

const lastPost = async (): Promise<unknown> => (await panel.posted()).at(-1);
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement } = document;
    return [activeElement?.id, activeElement?.ariaLabel].find((name) => (name ?? '') !== '') ?? '';
  });
const boxes = (page: Page, side: number, kind: string): Promise<string[]> =>
  texts(page, `.preview .side:nth-child(${String(side)}) ${kind} > .op`);

describe('the row of birth', () => {
  it('leads straight to the preview of the recommended fix', async () => {
    const page = await panel.open(done());
    await page.locator('tr[data-row="4"] .fixlink, tr.born .fixlink').first().click();
    await expect.poll(lastPost).toEqual({ type: 'preview', fixId: 'unmask-rows' });
    expect(await page.locator('.fixlink').count()).toBe(1);
  });

  it('is left alone where nothing may be applied', async () => {
    const page = await panel.open(done({ readOnly: true, source: 'report' }));
    expect(await page.locator('.fixlink').count()).toBe(0);
    await panel.send(applied());
    expect(await page.locator('.fixlink').count()).toBe(0);
    await panel.send(done({ report: kimi({ layers: 2, fixes: false }) }));
    expect(await page.locator('.fixlink').count()).toBe(0);
  });

  it('with the keyboard: Enter opens its details, which offer the best fixes', async () => {
    const page = await panel.open(done());
    await page.locator('tr.born td[tabindex="0"]').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => focused(page)).toBe('details-title');
    expect(await texts(page, '.fixeshere .fixtitle')).toEqual([
      'Attend everywhere in fully masked rows',
      'Replace NaN by 0 after Softmax',
      'Zero hidden states at padding before attention',
    ]);
    for (let i = 0; i < 20 && !(await focused(page)).startsWith('Preview: Attend everywhere'); i += 1) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await expect.poll(lastPost).toEqual({ type: 'preview', fixId: 'unmask-rows' });
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await expect.poll(lastPost).toEqual({ type: 'apply', fixId: 'unmask-rows' });
  });
});

describe('the preview', () => {
  it('draws the nodes before and after, comes into view and has the focus', async () => {
    const page = await panel.open(done());
    const running = done({ phase: 'running', progress: { text: 'Working', fraction: null } });
    await panel.send(running);
    await panel.send(done({ preview }));
    await expect.poll(() => focused(page)).toBe('preview-title');
    expect(await page.locator('#preview-title').innerText()).toBe(
      'What it would change: Attend everywhere in fully masked rows',
    );
    expect(await boxes(page, 1, '.node')).toEqual(['Where', 'Mul', '~ Add', 'Softmax']);
    expect((await boxes(page, 2, '.node.added')).sort()).toEqual([
      '+ Cast',
      '+ Cast',
      '+ Less',
      '+ ReduceMin',
      '+ Where',
    ]);
    expect(await boxes(page, 2, '.node.changed')).toEqual(['~ Add']);
    expect(await texts(page, '.preview .legend > span')).toEqual(['+ added', '~ changed']);
    // Nothing sticks out of its drawing, and no two boxes lie upon each other.
    const overlaps = await page.$$eval('.preview svg', (pictures) =>
      pictures.flatMap((picture) => {
        const all = [...picture.querySelectorAll('rect')].map((rect) => rect.getBBox());
        const { width, height } = (picture as SVGSVGElement).viewBox.baseVal;
        return all.filter(
          (a, i) =>
            a.x < 0 ||
            a.y < 0 ||
            a.x + a.width > width ||
            a.y + a.height > height ||
            all
              .slice(i + 1)
              .some((b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height),
        ).length;
      }),
    );
    expect(overlaps).toEqual([0, 0]);
    const clipped = await page.$$eval('.preview svg g', (groups) =>
      groups.flatMap((group) => {
        const room = group.querySelector('rect')?.getBBox().width ?? 0;
        return [...group.querySelectorAll('text')]
          .filter((text) => text.getBBox().width > room)
          .map((t) => t.textContent);
      }),
    );
    expect(clipped).toEqual([]);
    expect(await page.locator('.preview svg').last().getAttribute('aria-label')).toContain('added Where reads');
  });

  it('applies, closes, and gives the focus back', async () => {
    const page = await panel.open(done({ preview }));
    await page.locator('.preview .apply-button').click();
    await expect.poll(lastPost).toEqual({ type: 'apply', fixId: 'unmask-rows' });
    await page.locator('#preview-title').focus();
    await page.keyboard.press('Escape');
    await expect.poll(lastPost).toEqual({ type: 'closePreview' });
    await expect.poll(() => focused(page)).toBe('Preview: Attend everywhere in fully masked rows');
    const top = await page.evaluate(() => window.scrollY);
    await panel.send(done());
    await expect.poll(() => page.locator('.preview').count()).toBe(0);
    // What is gone needs no answer.
    expect(await page.evaluate(() => document.activeElement?.className)).toContain('preview-button');
    expect(await page.evaluate(() => window.scrollY)).toBeLessThanOrEqual(top);
  });

  it('of names that no author meant stays text and inside the page', async () => {
    const text = JSON.stringify(preview).replaceAll(
      '_output_0',
      `<img src=x onerror=alert(1)>__proto__${'x'.repeat(300)}`,
    );
    const page = await panel.open(done({ preview: fixPreviewSchema.parse(JSON.parse(text)) }), { width: 500 });
    await page.locator('.preview svg').first().waitFor();
    expect(await page.locator('.preview img').count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
  });

  it('of more nodes than a picture holds says so', async () => {
    const [step] = preview.steps;
    const [place] = step?.places ?? [];
    const [node] = place?.after.nodes ?? [];
    if (!step || !place || !node) throw new Error('the fixture has no node');
    const many = { nodes: Array.from({ length: 81 }, (_, i) => ({ ...node, id: String(i) })) };
    const huge = { ...preview, steps: [{ ...step, places: [{ ...place, after: many }] }] };
    const page = await panel.open(done({ preview: huge }));
    await expect.poll(() => page.locator('.preview').innerText()).toContain('81 nodes, too many to draw');
  });
});

describe('Apply', () => {
  it('goes to the model itself where the person chose that, and never to a built-in one', async () => {
    const page = await panel.open(done({ weights: { reference: 1, copy: 2, needs: ['sick.onnx'] } }));
    const apply = page.locator('[data-fix="unmask-rows"] .apply-button');
    await apply.click();
    await expect.poll(lastPost).toEqual({ type: 'apply', fixId: 'unmask-rows', weights: 'reference' });
    await page.locator('#apply-to').click();
    await page.locator('#apply-to vscode-option', { hasText: 'the model itself' }).click();
    // A model that is changed in place keeps its weights where they are.
    await expect.poll(() => page.locator('#weights-of-the-copy').count()).toBe(0);
    await apply.click();
    await expect.poll(lastPost).toEqual({ type: 'apply', fixId: 'unmask-rows', inPlace: true });
    await panel.send(done({ source: 'built-in', canChangeInPlace: false }));
    await expect.poll(() => page.locator('#apply-to').count()).toBe(0);
    await apply.click();
    await expect.poll(lastPost).toEqual({ type: 'apply', fixId: 'unmask-rows' });
  });

  it('in place tells where the original is', async () => {
    const backup = 'models/sick.onnx.nanoscope-backup';
    const now = applied();
    const fix = { fixId: 'unmask-rows', file: 'models/sick.onnx', weights: 'inside', backup, measured: true } as const;
    const page = await panel.open({ ...now, applied: fix });
    expect((await page.locator('#applied').innerText()).replace(/\s+/g, ' ')).toContain(
      'Changed sick.onnx (the original is sick.onnx.nanoscope-backup)',
    );
    expect(await page.locator('.compare').count()).toBe(1);
  });

  it('is not all: the lines of PyTorch are a press away', async () => {
    const page = await panel.open(done());
    await page.locator('[data-fix="nan-to-num-softmax"] .snippet-button').click();
    await expect.poll(lastPost).toEqual({ type: 'copyFixSnippet', fixId: 'nan-to-num-softmax' });
  });
});
