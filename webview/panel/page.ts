/**
 * The page's one mutable thing: the host's last state, the person's settings, and when to draw. Views are functions
 * of it; they change it through `change` and talk to the host through `post`.
 */
import { render } from 'lit';
import { comparisonState, type ComparisonState, type PanelTab } from '../../src/protocol/comparing';
import { fromPanel, toPanel, panelState, type FromPanel, type PanelState } from '../../src/protocol/panel';
import type { Host } from '../shared/host';
import { Effects } from './effects';
import { readUi, type CellRef, type UiState } from './ui';
import { panelView } from './view';

export interface Context {
  readonly state: PanelState | null;
  readonly comparison: ComparisonState | null;
  readonly ui: UiState;
  /** The cell under the pointer or the keyboard focus, whose card is shown. */
  readonly hovered: { readonly cell: CellRef; readonly anchor: DOMRect } | null;
  /** A message that could not be read; shown, never swallowed. */
  readonly protocolError: string | null;
  /** Size of the table's viewport, CSS pixels. */
  readonly tableSize: Size;
  /** The same of the table of a comparison. */
  readonly compareSize: Size;
}
interface Size {
  readonly width: number;
  readonly height: number;
}

/** Keeping writes the whole report, which is megabytes: once things are at rest, never sixty times a second. */
const restMs = 300;
/** What the person set must not be lost when the page is hidden next; hidden pages get no time for it. */
const soonMs = 30;

export class PanelPage {
  #state: PanelState | null = null;
  #comparison: ComparisonState | null = null;
  #ui: UiState;
  #hovered: Context['hovered'] = null;
  #protocolError: string | null = null;
  #tableSize: Size = { width: 0, height: 0 };
  #compareSize: Size = { width: 0, height: 0 };
  readonly #effects: Effects;
  #drawing = false;
  /** Apply and Undo answer far from their buttons; once the run is over, the answer is brought into view. */
  #answers = false;
  #keepingAtRest: ReturnType<typeof setTimeout> | undefined;
  #keepingSoon: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly host: Host<FromPanel>,
  ) {
    this.#effects = new Effects(this, root);
    const kept = host.kept();
    const fields = typeof kept === 'object' && kept !== null ? kept : {};
    this.#ui = readUi('ui' in fields ? fields.ui : null);
    const state = panelState.safeParse('state' in fields ? fields.state : null);
    this.#state = state.success ? (('state' in fields ? fields.state : null) as PanelState) : null;
    this.#comparison = comparisonState.safeParse('comparison' in fields ? fields.comparison : null).data ?? null;
  }

  start(): void {
    window.addEventListener('message', (event: MessageEvent<unknown>) => {
      this.receive(event.data);
    });
    window.addEventListener('scroll', () => {
      this.remember({ pageTop: window.scrollY });
    });
    // The table's own scrolling does not bubble.
    document.addEventListener(
      'scroll',
      () => {
        this.#effects.dropCard();
      },
      { capture: true, passive: true },
    );
    window.addEventListener('pagehide', () => {
      this.#keep();
    });
    // Canvas colours do not follow the theme by themselves.
    new MutationObserver(() => {
      this.draw();
    }).observe(document.body, { attributes: true, attributeFilter: ['class'] });
    this.#drawNow();
    window.scrollTo({ top: this.#ui.pageTop });
    this.host.post({ type: 'ready' });
    if (this.#ui.tab !== 'diagnosis') this.post({ type: 'tab', tab: this.#ui.tab });
  }

  get context(): Context {
    return {
      state: this.#state,
      comparison: this.#comparison,
      ui: this.#ui,
      hovered: this.#hovered,
      protocolError: this.#protocolError,
      tableSize: this.#tableSize,
      compareSize: this.#compareSize,
    };
  }

  /** Validates and takes a message of the host. */
  receive(message: unknown): void {
    const parsed = toPanel.safeParse(message);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      this.#protocolError = issue === undefined ? 'no reason given' : `${issue.path.join('.')}: ${issue.message}`;
      this.draw();
      return;
    }
    this.#protocolError = null;
    if (parsed.data.type === 'comparison') this.#takeComparison(parsed.data.state);
    else this.#takeState((message as { state: PanelState }).state);
    this.draw();
  }

  /** @param state the message itself and not the parsed copy: fields that this version does not know must survive a reload */
  #takeState(state: PanelState): void {
    const before = this.#state;
    this.#state = state;
    this.#hovered = null;
    if (before?.modelName !== state.modelName) {
      this.#ui = { ...this.#ui, draft: null, active: null, details: null, mapSample: 0 };
    } else if (JSON.stringify(before.batch) !== JSON.stringify(state.batch)) {
      this.#ui = { ...this.#ui, draft: null };
    }
    // Not for what was applied before this page was there: a reload must not move anything.
    this.#answers ||= before !== null && isAnswer(before, state);
    this.remember(fitting(this.#ui, state));
  }

  /** Another comparison comes to the front by itself, once. */
  #takeComparison(state: ComparisonState | null): void {
    this.#comparison = state;
    if (state !== null && state.id !== this.#ui.comparisonSeen) {
      this.#ui = { ...this.#ui, ...asAtFirst };
      this.remember({ comparisonSeen: state.id });
      this.showTab('comparison');
    } else {
      this.remember({});
    }
  }

  showTab(tab: PanelTab): void {
    this.change({ tab });
    this.post({ type: 'tab', tab });
    window.scrollTo({ top: 0 });
  }

  /** Checks before sending: the host would refuse a malformed message without the person seeing why. */
  post(message: FromPanel): void {
    this.host.post(fromPanel.parse(message));
  }

  /** Of what the person sets. */
  change(change: Partial<UiState>): void {
    this.remember(change);
    this.#keepingSoon ??= setTimeout(() => {
      this.#keep();
    }, soonMs);
    this.draw();
  }

  /** Keeps without drawing: scroll positions. */
  remember(change: Partial<UiState>): void {
    this.#ui = { ...this.#ui, ...change };
    clearTimeout(this.#keepingAtRest);
    this.#keepingAtRest = setTimeout(() => {
      this.#keep();
    }, restMs);
  }

  hover(hovered: Context['hovered']): void {
    if (hovered !== null || this.#hovered !== null) {
      this.#hovered = hovered;
      this.draw();
    }
  }

  measured(size: Context['tableSize']): void {
    if (size.width !== this.#tableSize.width || size.height !== this.#tableSize.height) {
      this.#tableSize = size;
      this.draw();
    }
  }

  comparisonMeasured(size: Size): void {
    if (size.width !== this.#compareSize.width || size.height !== this.#compareSize.height) {
      this.#compareSize = size;
      this.draw();
    }
  }

  /** Draws once in the next frame, however often it is called. */
  draw(): void {
    if (!this.#drawing) {
      this.#drawing = true;
      requestAnimationFrame(() => {
        this.#drawNow();
      });
    }
  }

  /** Draws at once: for keys, where focus must follow in the same turn. */
  flush(): void {
    this.#drawNow();
  }

  #drawNow(): void {
    this.#drawing = false;
    const focused = document.activeElement;
    const inTable = focused?.closest('.scroller') ?? null;
    render(panelView(this), this.root);
    // The focused cell may have been scrolled out of the document; the table keeps the keyboard all the same.
    if (inTable instanceof HTMLElement && inTable.isConnected && focused?.isConnected === false) {
      inTable.focus({ preventScroll: true });
    }
    this.#effects.apply();
    if (this.#answers && this.#state !== null && this.#state.phase !== 'running') {
      this.#answers = false;
      showAnswer(this.root);
    }
  }

  #keep(): void {
    clearTimeout(this.#keepingAtRest);
    clearTimeout(this.#keepingSoon);
    this.#keepingSoon = undefined;
    this.host.keep({ state: this.#state, comparison: this.#comparison, ui: this.#ui });
  }
}

/** What a person chose for one comparison says nothing of another. */
const asAtFirst: Partial<UiState> = {
  onlyDifferences: false,
  compareLayers: '',
  compareFolded: true,
  comparePair: null,
  compareSample: null,
  compareActive: null,
  compareTop: 0,
  compareLeft: 0,
};

/** What is worth going to, wherever the person is on the page: a fix written or taken back, a preview, a failure. */
const isAnswer = (before: PanelState, now: PanelState): boolean =>
  before.applied?.file !== now.applied?.file ||
  before.applied?.fixId !== now.applied?.fixId ||
  (now.preview !== null && now.preview.fixId !== before.preview?.fixId) ||
  (now.phase === 'error' && before.phase === 'running');

/** What became of it, most urgent first: a failure, a preview, the comparison after Apply, the verdict after Undo. */
function showAnswer(root: HTMLElement): void {
  const answer =
    root.querySelector<HTMLElement>('.status.error') ??
    root.querySelector<HTMLElement>('#preview-title') ??
    root.querySelector<HTMLElement>('#applied') ??
    root.querySelector<HTMLElement>('h1.verdict');
  answer?.scrollIntoView({ block: 'start' });
  answer?.focus({ preventScroll: true });
}

/** Selections that the new report cannot show are let go. */
function fitting(ui: UiState, state: PanelState): Partial<UiState> {
  const rows = state.report?.table.length ?? 0;
  const samples = state.report?.batch.samples ?? 0;
  const fits = (cell: CellRef | null): CellRef | null =>
    cell !== null && cell.row < rows && cell.sample < samples ? cell : null;
  if (state.report === null) {
    // A run without a table yet: the next one may fit again.
    return {};
  }
  return { active: fits(ui.active), details: fits(ui.details), mapSample: ui.mapSample < samples ? ui.mapSample : 0 };
}
