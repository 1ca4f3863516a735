/** The pointer over a word of the editor. */
import type { Workbench } from '../../support/workbench';

/** Moves the pointer over the first mention of a word in a line of the editor. */
export async function hoverWord(workbench: Workbench, line: string, word: string): Promise<void> {
  const place = await workbench.page
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
  await workbench.page.mouse.move(place.x - 3, place.y);
  await workbench.page.mouse.move(place.x, place.y);
}
