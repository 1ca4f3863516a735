/**
 * What a template cannot say: sizes that must be measured, scroll positions, the place of the card, the canvas.
 * Runs after every draw and changes nothing that has not changed.
 */
import { drawCompareMap } from './compare/mapCanvas';
import { drawMap } from './mapCanvas';
import type { Context, PanelPage } from './page';

interface Watched {
  readonly selector: string;
  seen: Element | null;
}

export class Effects {
  readonly #table: Watched = { selector: '#table-scroller', seen: null };
  readonly #compared: Watched = { selector: '#compare-scroller', seen: null };
  #placed: Context['hovered'] = null;
  readonly #sizes = new ResizeObserver(() => {
    this.#measure();
  });

  constructor(
    private readonly page: PanelPage,
    private readonly root: HTMLElement,
  ) {}

  apply(): void {
    const { ui } = this.page.context;
    this.#watch(this.#table, { top: ui.tableTop, left: ui.tableLeft });
    this.#watch(this.#compared, { top: ui.compareTop, left: ui.compareLeft });
    this.#placeCard();
    drawMap(this.page, this.root);
    drawCompareMap(this.page, this.root);
  }

  /** Something was scrolled: a card whose cell is not where it was would stand beside another one. */
  dropCard(): void {
    const { hovered } = this.page.context;
    if (hovered === null) {
      return;
    }
    const { row, sample } = hovered.cell;
    const cell = this.root.querySelector(`[data-cell="${String(row)}:${String(sample)}"]`);
    const now = cell?.getBoundingClientRect();
    if (now === undefined || Math.hypot(now.left - hovered.anchor.left, now.top - hovered.anchor.top) > 1) {
      this.page.hover(null);
    }
  }

  /** A new scroller (first report, or the table came back) starts where the person had left the last one. */
  #watch(watched: Watched, { top, left }: { readonly top: number; readonly left: number }): void {
    const scroller = this.root.querySelector(watched.selector);
    if (scroller === watched.seen) {
      return;
    }
    if (watched.seen !== null) {
      this.#sizes.unobserve(watched.seen);
    }
    watched.seen = scroller;
    if (scroller !== null) {
      this.#sizes.observe(scroller);
      this.#sizes.observe(this.root);
      this.#measure();
      // Measuring may ask for another draw; the fillers have their height now, so the position can be set now.
      scroller.scrollTo({ top, left });
    }
  }

  #measure(): void {
    if (this.#table.seen !== null) this.page.measured(sizeOf(this.#table.seen));
    if (this.#compared.seen !== null) this.page.comparisonMeasured(sizeOf(this.#compared.seen));
  }

  /** Under the cell, or above it where there is no room; never outside the page. */
  #placeCard(): void {
    const { hovered } = this.page.context;
    if (hovered === this.#placed) {
      // Measuring it again would lay out the page in every frame of a scroll.
      return;
    }
    this.#placed = hovered;
    const card = this.root.querySelector<HTMLElement>('#card');
    const anchor = hovered?.anchor;
    for (const cell of this.root.querySelectorAll('[aria-describedby="card"]')) {
      cell.removeAttribute('aria-describedby');
    }
    if (card === null || anchor === undefined) {
      return;
    }
    document.activeElement?.closest('[data-cell]')?.setAttribute('aria-describedby', 'card');
    const margin = 8;
    const { width, height } = card.getBoundingClientRect();
    const below = anchor.bottom + 4;
    const top = below + height + margin <= window.innerHeight ? below : Math.max(margin, anchor.top - height - 4);
    const left = Math.max(margin, Math.min(anchor.left, document.documentElement.clientWidth - width - margin));
    card.style.setProperty('--top', `${String(Math.round(top))}px`);
    card.style.setProperty('--left', `${String(Math.round(left))}px`);
  }
}

function sizeOf(scroller: Element): { readonly width: number; readonly height: number } {
  const head = scroller.querySelector('thead')?.getBoundingClientRect().height ?? 0;
  return { width: scroller.clientWidth, height: Math.max(0, scroller.clientHeight - head) };
}
