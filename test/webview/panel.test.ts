/** The panel in a real browser under its real policy: what is shown, what keys and clicks do, what is posted. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { healed, hostileSuffix, kimi, manyBirths } from '../fixtures/reports/generate';
import { applied, done } from './support/states';
import { panelSuite, settle } from './support/suite';

const panel = panelSuite();
const show = panel.open;
/** The table as text: one array of trimmed cells per line that is in the document. */
const tableText = (page: Page): Promise<string[][]> =>
  page.$$eval('#table-scroller tbody tr:not(.filler)', (rows) =>
    rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent.replace(/\s+/g, ' ').trim())),
  );
const focusedCell = (page: Page): Promise<string | null> =>
  page.evaluate(() => document.activeElement?.getAttribute('data-cell') ?? null);
/** Types into a toolkit text field. */
const type = async (page: Page, id: string, text: string): Promise<void> => {
  await page.locator(`#${id} input`).fill(text);
};

describe('the table', () => {
  it('shows the padded Kimi batch, cell by cell', async () => {
    const page = await show(done());
    await expect
      .poll(() => tableText(page))
      .toEqual([
        ['embed_tokens', '0/35', '0/35', ''],
        ['layer 0 input_layernorm', '0/35', '0/35', ''],
        ['layer 0 attention', '30/35 pad only', '0/35', '← NaN born here: Softmax, 30 fully masked rows Fix…'],
        ['layer 0 post_attention_layernorm', '30/35 pad only', '0/35', ''],
        ['layer 0 mlp', '30/35 pad only', '0/35', ''],
        ['layer 0 output', '30/35 pad only', '0/35', ''],
        ['layer 1 input_layernorm', '30/35 pad only', '0/35', ''],
        ['layer 1 attention', '35/35 reaches real', '0/35', '← NaN + (−inf) = NaN'],
        ['layer 1 post_attention_layernorm', '35/35', '0/35', ''],
        ['layer 1 mlp', '35/35', '0/35', ''],
        ['layer 1 output', '35/35', '0/35', ''],
        ['norm', '35/35', '0/35', ''],
        ['logits', '35/35', '0/35', ''],
      ]);
    expect(
      await page.$$eval('#table-scroller thead th', (heads) => heads.map((head) => head.textContent.trim())),
    ).toEqual(['stage', 'sample 0 (30 pad)', 'sample 1', 'what happens here']);
  });

  it('splits every cell into padding and real, as wide as they are many', async () => {
    const page = await show(done());
    const bars = await page.$$eval('tr[data-row="3"] td:nth-of-type(1) .bar > span', (parts) =>
      parts.map((part) => ({
        kind: part.getAttribute('class'),
        width: part.getBoundingClientRect().width,
        fill: getComputedStyle(part).backgroundSize,
      })),
    );
    expect(bars.map(({ kind, fill }) => [kind, fill])).toEqual([
      ['pad', '100% 100%'],
      ['real', '0% 100%'],
    ]);
    expect((bars[0]?.width ?? 0) / (bars[1]?.width ?? 1)).toBeGreaterThan(4);
  });

  it('keeps the document small with 61 layers and still ends with the logits', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    await page.locator('#measured-at').click();
    await page.locator('#measured-at vscode-option', { hasText: 'inputs and outputs' }).click();
    await settle(page);
    const table = page.locator('#table-scroller table');
    await expect.poll(() => table.getAttribute('aria-rowcount')).toBe(String(61 * 8 + 3 + 1));
    await expect.poll(() => page.locator('#table-scroller tbody tr').count()).toBeLessThan(70);
    const scroller = page.locator('#table-scroller');
    await scroller.evaluate((box) => {
      box.scrollTop = box.scrollHeight;
    });
    await settle(page);
    await expect.poll(async () => (await tableText(page)).at(-1)?.slice(0, 3)).toEqual(['logits', '35/35', '0/35']);
    await expect.poll(() => page.locator('#table-scroller tbody tr').count()).toBeLessThan(70);
    const last = page.locator('#table-scroller tbody tr:not(.filler)').last();
    await expect.poll(() => last.getAttribute('aria-rowindex')).toBe(String(61 * 8 + 3 + 1));
    // The head stays in sight.
    const [head, box] = await Promise.all([
      page.locator('#table-scroller thead th').first().boundingBox(),
      scroller.boundingBox(),
    ]);
    expect(Math.abs((head?.y ?? 0) - (box?.y ?? 0))).toBeLessThan(3);
  });

  it('has room for the longest usual stage of a deep layer', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    await type(page, 'layers', '58');
    const cut = (): Promise<string[]> =>
      page.$$eval('#table-scroller tbody th.stage', (heads) =>
        heads.filter((head) => head.scrollWidth > head.clientWidth).map((head) => head.textContent.trim()),
      );
    await expect.poll(() => page.locator('#table-scroller tbody').innerText()).toContain('post_attention_layernorm');
    expect(await cut()).toEqual([]);
  });

  it('draws only the sample columns that are near', async () => {
    const page = await show(done({ report: kimi({ layers: 2, repeat: 100 }) }), { width: 1000 });
    await expect.poll(() => page.locator('#table-scroller table').getAttribute('aria-colcount')).toBe('201');
    await expect.poll(() => page.locator('#table-scroller tbody td[data-cell]').count()).toBeLessThan(300);
    await page.locator('[data-cell="0:0"]').focus();
    await page.keyboard.press('Control+ArrowRight');
    await expect.poll(() => focusedCell(page)).toBe('0:199');
    await expect.poll(() => page.locator('#table-scroller thead').innerText()).toContain('sample 199');
  });

  it('gives notes lines of their own where there is no room for a column', async () => {
    const page = await show(done(), { width: 400 });
    const lines = (await tableText(page)).map((cells) => cells[0]);
    expect(lines.slice(2, 4)).toEqual(['layer 0 attention', '← NaN born here: Softmax, 30 fully masked rows Fix…']);
  });

  it('says "whole tensor" where positions are unknown', async () => {
    const page = await show(done({ report: manyBirths(2) }));
    expect((await tableText(page))[2]).toEqual(['layer 0 router', 'whole tensor: NaN −inf', '']);
  });

  it('filters by layers, by name, by NaN, by stage', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    const stages = async (): Promise<(string | undefined)[]> => {
      await settle(page);
      return (await tableText(page)).map((cells) => cells[0]);
    };
    await type(page, 'layers', '0,60');
    await expect
      .poll(() => stages())
      .toEqual(
        [0, 60].flatMap((layer) =>
          ['input_layernorm', 'attention', 'post_attention_layernorm', 'mlp', 'output'].map(
            (name) => `layer ${String(layer)} ${name}`,
          ),
        ),
      );
    // A layer that the NaN had reached long before is not where it reaches real tokens.
    expect((await tableText(page)).filter((cells) => cells[1]?.includes('reaches real'))).toEqual([]);
    await page.locator('#only-nan').click();
    await expect.poll(() => stages()).not.toContain('layer 0 input_layernorm');
    await expect.poll(() => page.locator('.shown').innerText()).toBe('9 of 491 rows');
    await type(page, 'layers', 'embed');
    await expect.poll(() => stages()).toEqual([]);
    await expect.poll(() => page.locator('.none').innerText()).toBe('No row passes the filter.');
    await page.locator('#only-nan').click();
    await expect.poll(() => stages()).toEqual(['embed_tokens']);
  });
});

describe('keyboard', () => {
  it('starts at the birth, moves by arrows, opens details with Enter, comes back with Escape', async () => {
    const page = await show(done());
    const start = page.locator('#table-scroller [data-cell][tabindex="0"]');
    await expect.poll(() => start.count()).toBe(1);
    await start.focus();
    await expect.poll(() => focusedCell(page)).toBe('3:0');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => focusedCell(page)).toBe('3:1');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => focusedCell(page)).toBe('3:1');
    await page.keyboard.press('Home');
    await expect.poll(() => focusedCell(page)).toBe('3:-1');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => focusedCell(page)).toBe('2:0');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#details-title').innerText()).toBe('layer 0 attention, sample 0');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('details-title');
    await expect.poll(() => page.locator('.details').innerText()).toContain('fully-masked-row');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('.details').count()).toBe(0);
    await expect.poll(() => focusedCell(page)).toBe('3:0');
  });

  it('reaches the last of 308 rows and keeps the focus on a drawn cell', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    await page.locator('[data-cell="3:0"]').focus();
    await page.keyboard.press('Control+End');
    await expect.poll(() => focusedCell(page)).toBe('490:1');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
      .toBe('logits, sample 1: no NaN in 35 positions');
    await page.keyboard.press('PageUp');
    await page.keyboard.press('Control+Home');
    await expect.poll(() => focusedCell(page)).toBe('0:-1');
  });

  it('can be used again after the focused row was scrolled away', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    await page.locator('[data-cell="3:0"]').focus();
    await page.locator('#table-scroller').evaluate((box) => {
      box.scrollTop = 4000;
    });
    await settle(page);
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => focusedCell(page)).toBe('5:0');
  });

  it('is reached by Tab after its active cell was scrolled away, which comes back', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    const box = page.locator('#table-scroller');
    await page.locator('#only-nan').focus();
    await box.evaluate((own) => {
      own.scrollTop = 4000;
    });
    await expect.poll(() => box.locator('[tabindex="0"]').count()).toBe(0);
    await page.keyboard.press('Tab');
    await expect.poll(() => focusedCell(page)).toBe('3:0');
    await expect.poll(() => box.evaluate((own) => own.scrollTop)).toBeLessThan(400);
  });
});

describe('the card', () => {
  const expected = [
    'layer 0 attention · sample 0',
    '/layers/0/self_attn/MatMul_output_0',
    '/layers/0/self_attn/MatMul (MatMul)',
    'float32 [2, 35, 64]',
    '30 of 35',
    '0 of 35',
    'padding 30/30, real 0/5',
    '0–29',
    'Finite range',
    'Abs max',
    'Norm',
    '+Inf',
    '−Inf',
  ];
  it('shows tensor, type, range and the three counts on hover', async () => {
    const page = await show(done());
    await expect.poll(() => page.locator('#card').isVisible()).toBe(false);
    await page.locator('[data-cell="3:0"]').hover();
    const text = await page.locator('#card').innerText();
    for (const piece of expected) {
      expect(text).toContain(piece);
    }
    await page.locator('h2').first().hover();
    await expect.poll(() => page.locator('#card').isVisible()).toBe(false);
  });
  it('tells on a row of birth what the field guide says of its mechanism, and nothing on others', async () => {
    const page = await show(done());
    const birth = done().report?.table.findIndex(
      (row) => row.layer === 0 && row.stage === 'attention' && row.port === 'out',
    );
    await page.locator(`[data-cell="${String(birth)}:0"]`).hover();
    await expect.poll(() => page.locator('#card').innerText()).toContain('A row with nothing to attend to. ');
    await page.locator('[data-cell="0:0"]').hover();
    await expect.poll(() => page.locator('#card').innerText()).not.toContain('nothing to attend to');
  });
  it('shows the same on keyboard focus, stays inside the window and is described by', async () => {
    const page = await show(done(), { width: 400, height: 500 });
    await page.locator('[data-cell="18:0"]').focus();
    await settle(page);
    const box = await page.locator('#card').boundingBox();
    expect(box).not.toBeNull();
    expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? 0) <= 400).toBe(true);
    expect((box?.y ?? -1) >= 0 && (box?.y ?? 0) + (box?.height ?? 0) <= 500).toBe(true);
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-describedby'))).toBe('card');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('#card').isVisible()).toBe(false);
  });
});

describe('text from a file', () => {
  it('is text everywhere, whatever it holds', async () => {
    const report = kimi({ layers: 2, suffix: hostileSuffix });
    const page = await show(
      done({
        modelName: `a${hostileSuffix}.onnx`,
        report: {
          ...report,
          fixes: (report.fixes ?? []).map((fix) => ({ ...fix, title: fix.title + hostileSuffix })),
          notes: [`note ${hostileSuffix}`],
        },
        maskInputs: [`mask${hostileSuffix}`],
        applied: { fixId: 'unmask-rows', file: `fixed${hostileSuffix}`, weights: 'copied', measured: true },
        before: report,
      }),
    );
    await page.locator('[data-cell="3:0"]').hover();
    await page.locator('[data-cell="3:0"]').click();
    await page.locator('#fold-map-text summary').click();
    await settle(page);
    await expect.poll(() => page.locator('img, script[src=""], body script:not([src])').count()).toBe(0);
    expect(await page.evaluate(() => 'hostile' in window)).toBe(false);
    const text = await page.locator('body').innerText();
    expect(text).toContain('<img src=x onerror="window.hostile=1">');
    // Direction marks, newlines and bells are shown as escapes, and every name is isolated.
    expect(text).toContain('\\u202e');
    expect(text).toContain('\\x07');
    expect(
      await page.evaluate(() => /[\u202a-\u202e\u2066-\u2069]|\p{Cc}(?<![\n\t])/u.test(document.body.innerText)),
    ).toBe(false);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    expect(
      await page.$$eval('bdi', (names) =>
        names.every((name) => getComputedStyle(name).unicodeBidi.startsWith('isolate')),
      ),
    ).toBe(true);
  });

  it('shows NaN as NaN and never as null or undefined', async () => {
    for (const state of [done(), done({ report: manyBirths(3) }), applied()]) {
      const page = await show(state);
      await page.locator('#table-scroller tr[data-row]').last().locator('[data-cell]').nth(1).click();
      const text = await page.locator('body').innerText();
      expect(text).not.toMatch(/\bnull\b|\bundefined\b|\[object/);
      if (state.applied !== null || state.report?.fixes !== undefined) {
        expect(text).toContain('NaN (tolerance 1e−5)');
      }
      if (state.applied === null) {
        await expect.poll(() => page.locator('.details').innerText()).toContain('no finite element');
      }
    }
  });
});

describe('what is posted', () => {
  it('ready at once, then nothing unasked', async () => {
    await show(done());
    expect(await panel.posted()).toEqual([{ type: 'ready' }]);
  });

  it('Apply, Undo, Copy, Cancel, log, tryFixes, start', async () => {
    const page = await show(done());
    const lastPost = async (): Promise<unknown> => (await panel.posted()).at(-1);
    await page.locator('[data-fix="nan-to-num-softmax"] .apply-button').click();
    await expect.poll(() => lastPost()).toEqual({ type: 'apply', fixId: 'nan-to-num-softmax' });
    await page.getByText('Copy as Markdown').click();
    await expect.poll(() => lastPost()).toEqual({ type: 'copyMarkdown' });
    await panel.send(applied());
    await page.locator('#undo').click();
    await expect.poll(() => lastPost()).toEqual({ type: 'undo' });
    await panel.send(done({ phase: 'running', report: null, progress: { text: 'Loading', fraction: null } }));
    await page.locator('vscode-button', { hasText: 'Cancel' }).click();
    await expect.poll(() => lastPost()).toEqual({ type: 'cancel' });
    await panel.send(
      done({ phase: 'error', report: null, error: { code: 'timeout', message: 'Too long.', hint: 'Raise it.' } }),
    );
    await page.getByText('Open log').click();
    await expect.poll(() => lastPost()).toEqual({ type: 'openLog' });
    await panel.send(done({ report: kimi({ layers: 2, fixes: false }) }));
    await page.locator('#try-fixes').click();
    await expect.poll(() => lastPost()).toEqual({ type: 'tryFixes' });
    await panel.send(done({ phase: 'empty', report: null }));
    await page.getByText('Try a built-in model…').click();
    await expect.poll(() => lastPost()).toEqual({ type: 'start', what: 'built-in' });
  });

  it('Apply with the weights as chosen, where there is a choice', async () => {
    const weights = { reference: 38_400, copy: 1_048_576_000, needs: ['sick.onnx', 'weights.bin'] };
    const page = await show(done({ weights }));
    const field = '#weights-of-the-copy';
    expect(await page.locator(`${field} vscode-option`).allTextContents()).toEqual([
      'reference: 38.4 kB, needs sick.onnx and 1 more file beside it',
      'copy: 1.0 GB, needs no other model',
    ]);
    const apply = async (): Promise<unknown> => {
      await page.locator('[data-fix="unmask-rows"] .apply-button').click();
      await settle(page);
      return (await panel.posted()).at(-1);
    };
    expect(await apply()).toEqual({ type: 'apply', fixId: 'unmask-rows', weights: 'reference' });
    await page.locator(field).click();
    await page.locator(`${field} vscode-option`, { hasText: 'copy:' }).click();
    await settle(page);
    expect(await apply()).toEqual({ type: 'apply', fixId: 'unmask-rows', weights: 'copy' });
    await page.waitForTimeout(200);
    await page.reload();
    await panel.send(done({ weights }));
    expect(await apply()).toEqual({ type: 'apply', fixId: 'unmask-rows', weights: 'copy' });
    await panel.send(applied());
    await expect.poll(() => page.locator(field).count()).toBe(0);
    await panel.send(done({ weights, readOnly: true }));
    await expect.poll(() => page.locator(field).count()).toBe(0);
  });

  it('Run again with the batch as typed, and not while a field is wrong', async () => {
    const page = await show(done());
    await type(page, 'lengths', '5, x');
    await expect
      .poll(() => page.locator('#lengths-problem').innerText())
      .toBe('“x” is not a whole number: give lengths such as 5, 35.');
    await page.locator('#run').click({ force: true });
    await page.locator('#lengths input').press('Enter');
    expect(await panel.posted()).toEqual([{ type: 'ready' }]);
    await type(page, 'lengths', '0 12,7');
    // The field takes its text in before the page is drawn again.
    await expect.poll(() => page.locator('#lengths-problem').count()).toBe(0);
    await page.locator('#padding').click();
    await page.locator('#padding vscode-option', { hasText: 'right' }).click();
    await page.locator('#mask').click();
    await page.locator('#mask vscode-option', { hasText: '1 = pad' }).click();
    await page.locator('#run').click();
    expect((await panel.posted()).at(-1)).toEqual({
      type: 'run',
      batch: {
        kind: 'lengths',
        lengths: [0, 12, 7],
        pad: 'right',
        seed: 1,
        file: null,
        mask: 'attention_mask:inverted',
        level: 'all',
      },
    });
  });

  it('asks the host for a file, and shows its name only', async () => {
    const page = await show(done());
    await page.locator('#inputs').click();
    await page.locator('#inputs vscode-option', { hasText: 'from a file' }).click();
    await settle(page);
    await page.getByText('Choose…').click();
    expect((await panel.posted()).at(-1)).toEqual({ type: 'chooseInputs' });
    await panel.send(done({ batch: { ...done().batch, kind: 'file', file: '/some/where/batch.npz' } }));
    await expect.poll(() => page.locator('.field.file').innerText()).toContain('batch.npz');
    await expect.poll(() => page.locator('.field.file').innerText()).not.toContain('where');
  });

  it('offers no Apply for fixes that do not help, nor when nothing may run', async () => {
    const page = await show(done());
    const offered = await page.$$eval('[data-fix]', (cards) =>
      cards.filter((card) => card.querySelector('vscode-button') !== null).map((card) => card.getAttribute('data-fix')),
    );
    expect(offered).toEqual(['unmask-rows', 'nan-to-num-softmax', 'zero-pad-hidden']);
    await panel.send(done({ readOnly: true, source: 'report' }));
    await expect.poll(() => page.locator('[data-fix] vscode-button').count()).toBe(0);
    await expect.poll(() => page.locator('#run').count()).toBe(0);
  });
});

describe('states', () => {
  it('fixes: badge, difference against tolerance, cost, reason', async () => {
    const page = await show(done());
    const card = (id: string): Promise<string> =>
      page
        .locator(`[data-fix="${id}"]`)
        .innerText()
        .then((text) => text.replace(/\s+/g, ' '));
    await expect
      .poll(() => card('unmask-rows'))
      .toMatch(/^heals Attend everywhere in fully masked rows.*2\.7e−6 ≤ 1e−5.*each sample alone.*same.*×1\.02/);
    await expect.poll(() => card('nan-to-num-logits')).toMatch(/hides.*3\.7 > 1e−5.*different/);
    await expect.poll(() => card('zero-pad-hidden')).toMatch(/partial.*30 \(0 at real tokens\)/);
    // What does not apply is folded away.
    expect(await page.locator('[data-fix="right-pad"]').count()).toBe(0);
    await page.locator('#fold-declined summary').click();
    await expect
      .poll(() => card('right-pad'))
      .toBe('declines Pad on the right The batch was read from a file, so its padding cannot be moved.');
  });

  it('running: the table may be there already, fixes are being measured', async () => {
    const page = await show(
      done({
        phase: 'running',
        progress: { text: 'Trying fixes', fraction: 0.5 },
        report: kimi({ layers: 2, fixes: false }),
      }),
    );
    await expect.poll(() => page.locator('[role=progressbar]').getAttribute('aria-valuenow')).toBe('50');
    await expect.poll(() => page.locator('.fixes').innerText()).toContain('Fixes are being measured');
    expect((await tableText(page)).length).toBe(13);
    await expect.poll(() => page.locator('#run').evaluate((button) => button.hasAttribute('disabled'))).toBe(true);
  });

  it('applied: what was written, before and after', async () => {
    const page = await show(applied());
    expect((await page.locator('.applied').innerText()).replace(/\s+/g, ' ')).toContain(
      'Written sick.fixed.onnx (weights inside)',
    );
    const lines = await page.$$eval('.compare tbody tr', (rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent.replace(/\s+/g, ' ').trim())),
    );
    expect(lines).toEqual([
      ['NaN in logits', 'sample 0: 35/35', 'none'],
      ['stages with NaN', '16 of 19', '0 of 19'],
      ['births', '1', '0'],
      ['real tokens with NaN, worst stage', '5 of 40', '0 of 40'],
    ]);
    await expect.poll(() => page.locator('h1').innerText()).toMatch(/^No NaN anywhere/);
  });

  it('applied and undone: the answer comes into view and has the focus, whatever was scrolled', async () => {
    const page = await show(done(), { height: 500 });
    const answer = (): Promise<unknown> =>
      page.evaluate(() => {
        const { id, className } = document.activeElement ?? { id: '', className: '' };
        const top = document.activeElement?.getBoundingClientRect().top ?? -1;
        return { focused: id === '' ? className : id, inView: top >= -1 && top < window.innerHeight / 2 };
      });
    const running = { phase: 'running', progress: { text: 'Measuring', fraction: 0.2 } } as const;
    const written = applied().applied;
    const unmeasured = written && { ...written, measured: false };
    await page.locator('[data-fix="unmask-rows"] .apply-button').click();
    const scrolled = await page.evaluate(() => window.scrollY);
    expect(scrolled).toBeGreaterThan(300);
    // The copy is written, not yet run: nothing to compare, nothing moves.
    await panel.send(done({ ...running, before: done().report, applied: unmeasured }));
    await expect.poll(() => page.locator('#applied').innerText()).toContain('The fixed model is being diagnosed.');
    await expect.poll(() => page.locator('.compare').count()).toBe(0);
    expect(await page.locator('#applied').getAttribute('aria-live')).toBe('polite');
    await panel.send(applied());
    await expect.poll(answer).toEqual({ focused: 'applied', inView: true });
    await expect.poll(() => page.locator('.compare').count()).toBe(1);
    await page.locator('[data-fix="unmask-rows"] vscode-button').click();
    await panel.send(done(running));
    await panel.send(done());
    await expect.poll(answer).toEqual({ focused: 'verdict sick', inView: true });
    // A failure is more urgent than what it left behind, and no other state moves the page.
    await panel.send(done({ ...running, before: done().report, applied: unmeasured }));
    await panel.send(
      done({
        phase: 'error',
        error: { code: 'timeout', message: 'Too long.', hint: 'Raise it.' },
        before: done().report,
        applied: unmeasured,
      }),
    );
    await expect.poll(answer).toEqual({ focused: 'status error', inView: true });
    await expect.poll(() => page.locator('#applied').innerText()).toContain('could not be diagnosed');
    await page.locator('#fixes-title').focus();
    await page.evaluate(() => {
      window.scrollTo({ top: 400 });
    });
    await panel.send(applied());
    await settle(page);
    // The browser itself keeps what is in view where it is, so the number may differ by what changed above.
    expect(await page.evaluate(() => window.scrollY)).toBeGreaterThan(300);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('fixes-title');
  });

  it('healthy', async () => {
    const page = await show(done({ report: healed(2) }));
    await expect
      .poll(() => page.locator('h1').innerText())
      .toBe('No NaN anywhere: 19 measured stages clean for 2 samples, 70 positions, 30 of them padding.');
    await expect.poll(() => page.locator('.fixes').innerText()).toContain('Nothing to fix.');
  });

  it('error, stale, cancelled', async () => {
    const page = await show(
      done({
        phase: 'error',
        report: null,
        error: { code: 'mask-ambiguous', message: 'Two inputs look like masks.', hint: 'Choose one.' },
      }),
    );
    await expect.poll(() => page.locator('[role=alert]').first().innerText()).toContain('Two inputs look like masks.');
    await expect.poll(() => page.locator('.batch').innerText()).toContain('Say which input is the mask.');
    await panel.send(done({ stale: true }));
    await page.locator('.warn vscode-button').click();
    expect((await panel.posted()).at(-1)).toMatchObject({ type: 'run' });
    await panel.send(done({ phase: 'cancelled', report: null }));
    await expect.poll(() => page.locator('.status').innerText()).toContain('Cancelled. Nothing was measured.');
  });

  it('says so when a message cannot be read', async () => {
    const page = await show(done());
    await panel.sendRaw({ type: 'state', state: { ...done(), report: { schemaVersion: 2 } } });
    await expect.poll(() => page.locator('[role=alert]').innerText()).toContain('cannot read');
    await panel.send(done());
    await expect.poll(() => page.locator('[role=alert]').count()).toBe(0);
  });
});

describe('what survives a reload', () => {
  it('filters, selection, scroll, draft, open sections and the report itself', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    await page.locator('#only-nan').click();
    await type(page, 'lengths', '7, 9');
    await page.locator('[data-cell="3:0"]').click();
    await page.locator('#fold-map-text summary').click();
    await page.locator('#table-scroller').evaluate((box) => {
      box.scrollTop = 2400;
    });
    await page.evaluate(() => {
      window.scrollTo({ top: 90 });
    });
    await page.waitForTimeout(250);
    await page.reload();
    await page.waitForFunction(() => document.querySelector('#table-scroller') !== null);
    await settle(page);
    await expect.poll(() => page.locator('#table-scroller').evaluate((box) => box.scrollTop)).toBe(2400);
    await expect.poll(() => page.evaluate(() => window.scrollY)).toBe(90);
    await expect.poll(() => page.locator('#only-nan').evaluate((box) => 'checked' in box && box.checked)).toBe(true);
    await expect.poll(() => page.locator('#lengths input').inputValue()).toBe('7, 9');
    await expect.poll(() => page.locator('#details-title').innerText()).toBe('layer 0 attention, sample 0');
    await expect.poll(() => page.locator('#fold-map-text').getAttribute('open')).not.toBeNull();
    expect((await tableText(page)).length).toBeGreaterThan(20);
    const kept = await page.evaluate(
      () => JSON.parse(sessionStorage.getItem('state') ?? '{}') as { state?: { key?: string } },
    );
    expect(kept.state?.key).toBe('k1');
    // The host answers "ready" with the same state: nothing moves.
    await panel.send(done({ report: kimi({ layers: 61 }) }));
    await expect.poll(() => page.locator('#table-scroller').evaluate((box) => box.scrollTop)).toBe(2400);
    await expect.poll(() => page.locator('#lengths input').inputValue()).toBe('7, 9');
  });

  it('starts clean when what was kept cannot be read', async () => {
    const page = await show(done());
    await page.evaluate(() => {
      window.addEventListener('pagehide', () => {
        sessionStorage.setItem('state', JSON.stringify({ state: { phase: 7 }, ui: { onlyNan: 'x', layers: 4 } }));
      });
    });
    await page.reload();
    await page.waitForFunction(() => document.querySelector('main')?.textContent.includes('Waiting') ?? false);
    await panel.send(done());
    expect((await tableText(page)).length).toBe(13);
  });
});

describe('chain and map', () => {
  it('tells the story and leads to the row', async () => {
    const page = await show(done({ report: kimi({ layers: 61 }) }));
    const titles = await page.$$eval('.chain > ol > li > h3', (heads) =>
      heads.map((head) => head.textContent.replace(/\s+/g, ' ').trim()),
    );
    expect(titles).toEqual(['Born in layer 0 attention', 'NaN + (−inf) = NaN in layer 1 attention', 'Output logits']);
    await page.locator('.chain button', { hasText: 'Output' }).click();
    await expect.poll(() => focusedCell(page)).toBe('490:0');
    await type(page, 'layers', '5');
    await settle(page);
    await page.locator('.chain button', { hasText: 'Born' }).click();
    await expect.poll(() => focusedCell(page)).toBe('3:0');
    await expect.poll(() => page.locator('#layers input').inputValue()).toBe('');
  });

  it('tells evidence shortly, and says so when it is empty', async () => {
    const report = kimi({ layers: 2 });
    const node = '/a/very/long/name'.repeat(10);
    const evidence = {
      exampleRow: ['-Infinity', '-Infinity', 1, '-Infinity'],
      allowed: '',
      masks: [],
      node,
      at: '0-3,7',
      row: { a: 1, b: 2, c: 3, d: 'e' },
    };
    const page = await show(
      done({ report: { ...report, spread: report.spread.map((one) => ({ ...one, evidence })) } }),
    );
    const facts = await page.$$eval('.crossing > .evidence > div', (items) =>
      items.map((item) => [...item.children].map((part) => part.textContent.trim())),
    );
    expect(facts.slice(0, 4)).toEqual([
      ['example row', '−Infinity × 2, 1, −Infinity'],
      ['allowed', 'none'],
      ['masks', 'none'],
      ['node', node],
    ]);
    expect(facts[4]).toEqual(['at', '0–3, 7']);
    const inner = await page.$$eval('.crossing .evidence .evidence > div', (items) =>
      items.map((item) => [...item.children].map((part) => part.textContent.trim()).join(' ')),
    );
    expect(inner.slice(0, 4)).toEqual(['a 1', 'b 2', 'c 3', 'd e']);
    // A long value has the whole width; short ones share a line.
    const [short, long] = await page.$$eval('.crossing > .evidence > div', (items) =>
      [items[0], items[3]].map((item) => item?.getBoundingClientRect().width ?? 0),
    );
    expect(long).toBeGreaterThan(2 * (short ?? 0));
  });

  it('lists further births, silent findings and notes', async () => {
    const page = await show(done({ report: manyBirths(61) }));
    await page.locator('#fold-births summary').click();
    await expect.poll(() => page.locator('#fold-births li').count()).toBe(60);
    await expect.poll(() => page.locator('#fold-silent').getAttribute('open')).toBeNull();
    await page.locator('#fold-silent summary').click();
    await expect.poll(() => page.locator('#fold-silent').innerText()).toContain('swallowed');
    await expect.poll(() => page.locator('.chain ul.notes').innerText()).toContain('measured at its boundary only');
  });

  it('paints NaN at padding and at real tokens differently and reads cells out', async () => {
    const page = await show(done());
    const map = page.locator('#map');
    await map.scrollIntoViewIfNeeded();
    const colour = (position: number, line: number): Promise<string> =>
      map.evaluate(
        (element, [x, y]) => {
          const canvas = element as HTMLCanvasElement;
          const scale = canvas.width / canvas.clientWidth;
          const [left, bottom, rows, positions] = [84, 18, 13, 35];
          const px = (left + ((x + 0.5) * (canvas.clientWidth - left - 1)) / positions) * scale;
          const py = (((y + 0.5) * (canvas.clientHeight - bottom)) / rows) * scale;
          return [...(canvas.getContext('2d')?.getImageData(Math.round(px), Math.round(py), 1, 1).data ?? [])].join(
            ',',
          );
        },
        [position, line] as const,
      );
    const [padClean, realClean, padNan, realNan] = [
      await colour(3, 0),
      await colour(32, 0),
      await colour(3, 12),
      await colour(32, 12),
    ];
    expect(new Set([padClean, realClean, padNan, realNan]).size).toBe(4);
    await expect.poll(() => colour(32, 2), { message: 'layer 0 attention is clean at real tokens' }).toBe(realClean);
    await expect.poll(() => colour(29, 2)).toBe(padNan);
    await map.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight']) {
      await page.keyboard.press(key);
    }
    await expect
      .poll(() => page.locator('#map-readout').innerText())
      .toBe('layer 0 attention · position 1 (padding) · NaN');
    await page.keyboard.press('Enter');
    await expect.poll(() => focusedCell(page)).toBe('3:0');
    await page.locator('#fold-map-text summary').click();
    await expect.poll(() => page.locator('.maptext').innerText()).toContain('layer 0 attention: NaN at 0–29');
    await expect
      .poll(() => map.getAttribute('aria-label'))
      .toContain('NaN in 11 of 13 stages, first in layer 0 attention');
  });
});
