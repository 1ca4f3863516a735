/**
 * The comparison of one panel: at most one runs or is shown. It knows the use case and where finished ones are kept,
 * and neither the editor nor the page.
 */
import type { CompareRequest } from '../../app/compare/compare';
import type { DiagnoseEvents } from '../../app/useCases';
import type { Comparison } from '../../core/compare/types';
import { NanoscopeError, toPayload } from '../../core/errors';
import type { ComparisonState } from '../../protocol/comparing';

export interface ComparingParts {
  readonly compare: (request: CompareRequest, events: DiagnoseEvents, signal: AbortSignal) => Promise<Comparison>;
  /** Keeps a finished one among the runs; its id there, `null` where it could not be kept. */
  readonly store: (comparison: Comparison) => Promise<string | null>;
  readonly show: (state: ComparisonState | null) => void;
  /** What is shown after a reload has changed. */
  readonly keep: () => void;
  readonly newId: () => string;
  readonly log: (what: string, error: unknown) => void;
}

/** What a panel needs to show its comparison again: where it is kept, and which showing of it this was. */
export interface ShownComparison {
  readonly stored: string;
  readonly id: string;
  readonly title: string;
}

export interface Planned extends CompareRequest {
  readonly title: string;
  /** Labels of the variants, in their order. */
  readonly labels: readonly string[];
}

export class ComparingSession {
  private shown: ComparisonState | null = null;
  private stored: string | null = null;
  private active: AbortController | null = null;

  constructor(private readonly parts: ComparingParts) {}

  get current(): ComparisonState | null {
    return this.shown;
  }

  get running(): boolean {
    return this.active !== null;
  }

  get record(): ShownComparison | null {
    const { shown, stored } = this;
    return shown?.comparison && stored !== null ? { stored, id: shown.id, title: shown.title } : null;
  }

  /** Ends in a state that says what became of it, never in an exception. */
  async run({ title, labels, ...request }: Planned): Promise<Comparison | undefined> {
    this.cancel();
    const controller = new AbortController();
    const { signal } = controller;
    const before = this.running ? null : { shown: this.shown, stored: this.stored };
    this.active = controller;
    const mine = (): boolean => this.active === controller;
    const begun: ComparisonState = {
      id: this.parts.newId(),
      title,
      phase: 'running',
      progress: { text: labels[0] ?? '', fraction: null },
      planned: labels,
      error: null,
      comparison: null,
    };
    this.set(begun, null);
    try {
      const onProgress: DiagnoseEvents['onProgress'] = (progress) => {
        if (mine()) this.set({ ...begun, progress }, null);
      };
      const comparison = await this.parts.compare(request, { onProgress }, signal);
      signal.throwIfAborted();
      const stored = await this.parts.store(comparison);
      if (mine()) this.set(done(begun, comparison), stored);
      return comparison;
    } catch (error) {
      const told = signal.aborted
        ? new NanoscopeError('cancelled', 'The comparison was cancelled.', 'Run it again when you want to.')
        : error;
      this.parts.log('Comparing', told);
      if (mine()) this.ended(begun, told, before);
      return undefined;
    } finally {
      if (mine()) {
        this.active = null;
        this.parts.keep();
        this.parts.show(this.shown); // `running` changed
      }
    }
  }

  /** One that was made before. @param stored its id among the kept runs */
  open(comparison: Comparison, title: string, stored: string | null, id = this.parts.newId()): void {
    this.drop();
    this.set(done({ id, title }, comparison), stored);
    this.parts.keep();
  }

  cancel(): void {
    this.active?.abort();
  }

  /** Cancels, and nothing of it is heard of any more. */
  drop(): void {
    this.cancel();
    this.active = null;
  }

  private ended(
    begun: ComparisonState,
    told: unknown,
    before: { readonly shown: ComparisonState | null; readonly stored: string | null } | null,
  ): void {
    const error = toPayload(told);
    if (error.code !== 'cancelled') this.set({ ...begun, phase: 'error', progress: null, error }, null);
    else if (before?.shown?.comparison) this.set(before.shown, before.stored);
    else this.set({ ...begun, phase: 'cancelled', progress: null, error }, null);
  }

  private set(state: ComparisonState, stored: string | null): void {
    this.shown = state;
    this.stored = stored;
    this.parts.show(state);
  }
}

const done = ({ id, title }: Pick<ComparisonState, 'id' | 'title'>, comparison: Comparison): ComparisonState => ({
  id,
  title,
  phase: 'done',
  progress: null,
  planned: [],
  error: null,
  comparison,
});
