/**
 * The panel's page as VS Code would show it: the built bundle in the host's own HTML under its real content security
 * policy, with a stand-in for `acquireVsCodeApi` whose state outlives a reload. No server and no network: requests
 * are answered by the test.
 */
import { build } from 'esbuild';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { FromPanel, PanelState } from '../../../src/protocol/panel';
import { panelPage } from '../../../src/vscode/panel/html';
import { repositoryRoot } from '../../support/chromium';
import { bodyClass, themeSheet, type ThemeName } from './themes';

const origin = 'https://panel.invalid';

export interface Bundle {
  readonly script: string;
  readonly style: string;
}

/** A page bundled from source, so that the tests never look at an old build. */
export async function bundlePanel(entry = 'webview/panel/main.ts'): Promise<Bundle> {
  const result = await build({
    entryPoints: [path.join(repositoryRoot, entry)],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    outdir: 'out',
    logLevel: 'silent',
  });
  const text = (extension: string): string =>
    result.outputFiles.find((file) => file.path.endsWith(extension))?.text ?? '';
  return { script: text('.js'), style: text('.css') };
}

export interface OpenPanel {
  readonly page: Page;
  /** Sends a state as the host does: through JSON. */
  send(state: PanelState): Promise<void>;
  /** Sends anything. */
  sendRaw(message: unknown): Promise<void>;
  /** What the page has posted, oldest first. */
  posted(): Promise<FromPanel[]>;
  /** Violations of the policy, page errors and console errors so far. */
  readonly problems: string[];
  close(): Promise<void>;
}

export interface PanelOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
}

export async function openPanel(browser: Browser, bundle: Bundle, options: PanelOptions = {}): Promise<OpenPanel> {
  const { theme = 'dark', width = 1200, height = 900 } = options;
  const context = await browser.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (message.type() === 'error') {
      problems.push(message.text());
    }
  });
  await answerRequests(context, bundle, theme, problems);
  await page.addInitScript(() => {
    const posted: unknown[] = [];
    const scope = window as unknown as { posted: unknown[]; acquireVsCodeApi: () => unknown };
    scope.posted = posted;
    scope.acquireVsCodeApi = () => ({
      postMessage: (message: unknown) => posted.push(JSON.parse(JSON.stringify(message))),
      getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') as unknown,
      setState: (state: unknown) => {
        sessionStorage.setItem('state', JSON.stringify(state));
      },
    });
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.goto(`${origin}/index.html`);
  await page.waitForFunction(() => (window as unknown as { posted: unknown[] }).posted.length > 0);
  const sendRaw = async (message: unknown): Promise<void> => {
    // VS Code promises JSON and no more.
    await page.evaluate((text) => {
      window.postMessage(JSON.parse(text), '*');
      return new Promise((resolve) =>
        setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(resolve)), 20),
      );
    }, JSON.stringify(message));
  };
  return {
    page,
    problems,
    sendRaw,
    send: (state) => sendRaw({ type: 'state', state }),
    posted: () => page.evaluate(() => (window as unknown as { posted: FromPanel[] }).posted),
    close: () => context.close(),
  };
}

async function answerRequests(
  context: BrowserContext,
  bundle: Bundle,
  theme: ThemeName,
  problems: string[],
): Promise<void> {
  const html = panelPage({
    script: `${origin}/panel.js`,
    style: `${origin}/panel.css`,
    cspSource: origin,
    nonce: 'n0nce',
    language: 'en',
    title: 'NaNoscope',
  })
    // What VS Code itself adds to every webview.
    .replace('<link', `<link rel="stylesheet" href="${origin}/theme.css" /><link`)
    .replace('<body', `<body class="${bodyClass[theme]}"`);
  const files: Readonly<Record<string, readonly [type: string, body: string]>> = {
    '/index.html': ['text/html', html],
    '/panel.js': ['text/javascript', bundle.script],
    '/panel.css': ['text/css', bundle.style],
    '/theme.css': ['text/css', themeSheet(theme)],
  };
  await context.route('**/*', async (route) => {
    const url = new URL(route.request().url());
    const file = url.origin === origin ? files[url.pathname] : undefined;
    if (file === undefined) {
      if (url.pathname !== '/favicon.ico') {
        problems.push(`asked for ${url.href}`);
      }
      await route.fulfill({ status: 204, body: '' });
      return;
    }
    await route.fulfill({ contentType: file[0], body: file[1] });
  });
}
