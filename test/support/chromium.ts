/**
 * The browser that webview and editor tests run in.
 *
 *   const browser = await launchChromium();
 *   const page = await browser.newPage();
 *   …
 *   await browser.close();
 *
 * `withPage(async (page) => …)` does the same and closes also on failure.
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

export const repositoryRoot = path.resolve(import.meta.dirname, '../..');
export const screenshotFolder = path.join(repositoryRoot, 'test-results/screenshots');

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Path of the system's Chromium; `NANOSCOPE_CHROMIUM` names another. @throws Error that says how to get one. */
export function findChromium(): string {
  const asked = process.env.NANOSCOPE_CHROMIUM;
  if (asked) return asked;
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    for (const name of names) {
      const candidate = path.join(folder, name);
      try {
        accessSync(candidate, constants.X_OK);
        return candidate;
      } catch {
        // Not in this folder.
      }
    }
  }
  throw new Error('No Chromium on the PATH. Install one (Debian: apt-get install chromium) or set NANOSCOPE_CHROMIUM.');
}

export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Containers often give /dev/shm 64 MB, which the workbench outgrows.
      '--disable-dev-shm-usage',
    ],
  });
}

/** Runs `body` on a fresh page; the browser is closed whatever happens. */
export async function withPage<T>(body: (page: Page) => Promise<T>): Promise<T> {
  const browser = await launchChromium();
  try {
    return await body(await browser.newPage({ viewport: { width: 1280, height: 900 } }));
  } finally {
    await browser.close();
  }
}

/** Writes `test-results/screenshots/NAME.png` and returns its path. */
export async function saveScreenshot(page: Page, name: string): Promise<string> {
  mkdirSync(screenshotFolder, { recursive: true });
  const file = path.join(screenshotFolder, `${name}.png`);
  await page.screenshot({ path: file });
  return file;
}
