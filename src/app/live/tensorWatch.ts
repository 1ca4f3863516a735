/**
 * What a person sees of a program's tensors, stop after stop. One reading at a time; what a frame that is no longer
 * shown still answers is dropped. A stop is read once, however many faces (panel, hover, line ends) ask for it.
 */
import { toPayload } from '../../core/errors';
import { conditionOf, sickFirst, sickness, type LiveDetail, type LiveScope } from '../../core/live/tensor';
import type { TrackedStep, WatchState } from '../../core/live/watch';
import type { FrameRef, TensorReader } from './ports';

export interface StoppedFrame extends FrameRef {
  /** Name of the debug session. */
  readonly session: string;
  /** Null: tensors of this kind of session cannot be read. */
  readonly reader: TensorReader | null;
}

export interface WatchParts {
  /** Time that a reading may take inside the program, milliseconds. */
  readonly budgetMs: () => number;
  readonly changed: (state: WatchState) => void;
  readonly log: (what: string, error: unknown) => void;
}

/** Steps kept of a tracked tensor. */
const mostSteps = 200;

const nothing = { phase: 'idle', session: null, place: null, scope: null, error: null, open: {} } as const;

export class TensorWatch {
  private shown: WatchState = { ...nothing, tracked: {} };
  private frame: StoppedFrame | null = null;
  private reading: Promise<LiveScope | null> | null = null;
  /** Requests to the program, one after the other: adapters evaluate in the stopped thread. */
  private last: Promise<unknown> = Promise.resolve();
  private opened = new Map<string, readonly number[]>();
  private watched = false;
  /** Called at the next stop, or when it is known which frame is looked at. */
  private readonly awaited = new Set<() => void>();

  constructor(private readonly parts: WatchParts) {}

  get state(): WatchState {
    return this.shown;
  }

  /** The program stopped, or another frame was chosen; null when it goes on. */
  stoppedAt(frame: StoppedFrame | null): void {
    this.frame = frame;
    this.reading = null;
    if (frame === null) {
      this.set({ ...nothing });
    } else {
      // What was shown stays until the new reading is there: a step must not make the list flicker.
      this.set({ session: frame.session, place: null, error: null });
    }
    for (const tell of [...this.awaited]) tell();
    if (this.watched) void this.read();
  }

  /** Where the frame stands, which adapters tell a moment later than that it does. */
  stands(frame: StoppedFrame, place: string | null): void {
    if (this.frame === frame) this.set({ place });
  }

  /**
   * Waits until the watch looks at this frame: the editor asks for line ends in the moment of a stop.
   * @returns false when it does not within `ms`
   */
  async lookingAt(frameId: number, ms: number): Promise<boolean> {
    if (this.frame?.frameId === frameId) return true;
    return new Promise((resolve) => {
      const end = (): void => {
        if (this.frame?.frameId !== frameId && Date.now() < latest) return;
        this.awaited.delete(end);
        clearTimeout(timer);
        resolve(this.frame?.frameId === frameId);
      };
      const latest = Date.now() + ms;
      const timer = setTimeout(end, ms + 1);
      this.awaited.add(end);
    });
  }

  /** Whether somebody looks at the list. Without that no stop is read by itself. */
  watch(on: boolean): void {
    this.watched = on;
    if (on && this.shown.scope === null) void this.read();
  }

  /** Reads the frame anew, as after a change made in the debug console. */
  refresh(): void {
    this.reading = null;
    void this.read();
  }

  /**
   * The tensors of the frame that is shown; null where there are none, or nothing is stopped.
   * @throws NanoscopeError `debugger`
   */
  async scope(): Promise<LiveScope | null> {
    const { frame } = this;
    const reader = frame?.reader ?? null;
    if (frame === null || reader === null) return null;
    this.reading ??= this.inTurn(frame, () => reader.scope(frame, { budgetMs: this.parts.budgetMs() }));
    return this.reading;
  }

  /**
   * One tensor of the frame that is shown; null where the expression gives none, or the program went on.
   * @throws NanoscopeError `debugger`
   */
  async detail(expression: string, index?: readonly number[]): Promise<LiveDetail | null> {
    const { frame } = this;
    const reader = frame?.reader ?? null;
    if (frame === null || reader === null) return null;
    const options = { budgetMs: this.parts.budgetMs(), ...(index === undefined ? {} : { index }) };
    return this.inTurn(frame, () => reader.detail(frame, expression, options));
  }

  /** Only what the list shows: a path is evaluated in the program, so it must have come from there. */
  open(path: string, index: readonly number[] = []): void {
    if (!this.lists(path)) return;
    this.opened.set(path, index);
    this.set({ open: { ...this.shown.open, [path]: this.shown.open[path] ?? null } });
    void this.readOpen(path);
  }

  close(path: string): void {
    this.opened.delete(path);
    const { [path]: _closed, ...rest } = this.shown.open;
    this.set({ open: rest });
  }

  track(path: string, on: boolean): void {
    if (on && !this.lists(path)) return;
    const { [path]: before, ...rest } = this.shown.tracked;
    this.set({ tracked: on ? { ...rest, [path]: before ?? [] } : rest });
    if (on && this.shown.scope) this.follow(this.shown.scope, [path]);
  }

  /** Whether a path came from the list. */
  lists(path: string): boolean {
    return this.shown.scope?.tensors.some((tensor) => tensor.path === path) === true;
  }

  private async read(): Promise<void> {
    const { frame } = this;
    if (frame === null) return;
    if (frame.reader === null) {
      this.set({ phase: 'unsupported', scope: null });
      return;
    }
    this.set({ phase: 'reading' });
    const mine = (): boolean => this.frame === frame;
    try {
      const scope = await this.scope();
      if (!mine()) return;
      this.set({
        phase: scope === null || scope.tensors.length === 0 ? 'none' : 'read',
        scope: scope && { ...scope, tensors: sickFirst(scope.tensors) },
        error: null,
      });
      if (scope) this.follow(scope, Object.keys(this.shown.tracked));
      await Promise.all([...this.opened.keys()].map(async (path) => this.readOpen(path)));
    } catch (error) {
      if (!mine()) return;
      this.parts.log('Reading tensors', error);
      this.set({ phase: 'failed', scope: null, error: toPayload(error) });
    }
  }

  private async readOpen(path: string): Promise<void> {
    const { frame } = this;
    try {
      const detail = await this.detail(path, this.opened.get(path));
      if (this.frame !== frame || !this.opened.has(path)) return;
      if (detail) this.set({ open: { ...this.shown.open, [path]: detail } });
      else this.close(path);
    } catch (error) {
      if (this.frame !== frame) return;
      // Not in this frame, most often; the row is simply closed.
      this.parts.log(`Reading ${path}`, error);
      this.close(path);
    }
  }

  /** Adds this stop to what is tracked. */
  private follow(scope: LiveScope, paths: readonly string[]): void {
    const { place } = this.shown;
    const tracked = { ...this.shown.tracked };
    for (const path of paths) {
      const tensor = scope.tensors.find((one) => one.path === path);
      const step: TrackedStep = {
        place,
        condition: tensor ? conditionOf(tensor) : null,
        sickness: tensor ? sickness(tensor) : '',
      };
      tracked[path] = [...(tracked[path] ?? []), step].slice(-mostSteps);
    }
    this.set({ tracked });
  }

  private async inTurn<T>(frame: StoppedFrame, request: () => Promise<T>): Promise<T | null> {
    const before = this.last;
    const mine = (async () => {
      await before.catch(() => undefined);
      // The program went on while this waited: nothing is asked of it any more.
      return this.frame === frame ? request() : null;
    })();
    this.last = mine;
    return mine;
  }

  private set(change: Partial<WatchState>): void {
    this.shown = { ...this.shown, ...change };
    this.parts.changed(this.shown);
  }
}
