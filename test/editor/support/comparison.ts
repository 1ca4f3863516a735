/** The tab of a comparison as a person sees it. */
import type { Frame, Locator } from 'playwright-core';
import type { Workbench } from '../../support/workbench';
import { runPatience } from './panel';

export class ComparisonView {
  private constructor(
    private readonly workbench: Workbench,
    readonly frame: Frame,
  ) {}

  /** Waits for a panel that shows a comparison, finished or not. @param name of the panel */
  static async of(workbench: Workbench, name = ''): Promise<ComparisonView> {
    const shown = ':is(#compare-scroller, .status[aria-label="Comparing"])';
    const frame = await workbench.webview(`main:has(header .title:has-text("${name}")) ${shown}`, runPatience);
    return new ComparisonView(workbench, frame);
  }

  async done(): Promise<void> {
    await this.frame.locator('#compare-scroller').waitFor({ timeout: runPatience });
  }

  get verdict(): Locator {
    return this.frame.locator('h1.verdict');
  }

  /** First column of every row that is in the document. */
  async stages(): Promise<string[]> {
    return this.frame.$$eval('#compare-scroller tbody th.stage', (heads) =>
      heads.map((head) => head.textContent.replace(/\s+/g, ' ').trim().replace(/^≠\s*/, '≠ ')),
    );
  }

  /** `35/35` per variant and sample. */
  async cells(stage: string): Promise<string[]> {
    return this.frame.$$eval(
      '#compare-scroller tbody tr[data-row]',
      (rows, wanted) =>
        rows
          .filter(
            (row) =>
              row
                .querySelector('th')
                ?.textContent.replace(/[≠\s]+/g, ' ')
                .trim() === wanted,
          )
          .flatMap((row) => [...row.querySelectorAll('td.cell .count')].map((cell) => cell.textContent.trim())),
      stage,
    );
  }

  async onlyDifferences(): Promise<void> {
    const box = this.frame.locator('#only-differences');
    await box.click();
    await this.frame.locator('#only-differences[aria-checked="true"]').waitFor();
    await this.frame.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
  }

  /** Presses a button on the first such row of the list of runs. */
  async runButton(row: string, label: string): Promise<void> {
    const run = this.workbench.quickInput.locator('.monaco-list-row', { hasText: row }).first();
    await run.hover();
    await run.getByRole('button', { name: label }).click();
  }
}
