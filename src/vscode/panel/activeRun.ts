/**
 * The one run of a panel, from its start to its rest. A new one aborts the one before, and nothing that an aborted run
 * still says reaches the state.
 */
import type { DiagnoseEvents } from '../../app/useCases';
import { NanoscopeError, toPayload } from '../../core/errors';
import type { Report } from '../../core/report';
import type { PanelState } from '../../protocol/panel';
import * as state from './state';

/** From the state as it then is to what the person sees next. */
export type Change = (now: PanelState) => PanelState;
/** @returns what it came to */
export type Action = (events: DiagnoseEvents, signal: AbortSignal) => Promise<Change>;

export interface RunParts {
  readonly change: (change: Change) => void;
  /** A report, complete or still without observer and fixes. */
  readonly reported: (now: PanelState, report: Report) => PanelState;
  /** Nothing runs any more. */
  readonly ended: () => void;
  readonly log: (what: string, error: unknown) => void;
}

export class ActiveRun {
  private active: AbortController | null = null;

  constructor(private readonly parts: RunParts) {}

  get running(): boolean {
    return this.active !== null;
  }

  whereNoneRuns(change: Change): void {
    if (!this.running) {
      this.parts.change(change);
    }
  }

  cancel(): void {
    this.active?.abort();
  }

  /** Cancels, and nothing of it is heard of any more. */
  drop(): void {
    this.cancel();
    this.active = null;
  }

  /**
   * @param before what a cancelled one goes back to, where it was about nothing that is shown
   * @returns whether it came to its end
   */
  async start(first: string, action: Action, before: PanelState | null = null): Promise<boolean> {
    this.active?.abort();
    const controller = new AbortController();
    this.active = controller;
    const ifMine = (change: Change): void => {
      if (this.active === controller) {
        this.parts.change(change);
      }
    };
    ifMine((now) => state.started(now, first));
    const events: DiagnoseEvents = {
      onProgress: ({ text, fraction }) => {
        ifMine((now) => state.progressed(now, text, fraction));
      },
      onReport: (report) => {
        ifMine((now) => this.parts.reported(now, report));
      },
    };
    try {
      ifMine(await action(events, controller.signal));
      return true;
    } catch (error) {
      const { aborted } = controller.signal;
      const told = aborted
        ? new NanoscopeError('cancelled', 'The diagnosis was cancelled.', 'Run it again when you want to.')
        : error;
      this.parts.log(first, told);
      ifMine((now) => (aborted && before !== null ? state.restored(now, before) : state.failed(now, toPayload(told))));
      return false;
    } finally {
      if (this.active === controller) {
        this.active = null;
        this.parts.ended();
      }
    }
  }
}
