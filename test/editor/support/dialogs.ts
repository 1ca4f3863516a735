/** Answers to the editor's own questions. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Workbench } from '../../support/workbench';

/**
 * Chooses a row of the quick pick with exactly that title; several of them follow each other.
 * @param row part of what the row says; with `exact` all of it, since the list before may still stand there
 */
export async function choose(workbench: Workbench, title: string, row: string, exact = false): Promise<void> {
  await titled(workbench, title);
  if (exact) {
    await workbench.quickInput.locator(`.monaco-list-row[aria-label="${row}"]`).click();
  } else {
    await workbench.pick(row);
  }
}

/** Checks exactly these rows of a list that takes several, and confirms. */
export async function check(workbench: Workbench, title: string, wanted: readonly string[]): Promise<void> {
  await titled(workbench, title);
  const rows = workbench.quickInput.locator('.monaco-list-row');
  await rows.first().waitFor();
  for (const row of await rows.all()) {
    const box = row.locator('[role="checkbox"], input[type="checkbox"]').first();
    const name = (await row.locator('.label-name').first().textContent()) ?? '';
    if ((await box.isChecked()) !== wanted.includes(name)) await row.click();
  }
  await workbench.quickInput.getByRole('button', { name: 'OK' }).click();
}

/** Fills the input box with exactly that title. */
export async function enter(workbench: Workbench, title: string, text: string): Promise<void> {
  await titled(workbench, title);
  await workbench.type(text);
}

/** Answers a file dialog. In a browser it is a box for a path, which looks the path up while one types. */
export async function nameFile(workbench: Workbench, title: string, path: string): Promise<void> {
  await titled(workbench, title);
  const input = workbench.quickInput.locator('input').first();
  // The box first fills itself with where it starts.
  let before = '';
  while (before === '' || before !== (await input.inputValue())) {
    before = await input.inputValue();
    await sleep(150);
  }
  await input.fill(path);
  // Enter is not heard while the path is looked up.
  for (let tries = 0; tries < 5 && (await workbench.quickInput.isVisible()); tries++) {
    await sleep(400);
    await workbench.page.keyboard.press('Enter');
    await workbench.quickInput.waitFor({ state: 'hidden', timeout: 10_000 }).catch(() => undefined);
  }
  await workbench.quickInput.waitFor({ state: 'hidden' });
}

async function titled(workbench: Workbench, title: string): Promise<void> {
  await workbench.quickInput.locator('.quick-input-title').getByText(title, { exact: true }).waitFor();
}
