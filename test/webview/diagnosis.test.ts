/** What the panel draws of a diagnosis: the score row, the operands, the story, silent trouble, the field guide. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../src/core/report';
import { hostileSuffix, kimi, manyBirths } from '../fixtures/reports/generate';
import { kimiRow, withCrossing, withEvidence, withSilent } from './support/diagnosis';
import type { PanelOptions } from './support/panel';
import { done } from './support/states';
import { panelSuite, texts } from './support/suite';

const panel = panelSuite();
const open = panel.open;
const show = (report: Report, options?: PanelOptions): Promise<Page> => open(done({ report }), options);

describe('the score row', () => {
  it('has one cell per key, told by letter and by the mask that made it, pads apart from real keys', async () => {
    const page = await show(withEvidence(kimiRow));
    const cells = '#birth-0 .scorerow .cells .slot';
    expect((await texts(page, cells)).join('')).toBe(`p${'b'.repeat(29)}ccccc`);
    expect(await page.locator(cells).nth(1).getAttribute('title')).toBe('key 1: −inf by both masks');
    expect(await texts(page, '#birth-0 .scorerow .sidename')).toEqual(['30 pads', '5 real']);
    expect(await texts(page, '#birth-0 .bandlegend li')).toEqual([
      'c−inf by the causal mask 5 keys: 30–34',
      'p−inf by the padding mask 1 key: 0',
      'b−inf by both masks 29 keys: 1–29',
    ]);
    // Widths are the keys' share, and the gap is where padding ends.
    const sides = await page.$$eval('#birth-0 .scorerow .side', (all) =>
      all.map((side) => side.getBoundingClientRect()).map(({ left, right }) => [left, right] as const),
    );
    expect((sides[1]?.[0] ?? 0) - (sides[0]?.[1] ?? 0)).toBeGreaterThanOrEqual(4);
    expect(
      ((sides[0]?.[1] ?? 0) - (sides[0]?.[0] ?? 0)) / ((sides[1]?.[1] ?? 1) - (sides[1]?.[0] ?? 0)),
    ).toBeGreaterThan(4);
    // What is drawn is not told again in figures, the rest still is.
    expect(await texts(page, '#birth-0 .evidence dt')).toEqual(['rows', 'keys']);
    await expect
      .poll(() => page.locator('#birth-0 .parts').innerText())
      .toBe('causal mask: /model/LessOrEqual_output_0; padding mask: attention_mask');
  });

  it('is one image with words for a screen reader', async () => {
    const page = await show(withEvidence(kimiRow));
    const band = page.locator('#birth-0 .scorerow [role=img]');
    expect(await band.getAttribute('aria-label')).toBe(
      'Scores of sample 0, query position 0 (padding), over 35 keys: 35 −inf, 0 finite. The list says which.',
    );
  });

  it('keeps 512 keys in one calm line, and the letter where there is room', async () => {
    const cells = `p${'b'.repeat(471)}${'c'.repeat(40)}`;
    const page = await show(
      withEvidence({ row: { sample: 0, position: 0, keys: 512, negInf: 512, posInf: 0, cells, parts: {} } }),
    );
    const band = '#birth-0 .scorerow .cells';
    expect(await page.locator(`${band} .slot`).count()).toBe(3);
    expect((await page.locator('#birth-0 .scorerow .band').boundingBox())?.height ?? 999).toBeLessThan(40);
    expect(
      await page.$$eval(`${band} .letter`, (all) => all.map((letter) => getComputedStyle(letter).display)),
    ).toEqual(['none', 'block', 'block']);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
  });

  it('tells scores, overflow and +inf from masks; 4096 keys go on in lines; odd evidence is left as it is', async () => {
    const cells = `${'s'.repeat(3)}${'v'.repeat(4)}+.?m`;
    const page = await show(
      withEvidence(
        { row: { sample: 0, position: 0, keys: cells.length, cells, parts: {} } },
        { mechanism: 'score-overflow' },
      ),
    );
    expect(await texts(page, '#birth-0 .bandlegend li')).toEqual([
      'm−inf by another mask 1 key: 10',
      'v−inf because finite numbers left the range of the type 4 keys: 3–6',
      's−inf already in the scores, before any mask 3 keys: 0–2',
      '++inf 1 key: 7',
      'finite, not masked 1 key: 8',
      '?−inf, its cause was not found 1 key: 9',
    ]);
    await panel.send(
      done({
        report: withEvidence({ row: { sample: 0, position: 1, keys: 9000, cells: 'bc'.repeat(2048), parts: 7 } }),
      }),
    );
    await expect.poll(() => page.locator('#birth-0 .scorerow .bandline').count()).toBe(8);
    expect(await page.locator('#birth-0 .scorerow').innerText()).toContain('The first 4096 of 9000 keys are shown.');
    await panel.send(done({ report: withEvidence({ row: { cells: 5 } }) }));
    await expect.poll(() => page.locator('#birth-0 .scorerow').count()).toBe(0);
    expect(await page.locator('#birth-0 .evidence').innerText()).toContain('cells');
  });

  it('names of a hostile file stay text', async () => {
    const page = await show(
      withEvidence({
        row: {
          sample: 0,
          position: 0,
          keys: 2,
          cells: 'pc',
          parts: { padding: [hostileSuffix], '<b>': [hostileSuffix] },
        },
      }),
    );
    expect(await page.locator('#birth-0 .parts').innerText()).toContain('<img src=x onerror="window.hostile=1">');
    expect(await page.locator('#birth-0 img').count()).toBe(0);
    expect(await page.evaluate(() => 'hostile' in window)).toBe(false);
  });

  it.each(['light', 'dark', 'contrast'] as const)('every kind looks different in %s', async (theme) => {
    const page = await show(withEvidence({ row: { sample: 0, position: 0, keys: 9, cells: 'cpbmvs+.?', parts: {} } }), {
      theme,
    });
    const looks = await page.$$eval('#birth-0 .bandlegend .slot', (all) =>
      all.map((slot) => {
        const { backgroundColor, backgroundImage } = getComputedStyle(slot);
        return `${backgroundColor} ${backgroundImage} ${slot.textContent.trim()}`;
      }),
    );
    expect(new Set(looks).size).toBe(9);
    // Without colour: the letters alone tell them apart.
    expect(new Set(looks.map((look) => look.split(' ').at(-1))).size).toBe(9);
  });
});

describe('the operands', () => {
  it('as a formula with coordinates; an operand leads to its row', async () => {
    const report = withEvidence(
      {
        nanElements: 224,
        operands: ['/embed_tokens/Gather_output_0', '/root'],
        examples: [{ sample: 0, position: 3, at: [0, 3, 7], values: [0, '-Infinity'], elements: 224 }],
      },
      { mechanism: 'zero-times-inf', op: 'Mul' },
    );
    const page = await show(report);
    expect(await texts(page, '#birth-0 .formulas li')).toEqual([
      '0 /embed_tokens/Gather_output_0 × −inf /root = NaN sample 0, position 3, element [0, 3, 7]; 224 elements alike',
    ]);
    expect(await page.locator('#birth-0 .evidence').count()).toBe(0);
    expect(await page.locator('#birth-0 .formulas button').count()).toBe(1);
    await page.locator('#birth-0 .formulas button').click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-cell'))).toBe('0:0');
  });

  it.each([
    [
      'Log',
      { operands: ['x'], examples: [{ sample: 0, position: 5, at: [0, 5], values: [-0.5] }] },
      'log(−0.5 x) = NaN sample 0, position 5, element [0, 5]',
    ],
    ['Sub', { operands: ['x'], examples: [{ values: ['Infinity'] }] }, '+inf x − +inf x = NaN'],
    [
      'MatMul',
      {
        sample: 1,
        position: 2,
        at: [1, 2],
        operands: ['a', 'b'],
        examples: [{ k: 4, factors: [0, 'Infinity'], product: 'NaN' }],
      },
      '0 a × +inf b = NaN sample 1, position 2, element [1, 2], term 4',
    ],
    [
      'Softmax',
      {
        overflow: {
          node: 'n',
          op: 'Add',
          key: 3,
          tensors: ['a', 'b'],
          values: [-3.4e38, -3.4e38],
          result: '-Infinity',
        },
      },
      '−3.4e38 a + −3.4e38 b = −inf key 3',
    ],
  ] as const)('%s', async (op, evidence, words) => {
    const page = await show(withEvidence(evidence, { mechanism: 'unknown', op }));
    expect((await texts(page, '#birth-0 .formulas li')).join('|').trim()).toBe(words);
  });
});

describe('the field guide', () => {
  it('opens at each finding, says what it is, and stays open over a reload', async () => {
    const page = await show(withEvidence(kimiRow));
    expect(await page.locator('.guide').count()).toBe(0);
    await page.locator('#fold-guide-birth-0 summary').focus();
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.locator('#fold-guide-birth-0').innerText())
      .toContain('A row with nothing to attend to');
    expect(await texts(page, '#fold-guide-birth-0 h4')).toEqual([
      'How to recognise it',
      'Not to be confused with',
      'What mends it',
      'What does not',
      'As people met it',
    ]);
    await page.locator('#fold-guide-crossing-0 summary').click();
    await expect.poll(() => page.locator('.guide').count()).toBe(2);
    await page.waitForTimeout(200);
    await page.reload();
    await expect.poll(() => page.locator('.guide').count()).toBe(2);
    await page.locator('#fold-guide-birth-0 summary').click();
    await expect.poll(() => page.locator('.guide').count()).toBe(1);
  });
});

describe('silent findings and what was ruled out', () => {
  it.each(['laundered', 'swallowed'] as const)(
    '%s: healthy outputs get a warning that leads to it',
    async (mechanism) => {
      const page = await show(withSilent(mechanism));
      await expect
        .poll(() => page.locator('#misleading').innerText())
        .toContain('The outputs look healthy, but are not.');
      await page.locator('#misleading vscode-button').click();
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('silent-0');
      await expect.poll(() => page.locator('#silent-0').innerText()).toContain(mechanism);
      expect(await page.locator('#misleading').getAttribute('role')).toBe('note');
    },
  );
  it.each([
    ['guarded', {}],
    ['overflow-risk', {}],
    ['unread-nan-weight', {}],
    ['unmasked-silently', { realRows: 0 }],
  ] as const)('%s is no alarm', async (mechanism, evidence) => {
    const page = await show(withSilent(mechanism, evidence));
    expect(await page.locator('#misleading, .warn').count()).toBe(0);
    await page.locator('#fold-silent summary').click();
    await expect.poll(() => page.locator('.silent').innerText()).toContain(mechanism);
    if (mechanism === 'guarded') {
      expect(await page.locator('#fold-silent > summary').innerText()).toContain('guarded, nothing to mend');
      expect(await page.locator('h1').getAttribute('class')).toContain('healthy');
    }
  });
  it('real rows that attend where the mask forbids it are told', async () => {
    const page = await show(withSilent('unmasked-silently', { realRows: 4 }));
    await expect.poll(() => page.locator('#misleading').innerText()).toContain('Real tokens attend');
  });
  it('lists each claim with the figure that refutes it', async () => {
    const report = kimi({ layers: 2 });
    const page = await show({
      ...report,
      ruledOut: [
        { id: 'kv-groups', claim: 'Key/value group repeat', because: '1 group, no effect' },
        { id: 'weights', claim: `Damaged <b>${hostileSuffix}`, because: 'none of 62' },
      ],
    });
    expect((await texts(page, '.checked li'))[0]).toBe('Key/value group repeat 1 group, no effect');
    expect(await page.locator('.checked b, .checked img').count()).toBe(0);
    await panel.send(done({ report }));
    await expect.poll(() => page.locator('.checked').count()).toBe(0);
  });
});

describe('the story', () => {
  it('draws positions before and after each step', async () => {
    const page = await show(withCrossing(withEvidence(kimiRow)));
    expect(await texts(page, '.reach figcaption')).toEqual([
      'Sample 0: no NaN before, then at 30 positions: 0–29 (all padding); 5 of 35 stay clean.',
      'Sample 0: NaN at 30 positions before (0–29), at 35 after: 30–34 new (all real tokens); none of 35 stay clean.',
      'Sample 0: NaN at 0–34, 5 of 5 real tokens among them.',
    ]);
    const looks = await page.$$eval('#crossing-0 .reach .cells .slot', (all) =>
      all.map((slot) => (slot.classList.contains('was-nan') ? 'o' : slot.classList.contains('new-nan') ? 'n' : '.')),
    );
    expect(looks.join('')).toBe('o'.repeat(30) + 'n'.repeat(5));
  });

  it('leads from the table to the finding and back', async () => {
    const page = await show(withCrossing(kimi({ layers: 61 })));
    await page.locator('td.notes button', { hasText: 'NaN + (−inf)' }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('crossing-0');
    await page.locator('#crossing-0 h3 button').click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-cell'))).toBe('11:0');
    // By keyboard: Enter opens the details, which lead on.
    await page.keyboard.press('Enter');
    await page.locator('.details .tostory').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('crossing-0');
  });

  it('opens what a step is folded into, and joins steps alike', async () => {
    const base = manyBirths(61);
    const [first] = base.spread;
    const spread = Array.from({ length: 59 }, (_, i) => ({
      ...(first ?? kimi({ layers: 2 }).spread[0]),
      layer: i + 1,
      node: `/layers.${String(i + 1)}/self_attn/Add`,
      tensor: `/layers.${String(i + 1)}/self_attn/Add_output_0`,
    })) as Report['spread'];
    const page = await show({ ...base, spread }, { width: 1900 });
    expect(await texts(page, '.chain > ol > li.more summary')).toEqual(['60 more births', 'the same in layers 2–59']);
    expect(await page.locator('.chain li.crossing:not(.more)').count()).toBe(1);
    await type(page, 'layers', '40');
    const crossings = page.locator('td.notes button', { hasText: 'NaN + (−inf)' });
    // The table is narrowed soon after.
    await expect.poll(() => crossings.count()).toBe(1);
    await crossings.click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('crossing-39');
    await page.locator('td.notes button', { hasText: 'born here too' }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('birth-40');
  });
});

const type = async (page: Page, id: string, text: string): Promise<void> => {
  await page.locator(`#${id} input`).fill(text);
};

describe('the map', () => {
  it('sets pads apart and names each birth and crossing beside its row', async () => {
    const page = await show(withCrossing(kimi({ layers: 61 })));
    expect(await texts(page, '.maplabels li')).toEqual([
      'NaN born here: Softmax, 30 fully masked rows',
      'NaN + (−inf) = NaN',
    ]);
    const tops = await page.$$eval('.maplabels li', (all) => all.map((one) => one.getBoundingClientRect().top));
    expect((tops[1] ?? 0) - (tops[0] ?? 0), 'labels of neighbouring rows are not over one another').toBeGreaterThan(15);
    // In the gap there is no cell to read, on both of its sides there is.
    const map = page.locator('#map');
    await map.scrollIntoViewIfNeeded();
    const box = await map.boundingBox();
    if (box === null) {
      throw new Error('no map');
    }
    const cell = (box.width - 84 - 1 - 6) / 35;
    const edge = 84 + 30 * cell;
    const read = async (x: number): Promise<string> => {
      await map.hover({ position: { x, y: 100 } });
      return (await page.locator('#map-readout').innerText()).trim();
    };
    expect(await read(edge - 2)).toContain('position 29 (padding)');
    expect(await read(edge + 3)).toBe('');
    expect(await read(edge + 8)).toContain('position 30 (real)');
    await page.locator('.maplabels button').nth(1).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('crossing-0');
  });

  it('has room for the labels of many births', async () => {
    const page = await show(manyBirths(61));
    const labels = await page.$$eval('.maplabels li', (all) => all.map((one) => one.getBoundingClientRect().top));
    expect(labels.length).toBeGreaterThan(15);
    for (let i = 1; i < labels.length; i++) {
      expect((labels[i] ?? 0) - (labels[i - 1] ?? 0)).toBeGreaterThan(15);
    }
    expect((await texts(page, '.maplabels li')).at(-1)).toMatch(/^and \d+ more$/);
  });

  it('a pointer over 61 layers repaints the map and nothing else', async () => {
    const page = await show(kimi({ layers: 61 }));
    const map = page.locator('#map');
    await map.scrollIntoViewIfNeeded();
    await map.hover({ position: { x: 200, y: 50 } });
    const changes = await page.evaluate(async () => {
      let count = 0;
      const observer = new MutationObserver((records) => {
        count += records.filter(
          ({ target }) => !(target instanceof Element ? target : target.parentElement)?.closest('#map-readout'),
        ).length;
      });
      observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
      const canvas = document.querySelector('#map');
      const box = canvas?.getBoundingClientRect();
      for (let i = 0; i < 200; i++) {
        canvas?.dispatchEvent(
          new MouseEvent('mousemove', { clientX: (box?.left ?? 0) + 90 + i * 3, clientY: (box?.top ?? 0) + (i % 300) }),
        );
      }
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      observer.disconnect();
      return count;
    });
    expect(changes).toBe(0);
  });
});

describe('a run', () => {
  it('that starts or ends moves nothing', async () => {
    const page = await open(done(), { height: 700 });
    const tops = (): Promise<number[]> =>
      page.$$eval('h1, #table-title, #chain-title, .batch', (all) => all.map((one) => one.getBoundingClientRect().top));
    const before = await tops();
    await panel.send(done({ phase: 'running', progress: { text: 'Measuring', fraction: 0.2 } }));
    await expect.poll(() => page.locator('.status.running').isVisible()).toBe(true);
    expect(await tops()).toEqual(before);
    expect(await page.locator('.status.running').innerText()).toContain('Measuring');
    await panel.send(done());
    await expect.poll(() => page.locator('.status.running').count()).toBe(0);
    expect(await tops()).toEqual(before);
  });

  it('takes a pad id from the batch bar', async () => {
    const page = await show(kimi({ layers: 2 }));
    await type(page, 'pad-id', 'x');
    await expect.poll(() => page.locator('#pad-id-problem').innerText()).toContain('whole number');
    await type(page, 'pad-id', '151643');
    await expect.poll(() => page.locator('#pad-id-problem').count()).toBe(0);
    await page.locator('#run').click();
    await expect
      .poll(async () => (await panel.posted()).at(-1))
      .toMatchObject({ type: 'run', batch: { padId: 151643 } });
  });

  it('of a bfloat16 model is offered in float32', async () => {
    const page = await open(
      done({
        phase: 'error',
        report: null,
        error: {
          code: 'unsupported-type',
          message: 'm.onnx computes in bfloat16, which the CPU engine cannot run as it is.',
          hint: 'Run it cast to float32: nanoscope diagnose MODEL --cast float32. NaN that only rounding to bfloat16 makes are then not seen.',
        },
      }),
    );
    expect(await page.locator('.status.error').innerText()).not.toContain('--');
    await page.locator('#run-cast').click();
    await expect
      .poll(async () => (await panel.posted()).at(-1))
      .toMatchObject({ type: 'run', batch: { cast: 'float32' } });
  });
});

describe('fused attention', () => {
  const report = kimi({ layers: 2, fixes: false });
  const fused: Report = {
    ...report,
    model: { ...report.model, attention: report.model.attention.map((one) => ({ ...one, kind: 'fused' as const })) },
  };
  const { batch } = done();
  const box = '#expand-attention';
  const checked = (page: Page): Promise<boolean> =>
    page.locator(box).evaluate((one) => 'checked' in one && one.checked === true);

  it('can be written out, and put back, where there is any', async () => {
    const page = await show(report);
    expect(await page.locator(box).count()).toBe(0);
    await panel.send(done({ report: fused }));
    expect(await checked(page)).toBe(false);
    await page.locator(box).click();
    await page.locator('#run').click();
    expect((await panel.posted()).at(-1)).toEqual({ type: 'run', batch: { ...batch, expandAttention: true } });
    // Written out it is fused no more; the way back stays.
    const written = { ...report, model: { ...report.model, expandedAttention: true as const } };
    await panel.send(done({ report: written, batch: { ...batch, expandAttention: true } }));
    expect(await checked(page)).toBe(true);
    expect(await page.locator('.fixes').innerText()).toContain('No fix is tried while fused attention is written out');
    expect(await page.locator('#try-fixes').count()).toBe(0);
    await page.locator(box).click();
    await page.locator('#run').click();
    expect((await panel.posted()).at(-1)).toEqual({ type: 'run', batch });
  });
});
