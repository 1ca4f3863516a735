/** The view of tensors, as a test meets it. */
import type { Frame, Locator } from 'playwright-core';
import type { Workbench } from '../../support/workbench';

export class TensorsList {
  private constructor(readonly view: Frame) {}

  /** Asks again where the editor was still moving its views about. */
  static async open(workbench: Workbench): Promise<TensorsList> {
    for (let tries = 3; ; tries -= 1) {
      await workbench.runCommand('Focus on NaNoscope: Tensors View');
      try {
        return new TensorsList(await workbench.webview('ul.tensors', 10_000));
      } catch (error) {
        if (tries === 1) {
          await workbench.keepEvidence('failed-tensors-view');
          throw error;
        }
      }
    }
  }

  row(name: string): Locator {
    return this.view
      .locator('.tensors > li')
      .filter({ has: this.view.locator('.what').getByText(name, { exact: true }) });
  }

  async names(): Promise<string[]> {
    return this.view.locator('.tensors > li .what .name').allTextContents();
  }

  /** Waits for the stop in this line and for its reading. */
  async stopsAt(place: string): Promise<void> {
    await this.view.locator('header b', { hasText: place }).waitFor();
    await this.view.locator('header').filter({ hasNotText: 'reading' }).waitFor();
  }

  /** Of an open row: NaN, and with a mask pad and real, per sample. */
  async cells(name: string, sample: number): Promise<string[]> {
    const rows = this.row(name).locator('table.cells tbody tr');
    await rows.nth(sample).waitFor();
    return rows.nth(sample).locator('td:not(.strip)').allTextContents();
  }
}
