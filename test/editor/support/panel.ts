/** The diagnosis panel as a person sees it: read from the page, worked through its controls. */
import type { Frame, Locator } from 'playwright-core';
import type { Workbench } from '../../support/workbench';

/** Engine runs share two cores with an editor and a browser. */
export const runPatience = 90_000;

export interface ShownRow {
  /** Layer and stage as in the first column: `layer 0 attention`. */
  readonly stage: string;
  /** One text per sample: `30/35 pad only`. */
  readonly cells: readonly string[];
}

export class PanelView {
  constructor(
    private readonly workbench: Workbench,
    readonly frame: Frame,
  ) {}

  /** Waits for the panel of a model, whatever it shows. */
  static async of(workbench: Workbench, modelName: string, timeout = runPatience): Promise<PanelView> {
    return new PanelView(workbench, await workbench.webview(`header .title:has-text("${modelName}")`, timeout));
  }

  get verdict(): Locator {
    return this.frame.locator('h1.verdict');
  }

  get notice(): Locator {
    return this.frame.locator('.status.notice');
  }

  get error(): Locator {
    return this.frame.locator('.status.error');
  }

  get applied(): Locator {
    return this.frame.locator('.status.applied');
  }

  fix(id: string): Locator {
    return this.frame.locator(`li.fix[data-fix="${id}"]`);
  }

  /** Resolves when nothing runs any more and a verdict stands. */
  async done(timeout = runPatience): Promise<void> {
    await this.frame.locator('h1.verdict[aria-busy="false"]').waitFor({ timeout });
  }

  /** All rows, scrolled through: only those near the viewport are in the document. */
  async rows(): Promise<readonly ShownRow[]> {
    const found = new Map<number, ShownRow>();
    const scroller = this.frame.locator('#table-scroller');
    await scroller.evaluate((box) => {
      box.scrollTop = 0;
    });
    for (;;) {
      await this.frame.evaluate(
        () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
      );
      for (const [index, row] of await scroller.evaluate(readRows)) {
        found.set(index, row);
      }
      const more = await scroller.evaluate((box) => {
        const before = box.scrollTop;
        box.scrollTop += Math.max(24, box.clientHeight - 72);
        return box.scrollTop > before;
      });
      if (!more) break;
    }
    await scroller.evaluate((box) => {
      box.scrollTop = 0;
    });
    return [...found].sort(([a], [b]) => a - b).map(([, row]) => row);
  }

  /** The cells of the row whose first column is `stage`. @throws Error that lists the rows that are there */
  async cells(stage: string): Promise<readonly string[]> {
    const rows = await this.rows();
    const row = rows.find((candidate) => candidate.stage === stage);
    if (row) return row.cells;
    throw new Error(`No row "${stage}" among: ${rows.map((candidate) => candidate.stage).join(', ')}`);
  }

  /** Does something that starts a run and waits until that run is over, however short it is. */
  async afterRun(action: () => Promise<void>, timeout = runPatience): Promise<void> {
    const over = this.frame.evaluate(watchRun, timeout).catch(() => false);
    await action();
    if (!(await over)) throw new Error(`No run began and ended within ${String(timeout)} ms.`);
  }

  /** The filter of the table; what it was is kept over a reload only if the editor had time to write it. */
  async onlyNan(wanted: boolean): Promise<void> {
    const box = this.frame.locator('vscode-checkbox', { hasText: 'only rows with NaN' });
    if ((await box.getAttribute('aria-checked')) !== String(wanted)) await box.click();
  }

  /** Presses *Run* in the batch bar and waits for the end. */
  async run(): Promise<void> {
    await this.afterRun(() => this.frame.locator('#run').click());
  }

  async apply(fixId: string): Promise<void> {
    await this.fix(fixId).locator('.apply-button').click();
  }

  async undo(): Promise<void> {
    await this.frame.locator('#undo').click();
  }

  /** The panel's tab in the editor area. */
  tab(name: string): Locator {
    return this.workbench.page.locator('.tabs-container .tab', { hasText: name });
  }
}

/** Runs in the page: false when nothing began and ended in time. */
function watchRun(timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    let seen = false;
    const finish = (result: boolean): void => {
      observer.disconnect();
      resolve(result);
    };
    const look = (): void => {
      const running = document.querySelector('.status.running') !== null;
      if (seen && !running) finish(true);
      seen ||= running;
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => finish(false), timeout);
    look();
  });
}

/** Runs in the page. */
function readRows(box: Element): (readonly [number, { stage: string; cells: string[] }])[] {
  const words = (element: Element | null): string => (element?.textContent ?? '').replace(/\s+/g, ' ').trim();
  return [...box.querySelectorAll('tr[data-row]')].map((row) => [
    Number(row.getAttribute('data-row')),
    {
      stage: words(row.querySelector('th')),
      cells: [...row.querySelectorAll('td.cell, td.whole')].map(words),
    },
  ]);
}
