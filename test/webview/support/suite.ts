/**
 * What the tests of the page share: one browser for a file, one panel for a test, and after each test the proof that
 * nothing violated the policy, threw, or asked for a file.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { PanelState } from '../../../src/protocol/panel';
import { launchChromium } from '../../support/chromium';
import { bundlePanel, openPanel, type Bundle, type OpenPanel, type PanelOptions } from './panel';

export interface PanelSuite extends Pick<OpenPanel, 'send' | 'sendRaw' | 'posted'> {
  /** Opens a panel in place of the one that this test had, and shows a state in it. */
  readonly open: (state: PanelState, options?: PanelOptions) => Promise<Page>;
}

export function panelSuite(): PanelSuite {
  let browser: Browser;
  let bundle: Bundle;
  let current: OpenPanel | null = null;
  beforeAll(async () => {
    [browser, bundle] = await Promise.all([launchChromium(), bundlePanel()]);
  });
  afterAll(async () => {
    await browser.close();
  });
  const close = async (): Promise<void> => {
    if (current === null) return;
    const { problems } = current;
    await current.close();
    current = null;
    expect(problems, 'policy violations, page errors, requests').toEqual([]);
  };
  afterEach(close);
  const panel = (): OpenPanel => {
    if (current === null) throw new Error('this test has opened no panel');
    return current;
  };
  return {
    open: async (state, options) => {
      await close();
      current = await openPanel(browser, bundle, options);
      await current.send(state);
      return current.page;
    },
    send: (state) => panel().send(state),
    sendRaw: (message) => panel().sendRaw(message),
    posted: () => panel().posted(),
  };
}

/** Text of every element that matches, spaces joined. */
export const texts = (page: Page, selector: string): Promise<string[]> =>
  page.$$eval(selector, (all) => all.map((one) => one.textContent.replace(/\s+/g, ' ').trim()));

/** Two frames: what was asked to be drawn is drawn. */
export const settle = (page: Page): Promise<unknown> =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
