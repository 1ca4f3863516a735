/**
 * A real VS Code for tests: code-server on the loopback interface, driven in a real Chromium.
 *
 * From outside, as a person would:
 *
 *   const workbench = await Workbench.open({ workspace: folder });        // extension: this checkout, built
 *   try {
 *     await workbench.runCommand('NaNoscope: Diagnose Built-in Model…');  // palette, by the title it shows
 *     await workbench.pick('kimi-k2-mini');                               // a row of a quick pick
 *     await workbench.type('5,35');                                       // an input box, then Enter
 *     await workbench.openFile('models/sick.onnx');                       // explorer, path in the workspace
 *     await workbench.contextMenu('models/sick.onnx', 'Diagnose');        // explorer, right click
 *     const panel = await workbench.webview('table');                     // first webview frame with that selector
 *     await panel.locator('td').first().hover();                          // from here on plain Playwright
 *     await workbench.setTheme('highContrast');                           // light | dark | highContrast
 *     await workbench.screenshot('panel-high-contrast');                  // test-results/screenshots/….png
 *     await workbench.reload();                                           // like Developer: Reload Window
 *   } finally {
 *     await workbench.close();                                            // browser, server, temporary folders
 *   }
 *
 * `withWorkbench(options, body)` does the opening and closing, and keeps a picture and the log of a failure.
 * `trust: true` starts with Workspace Trust on and the folder untrusted; `grantTrust()` trusts it.
 *
 * From inside, with the `vscode` API: see `runInExtensionHost` below.
 *
 * `npm test` installs the editor before; alone: `node test/workbench/install.mjs`, and `npm run build` for `dist/`.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import type { Browser, Frame, Locator, Page } from 'playwright-core';
import { findWorkbench } from '../workbench/install.mjs';
import { startServer, type Server } from '../workbench/server.mjs';
import { launchChromium, repositoryRoot, saveScreenshot, screenshotFolder } from './chromium';
import type { HostTestResult } from './hostRunner';

export interface WorkbenchOptions {
  /** Folder to open, absolute. The caller owns it; make a temporary one. */
  readonly workspace: string;
  /** Folders of built extensions to install; this checkout when absent. */
  readonly extensions?: readonly string[];
  /** User settings besides the quiet ones. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** true: Workspace Trust is on and the workspace is not trusted. Default: trust is off, all is allowed. */
  readonly trust?: boolean;
  readonly viewport?: { readonly width: number; readonly height: number };
}

export type Theme = 'light' | 'dark' | 'highContrast' | 'highContrastLight';

/** Name in the theme picker, and the class that the workbench carries once exactly this theme is on. */
const themes: Readonly<Record<Theme, { readonly label: string; readonly cssClass: string }>> = {
  light: { label: 'Light Modern', cssClass: 'vscode-theme-defaults-themes-light_modern-json' },
  dark: { label: 'Dark Modern', cssClass: 'vscode-theme-defaults-themes-dark_modern-json' },
  highContrast: { label: 'Dark High Contrast', cssClass: 'vscode-theme-defaults-themes-hc_black-json' },
  highContrastLight: { label: 'Light High Contrast', cssClass: 'vscode-theme-defaults-themes-hc_light-json' },
};

/** What the page's own waits get; the machine may be busy with other tests. */
const patience = 45_000;

export class Workbench {
  private constructor(
    readonly page: Page,
    /** Folder that is open in the editor. */
    readonly workspace: string,
    private readonly browser: Browser,
    private readonly server: Server,
    private readonly home: string,
    /** What the page printed and threw, for the picture of a failure. */
    private readonly pageLog: string[],
  ) {}

  /** Resolves when the workbench can be used. Closes everything when it cannot. */
  static async open(options: WorkbenchOptions): Promise<Workbench> {
    const home = makeHome();
    let server: Server | undefined;
    let browser: Browser | undefined;
    try {
      server = await startServer({
        installed: installedEditor(),
        home,
        extensions: options.extensions ?? [repositoryRoot],
        settings: { 'explorer.compactFolders': false, ...options.settings },
        trust: options.trust ?? false,
      });
      browser = await launchChromium();
      const context = await browser.newContext({
        viewport: options.viewport ?? { width: 1440, height: 900 },
        // So that a test can read what *Copy …* wrote.
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      const page = await context.newPage();
      page.setDefaultTimeout(patience);
      const pageLog: string[] = [];
      page.on('console', (message) => pageLog.push(`[${message.type()}] ${message.text()}`));
      page.on('pageerror', (error) => pageLog.push(`[uncaught] ${error.stack ?? error.message}`));
      const workbench = new Workbench(page, options.workspace, browser, server, home, pageLog);
      await page.goto(`${server.url}?folder=${encodeURIComponent(options.workspace)}`);
      await workbench.ready();
      return workbench;
    } catch (error) {
      await browser?.close();
      await server?.stop();
      removeHome(home);
      throw error;
    }
  }

  /** Ends browser and server and removes the profile; safe to call twice. */
  async close(): Promise<void> {
    await this.browser.close().catch(() => undefined);
    await this.server.stop();
    removeHome(this.home);
  }

  /** Reloads the window: extension host and webviews start anew, their saved state stays. */
  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent('load', { timeout: 60_000 });
    // The command writes down which editors are open before it goes; a reload of the page may lose the last ones.
    await this.runCommand('Developer: Reload Window');
    await loaded;
    await this.ready();
  }

  /** Runs a command from the palette. `title` is what the palette shows, category included. */
  async runCommand(title: string): Promise<void> {
    const deadline = Date.now() + patience;
    // The palette knows a command only once the manifest was read, and keys get lost while parts still load.
    while (Date.now() < deadline) {
      if (await this.searchPalette(title)) {
        await this.row(title).click();
        return;
      }
      await this.closeQuickInput();
    }
    throw new Error(`The palette has no command "${title}".`);
  }

  /** Whether the palette offers the command now (its `when` clause holds). */
  async offersCommand(title: string): Promise<boolean> {
    // A command that is always there shows that the palette itself was up.
    while (!(await this.searchPalette('Developer: Reload Window'))) await this.closeQuickInput();
    const offered = await this.searchPalette(title);
    await this.closeQuickInput();
    return offered;
  }

  /** Chooses the row that holds `text` in the quick pick that is open or about to open. */
  async pick(text: string): Promise<void> {
    await this.row(text).click();
    await sleep(50);
  }

  /** Replaces what stands in the open input box and confirms. */
  async type(text: string): Promise<void> {
    await this.quickInput.waitFor();
    await this.quickInput.locator('input').first().fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** The box of palette, quick picks and input boxes. */
  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible');
  }

  /** Rows of the explorer, one per visible file or folder. */
  get explorerRows(): Locator {
    return this.page.locator('.explorer-folders-view .monaco-list-row');
  }

  /** Opens a file with its default editor, as a double click in the explorer does. */
  async openFile(relativePath: string): Promise<void> {
    const row = await this.revealInExplorer(relativePath);
    await row.dblclick();
  }

  /** Right-clicks a file in the explorer and chooses an item of the menu. */
  async contextMenu(relativePath: string, item: string): Promise<void> {
    const row = await this.revealInExplorer(relativePath);
    const chosen = this.page.locator('.context-view .action-item, .monaco-menu .action-item').filter({ hasText: item });
    // A menu that was opened before the extensions were read never gets their items, and one may close by itself while
    // parts still load: it is opened anew.
    const deadline = Date.now() + patience;
    while (Date.now() < deadline) {
      await row.click({ button: 'right' });
      if ((await appears(chosen.first(), 3000)) && (await this.clickUntilGone(chosen.first()))) return;
      await this.page.keyboard.press('Escape');
    }
    throw new Error(`The menu of ${relativePath} has no item "${item}".`);
  }

  /** A menu ignores a click that comes too soon after it opened, and then stays. @returns whether it was clicked at all */
  private async clickUntilGone(item: Locator): Promise<boolean> {
    let clicked = false;
    for (let tries = 0; tries < 10 && (tries === 0 || (await item.count()) > 0); tries++) {
      const now = await item.click({ timeout: 1000 }).then(
        () => true,
        () => false,
      );
      clicked ||= now;
      await sleep(300);
    }
    return clicked;
  }

  /**
   * The webview frame that holds `selector` (CSS or Playwright), waiting until there is one.
   * @throws Error that names the frames that were there
   */
  async webview(selector: string, timeout = patience): Promise<Frame> {
    const deadline = Date.now() + timeout;
    while (Date.now() < deadline) {
      for (const frame of this.page.frames()) {
        if (frame === this.page.mainFrame()) continue;
        // A frame may be replaced while we look at it.
        const found = await frame
          .locator(selector)
          .count()
          .catch(() => 0);
        if (found > 0) return frame;
      }
      await sleep(100);
    }
    const seen = this.page.frames().map((frame) => frame.url().replace(/\?.*/, ''));
    throw new Error(`No webview shows "${selector}". Frames: ${seen.join(', ')}`);
  }

  /** Notification toasts that hold `text`. */
  notification(text: string): Locator {
    return this.page.locator('.notification-toast').filter({ hasText: text });
  }

  /** Presses a button of the modal dialog that is open or about to open. */
  async dialogButton(label: string): Promise<void> {
    await this.page.locator('.monaco-dialog-box').getByRole('button', { name: label }).click();
  }

  /** Titles of the open editor tabs. */
  async tabs(): Promise<readonly string[]> {
    const names = this.page.locator('.tabs-container .tab');
    return names.evaluateAll((tabs) => tabs.map((tab) => tab.getAttribute('data-resource-name') ?? ''));
  }

  /** Changes user settings and reloads: this editor does not watch its own settings file. */
  async changeSettings(settings: Readonly<Record<string, unknown>>): Promise<void> {
    const now: unknown = JSON.parse(readFileSync(this.server.settingsFile, 'utf8'));
    const merged = { ...(now as Record<string, unknown>), ...settings };
    writeFileSync(this.server.settingsFile, JSON.stringify(merged, null, 2));
    await this.reload();
  }

  /** Switches the colour theme of the running window, as a person does, and waits until it is on. */
  async setTheme(theme: Theme): Promise<void> {
    const { label, cssClass } = themes[theme];
    const input = this.quickInput.locator('input').first();
    const row = this.exactRow(label);
    // A list that opens while parts of the editor still load may stay without themes, or take the text for the palette's.
    const deadline = Date.now() + patience;
    for (let there = false; !there && Date.now() < deadline;) {
      await this.runCommand('Preferences: Color Theme');
      await input.fill(label);
      there = await row.waitFor({ timeout: 8_000 }).then(
        () => true,
        () => false,
      );
      if (!there) await this.closeQuickInput();
    }
    await row.click();
    await this.page.locator(`.monaco-workbench.${cssClass}`).waitFor();
    await this.quickInput.waitFor({ state: 'hidden' });
    // Webviews get the new colours a moment after the workbench.
    await sleep(300);
  }

  /** Trusts the workspace, through the editor that manages trust. */
  async grantTrust(): Promise<void> {
    await this.runCommand('Workspaces: Manage Workspace Trust');
    const editor = this.page.locator('.workspace-trust-editor');
    await editor.getByRole('button', { name: 'Trust', exact: true }).click();
    await editor.getByText('You trust this folder').first().waitFor();
  }

  /** Files that an extension keeps for the open workspace: paths in its storage folder, sorted. */
  storedFiles(extensionId: string): readonly string[] {
    const within = `${path.sep}workspaceStorage${path.sep}`;
    return readdirSync(this.home, { recursive: true, encoding: 'utf8' })
      .filter((file) => `${path.sep}${file}`.includes(within) && file.includes(`${path.sep}${extensionId}${path.sep}`))
      .map((file) => file.slice(file.indexOf(extensionId) + extensionId.length + 1))
      .filter((file) => /\.\w+$/.test(file))
      .sort();
  }

  /** What the last *Copy* put on the clipboard. */
  async clipboard(): Promise<string> {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Writes `test-results/screenshots/NAME.png`. */
  async screenshot(name: string): Promise<string> {
    return saveScreenshot(this.page, name);
  }

  /** After a failure: keeps a picture, the page's console and the server's log under `test-results/`. */
  async keepEvidence(name: string): Promise<void> {
    await this.screenshot(name).catch(() => undefined);
    mkdirSync(screenshotFolder, { recursive: true });
    const log = [...this.pageLog, '--- server ---', readFileSync(this.server.logFile, 'utf8')];
    writeFileSync(path.join(screenshotFolder, `${name}.log`), log.join('\n'));
    // What was left open would be in the way of the next attempt.
    for (let open = 0; open < 3; open++) await this.page.keyboard.press('Escape').catch(() => undefined);
  }

  /** Opens the palette unless it is open, types, and says whether a row with `title` shows up. */
  private async searchPalette(title: string): Promise<boolean> {
    if (!(await this.quickInput.isVisible())) {
      await this.leaveWebview();
      await this.page.keyboard.press('F1');
      if (!(await appears(this.quickInput, 2000))) return false;
    }
    try {
      await this.quickInput.locator('input').first().fill(`>${title}`, { timeout: 2000 });
    } catch {
      return false;
    }
    return appears(this.row(title), 2000);
  }

  /** A page that had the focus gets it back from the palette, late, and closes what has opened meanwhile. */
  private async leaveWebview(): Promise<void> {
    await this.page.evaluate(() => {
      if (document.activeElement instanceof HTMLIFrameElement)
        document.querySelector<HTMLElement>('.explorer-folders-view .monaco-list')?.focus();
    });
  }

  private async closeQuickInput(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.quickInput.waitFor({ state: 'hidden', timeout: 2000 }).catch(() => undefined);
  }

  private exactRow(label: string): Locator {
    return this.quickInput
      .locator('.monaco-list-row')
      .filter({ has: this.page.locator('.label-name', { hasText: new RegExp(`^${escapeRegExp(label)}$`) }) })
      .first();
  }

  private row(text: string): Locator {
    return this.quickInput.locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  private async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench').waitFor();
    // Before the explorer has rows, keys and commands get lost.
    await this.page.locator('.explorer-folders-view').waitFor();
    await appears(this.explorerRows.first(), 10_000);
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
  }

  private async revealInExplorer(relativePath: string): Promise<Locator> {
    const parts = relativePath.split('/');
    for (const [depth, name] of parts.entries()) {
      // Level and name, since a file may be called like one in another folder.
      const row = this.page
        .locator(`.explorer-folders-view .monaco-list-row[aria-level="${String(depth + 1)}"]`)
        .filter({ has: this.page.locator('.label-name', { hasText: new RegExp(`^${escapeRegExp(name)}$`) }) })
        .first();
      await row.waitFor();
      const isFolder = depth < parts.length - 1;
      if (!isFolder) return row;
      if ((await row.getAttribute('aria-expanded')) === 'false') await row.click();
    }
    throw new Error(`Not a path in the workspace: "${relativePath}".`);
  }
}

/** Opens a workbench for `body`; closes it whatever happens and keeps the evidence of a failure. */
export async function withWorkbench<T>(
  options: WorkbenchOptions & { readonly name: string },
  body: (workbench: Workbench) => Promise<T>,
): Promise<T> {
  const workbench = await Workbench.open(options);
  try {
    return await body(workbench);
  } catch (error) {
    await workbench.keepEvidence(`failed-${options.name}`);
    throw error;
  } finally {
    await workbench.close();
  }
}

export interface HostRunOptions extends Omit<WorkbenchOptions, 'viewport' | 'extensions'> {
  /** Extension under test; this checkout when absent. It runs as in *Extension Development Host*. */
  readonly extension?: string;
  /** Source file of the suite, absolute; see `test/support/hostRunner.ts` for what it exports. */
  readonly suite: string;
}

/**
 * Runs a suite inside the real extension host, with the `vscode` API, and returns one result per test:
 *
 *   // test/editor/host/activation.suite.ts
 *   import * as vscode from 'vscode';
 *   import type { HostTests } from '../../support/hostRunner';
 *   export const tests: HostTests = { 'registers its commands': async () => { assert(…) } };
 *
 *   // test/editor/host.test.ts
 *   const results = await runInExtensionHost({ workspace, suite });   // top level, so that each becomes a test
 *   it.each(results)('$name', ({ error }) => { expect(error).toBeNull(); });
 *
 * @throws Error when the suite could not be run at all; the page's log is in its message
 */
export async function runInExtensionHost(options: HostRunOptions): Promise<readonly HostTestResult[]> {
  const home = makeHome();
  let server: Server | undefined;
  let browser: Browser | undefined;
  try {
    const resultsFile = path.join(home, 'results.json');
    const bundle = path.join(home, 'suite', 'index.js');
    await build({
      stdin: {
        contents: [
          `import { tests } from ${JSON.stringify(options.suite)};`,
          `import { runHostTests } from ${JSON.stringify(path.join(import.meta.dirname, 'hostRunner.ts'))};`,
          `export const run = () => runHostTests(tests, ${JSON.stringify(resultsFile)});`,
        ].join('\n'),
        resolveDir: path.dirname(options.suite),
        loader: 'ts',
      },
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      sourcemap: 'inline',
      external: ['vscode', 'onnxruntime-node'],
      logLevel: 'silent',
    });

    server = await startServer({
      installed: installedEditor(),
      home,
      settings: { ...options.settings },
      trust: options.trust ?? false,
      smokeTest: true,
    });
    browser = await launchChromium();
    const page = await browser.newPage();
    const log: string[] = [];
    const finished = new Promise<number>((resolve) => {
      void page.exposeFunction('codeAutomationExit', (code: number) => {
        resolve(code);
      });
    });
    await page.exposeFunction('codeAutomationLog', (type: string, args: readonly unknown[]) => {
      log.push(`[${type}] ${args.map(String).join(' ')}`);
    });
    page.on('pageerror', (error) => log.push(`[uncaught] ${error.message}`));
    const remote = (file: string): string => `vscode-remote://127.0.0.1:${String(server?.port)}${file}`;
    const payload = [
      ['extensionDevelopmentPath', remote(options.extension ?? repositoryRoot)],
      ['extensionTestsPath', remote(bundle)],
    ];
    const query = new URLSearchParams({ folder: options.workspace, payload: JSON.stringify(payload) });
    await page.goto(`${server.url}?${query.toString()}`);
    const code = await Promise.race([finished, sleep(5 * 60_000, null, { ref: false })]);
    const results = readResults(resultsFile);
    if (results) return results;
    const why = code === null ? 'did not finish in five minutes' : `ended with ${String(code)} and no results`;
    throw new Error(`The extension host ${why}.\n${log.slice(-60).join('\n')}`);
  } finally {
    await browser?.close();
    await server?.stop();
    removeHome(home);
  }
}

function readResults(file: string): readonly HostTestResult[] | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as HostTestResult[];
  } catch {
    return null;
  }
}

function installedEditor() {
  const installed = findWorkbench();
  if (installed) return installed;
  throw new Error('The test editor is not installed: run `node test/workbench/install.mjs` (npm test does).');
}

const makeHome = (): string => mkdtempSync(path.join(os.tmpdir(), 'nanoscope-editor-'));

function removeHome(home: string): void {
  // The server's last writes may race with the removal.
  rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

async function appears(locator: Locator, timeout: number): Promise<boolean> {
  return locator.waitFor({ state: 'visible', timeout }).then(
    () => true,
    () => false,
  );
}

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
