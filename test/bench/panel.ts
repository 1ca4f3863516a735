/**
 * How smooth the panel is at 61 layers × 512 tokens: a pointer over the map, a pointer over the table, a wheel over
 * the table and over the page, one step per frame, in Chromium without a GPU.
 *
 * Frame times are given as multiples of what an empty page needs for the same events, because a display's rhythm and
 * other programs are in both. The processor time of the page's main thread is not disturbed by either; limits are
 * held against it.
 */
import type { Browser, CDPSession, Page } from 'playwright-core';
import { kimi, manyBirths } from '../fixtures/reports/generate';
import { launchChromium } from '../support/chromium';
import { bundlePanel, openPanel } from '../webview/support/panel';
import { done } from '../webview/support/states';
import { Limits } from './support/limits';

const layers = 61;
const positions = 512;
const steps = Number(process.env['BENCH_FRAMES'] ?? 180);
/** Of the 16.7 ms of a frame; the rest is for what the browser does beside it. */
const mostCpuMs = 12;

interface Gesture {
  readonly name: string;
  /** Scrolled into view first; events go to it. */
  readonly target: string;
  readonly kind: 'hover' | 'scroll' | 'page';
}

const gestures: readonly Gesture[] = [
  { name: 'pointer over the map', target: '#map', kind: 'hover' },
  { name: 'pointer over the table', target: '#table-scroller', kind: 'hover' },
  { name: 'scrolling the table', target: '#table-scroller', kind: 'scroll' },
  { name: 'scrolling the page', target: 'body', kind: 'page' },
];

interface Frames {
  readonly medianMs: number;
  readonly worstMs: number;
  /** Processor time of the main thread, per frame. */
  readonly cpuMs: number;
}

/** Runs in the page: one event per frame, and the times between frames. */
async function perform(step: { readonly selector: string; readonly kind: Gesture['kind']; readonly steps: number }) {
  const target = document.querySelector<HTMLElement>(step.selector) ?? document.body;
  if (step.kind !== 'page') target.scrollIntoView({ block: 'center' });
  const box = target.getBoundingClientRect();
  const nextFrame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
  let under: Element | null = null;
  const act = (i: number): void => {
    if (step.kind === 'scroll') {
      target.scrollTop = (i * 53) % Math.max(1, target.scrollHeight - target.clientHeight);
      return;
    }
    if (step.kind === 'page') {
      window.scrollTo({ top: (i * 53) % Math.max(1, document.documentElement.scrollHeight - window.innerHeight) });
      return;
    }
    // A path over all of the target that never stays in one cell.
    const clientX = box.left + 4 + ((i * 37) % Math.max(1, box.width - 8));
    const clientY = box.top + 4 + ((i * 23) % Math.max(1, box.height - 8));
    const found = document.elementFromPoint(clientX, clientY);
    const place = { clientX, clientY, bubbles: true };
    found?.dispatchEvent(new MouseEvent('mousemove', place));
    if (found !== under) {
      for (let entered = found; entered !== null; entered = entered.parentElement) {
        if (!entered.contains(under)) entered.dispatchEvent(new MouseEvent('mouseenter', { clientX, clientY }));
      }
      under = found;
    }
  };
  for (let i = 0; i < 20; i++) {
    act(i);
    await nextFrame();
  }
  const times: number[] = [];
  let last = await nextFrame();
  for (let i = 20; i < 20 + step.steps; i++) {
    act(i);
    const now = await nextFrame();
    times.push(now - last);
    last = now;
  }
  return times;
}

async function cpuSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN;
}

async function measure(page: Page, { target, kind }: Gesture): Promise<Frames> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await cpuSeconds(session);
  const times = await page.evaluate(perform, { selector: target, kind, steps });
  const cpu = (await cpuSeconds(session)) - before;
  await session.detach();
  times.sort((a, b) => a - b);
  return {
    medianMs: times[times.length >> 1] ?? NaN,
    worstMs: times.at(-1) ?? NaN,
    cpuMs: (cpu * 1000) / (steps + 20),
  };
}

/** As tall as the panel, with nothing that listens. */
async function emptyPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await page.setContent(`<body style="margin:0;height:4000px">
    <div id="map" style="height:420px"></div>
    <div id="table-scroller" style="height:420px;overflow:auto"><div style="height:12000px"></div></div>`);
  return page;
}

async function main(): Promise<void> {
  const limits = new Limits();
  const [browser, bundle] = await Promise.all([launchChromium(), bundlePanel()]);
  try {
    const empty = await emptyPage(browser);
    for (const [name, report] of [
      ['one birth, one crossing', kimi({ layers, positions })],
      ['a birth in every layer', manyBirths(layers, positions)],
    ] as const) {
      const panel = await openPanel(browser, bundle);
      const started = performance.now();
      await panel.send(done({ report }));
      console.log(`${String(layers)} layers × ${String(positions)} tokens, ${name}`);
      limits.note('from the message to the first picture', performance.now() - started, ' ms');
      for (const gesture of gestures) {
        const base = await measure(empty, gesture);
        const frames = await measure(panel.page, gesture);
        limits.note(`${gesture.name}, median frame / empty page's`, frames.medianMs / base.medianMs);
        limits.note(`${gesture.name}, worst frame / empty page's median`, frames.worstMs / base.medianMs);
        limits.note(`  (empty page: worst frame / median)`, base.worstMs / base.medianMs);
        limits.atMost(`${gesture.name}, main thread per frame`, frames.cpuMs, mostCpuMs, ' ms');
      }
      if (panel.problems.length > 0) throw new Error(panel.problems.join('\n'));
      await panel.close();
    }
  } finally {
    await browser.close();
  }
  process.exitCode = limits.exitCode;
}

void main();
