/**
 * The mouse on a word of the editor. By its place on the screen: Playwright's own click scrolls the text when a card
 * lies over the word, in a way of its own that the editor does not know of, and then hits another one.
 */
import type { Locator } from 'playwright-core';
import type { Workbench } from '../../support/workbench';

interface Place {
  readonly x: number;
  readonly y: number;
}

/** The middle of the first mention of a word in a line of the editor. */
const placeOf = (workbench: Workbench, line: string, word: string): Promise<Place> =>
  workbench.page
    .locator('.view-line', { hasText: line })
    .first()
    .evaluate((element, wanted) => {
      const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      for (let node = texts.nextNode(); node; node = texts.nextNode()) {
        const at = node.textContent?.indexOf(wanted) ?? -1;
        if (at === -1) continue;
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + wanted.length);
        const { x, y, width, height } = range.getBoundingClientRect();
        return { x: x + width / 2, y: y + height / 2 };
      }
      throw new Error(`No "${wanted}" in the line`);
    }, word);

/** Moves the pointer over the first mention of a word in a line of the editor. */
export async function hoverWord(workbench: Workbench, line: string, word: string): Promise<void> {
  const { x, y } = await placeOf(workbench, line, word);
  await workbench.page.mouse.move(x - 3, y);
  await workbench.page.mouse.move(x, y);
}

/** Puts the cursor on the first mention of a word in a line of the editor. */
export async function clickWord(workbench: Workbench, line: string, word: string): Promise<void> {
  // A card that the pointer called up where it was goes with it.
  const calm = await workbench.page.locator('.part.statusbar').boundingBox();
  await workbench.page.mouse.move((calm?.x ?? 0) + (calm?.width ?? 0) / 2, (calm?.y ?? 0) + 5);
  await workbench.page.locator('.monaco-hover:visible').first().waitFor({ state: 'hidden' });
  const { x, y } = await placeOf(workbench, line, word);
  await workbench.page.mouse.click(x, y);
}

/**
 * A quick fix that is offered for a word, in the menu that was opened for it.
 * @throws Error with what is offered instead
 */
export async function quickFixOf(workbench: Workbench, line: string, word: string, title: string): Promise<Locator> {
  const rows = workbench.page.locator('.action-widget .monaco-list-row');
  const wanted = rows.filter({ hasText: title });
  let offered: readonly string[] = [];
  // The editor asks once, when the menu opens; a busy machine may not have the cursor there yet.
  for (let tries = 0; tries < 5; tries++) {
    await clickWord(workbench, line, word);
    await workbench.page.keyboard.press('Control+.');
    const shown = await wanted.waitFor({ timeout: 8_000 }).then(
      () => true,
      () => false,
    );
    if (shown) return wanted;
    offered = await rows.allInnerTexts();
    await workbench.page.keyboard.press('Escape');
  }
  throw new Error(`No quick fix "${title}" for "${word}"; offered: ${offered.join(', ') || 'nothing'}.`);
}
