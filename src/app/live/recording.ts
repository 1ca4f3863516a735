/**
 * Recording the modules of a debugged program: which session, which file, and the report that grows with it. One
 * recording at a time.
 */
import { NanoscopeError, toPayload } from '../../core/errors';
import type { Report } from '../../core/report';
import { parseModuleTrace } from '../../core/trace/moduleTrace';
import type { FrameRef, ModuleRecorder } from './ports';
import { traceReport } from './traceReport';

export interface RecordedSession {
  readonly id: string;
  readonly name: string;
  readonly recorder: ModuleRecorder;
}

export interface RecordingState {
  /** `waiting`: the next session that begins is recorded. */
  readonly phase: 'off' | 'waiting' | 'recording';
  /** Name of the session. */
  readonly session: string | null;
}

export interface RecordingParts {
  /** A path that is not there yet. */
  readonly newFile: () => Promise<string>;
  /** The text of a file; null where there is none. */
  readonly read: (file: string) => Promise<string | null>;
  readonly changed: (state: RecordingState) => void;
  /** What the trace tells so far; `file` is the same for all of one recording. */
  readonly grown: (file: string, report: Report) => void;
  /** It ended. `report`: null where no module was called. */
  readonly done: (file: string, report: Report | null) => void;
  readonly failed: (error: unknown) => void;
  /** Calls back after a time in milliseconds; returns what takes that back. */
  readonly later: (ms: number, call: () => void) => () => void;
}

/** Between two looks at the file, at least; five times what a look takes where that is more. */
const pauseMs = 500;

interface Known extends RecordedSession {
  frame: FrameRef | null;
}

interface Current {
  readonly session: Known;
  /** Null until the program was told. */
  file: string | null;
  read: number;
  report: Report | null;
  /** What was told of a file that cannot be read: once. */
  failed: string | null;
  cancel: () => void;
}

export class Recording {
  private readonly sessions = new Map<string, Known>();
  private current: Current | null = null;
  private waiting = false;

  constructor(private readonly parts: RecordingParts) {}

  get state(): RecordingState {
    if (this.current) return { phase: 'recording', session: this.current.session.name };
    return { phase: this.waiting ? 'waiting' : 'off', session: null };
  }

  /** Begins in this session, or in the next one that begins where it is null or cannot be recorded; or ends. */
  async toggle(activeId: string | null): Promise<void> {
    if (this.current) {
      await this.stop();
      return;
    }
    const session = activeId === null ? undefined : this.sessions.get(activeId);
    if (session) {
      await this.start(session);
      return;
    }
    this.waiting = !this.waiting;
    this.parts.changed(this.state);
  }

  began(session: RecordedSession): void {
    const known = { ...session, frame: null };
    this.sessions.set(session.id, known);
    if (this.waiting) void this.start(known);
  }

  stopped(id: string, frame: FrameRef): void {
    const session = this.sessions.get(id);
    if (session) session.frame = frame;
  }

  goesOn(id: string): void {
    const session = this.sessions.get(id);
    if (session) session.frame = null;
  }

  ended(id: string): void {
    this.sessions.delete(id);
    if (this.current?.session.id === id) void this.finish(this.current);
  }

  private async start(session: Known): Promise<void> {
    this.waiting = false;
    const current: Current = { session, file: null, read: 0, report: null, failed: null, cancel: () => undefined };
    this.current = current;
    this.parts.changed(this.state);
    try {
      const file = await this.parts.newFile();
      await session.recorder.start(session.frame, { file, functions: true });
      current.file = file;
      // Ended, or taken back, while it was told.
      if (this.current === current) this.lookLater(current, pauseMs);
      else await session.recorder.stop(session.frame);
    } catch (error) {
      const wanted = this.current === current;
      if (wanted) this.current = null;
      if (wanted || this.sessions.has(session.id)) this.parts.failed(error);
      // An answer may be late: then the program records.
      await session.recorder.stop(session.frame).catch(() => undefined);
      this.parts.changed(this.state);
    }
  }

  private async stop(): Promise<void> {
    const { current } = this;
    if (!current) return;
    if (current.file === null) {
      // It is told at this moment, and stopped once it was.
      this.current = null;
      this.parts.changed(this.state);
      return;
    }
    try {
      await current.session.recorder.stop(current.session.frame);
    } catch (error) {
      // It ended meanwhile, most often: what was recorded is in the file.
      this.parts.failed(error);
    }
    await this.finish(current);
  }

  private async finish(current: Current): Promise<void> {
    if (this.current !== current) return;
    this.current = null;
    current.cancel();
    await this.look(current);
    this.parts.changed(this.state);
    if (current.file !== null) this.parts.done(current.file, current.report);
  }

  private lookLater(current: Current, ms: number): void {
    current.cancel = this.parts.later(ms, () => {
      void (async () => {
        const start = Date.now();
        if (await this.look(current)) await this.finish(current);
        else if (this.current === current) this.lookLater(current, Math.max(pauseMs, 5 * (Date.now() - start)));
      })();
    });
  }

  /** Whether the file is complete: at its limit a recorder ends by itself. */
  private async look(current: Current): Promise<boolean> {
    if (current.file === null) return false;
    try {
      const text = await this.parts.read(current.file);
      if (text === null || text.length === current.read) return false;
      current.read = text.length;
      const trace = parseModuleTrace(text);
      current.report = traceReport(trace);
      this.parts.grown(current.file, current.report);
      return trace.end !== null;
    } catch (error) {
      // Its header, or its first module, is not there yet.
      if (error instanceof NanoscopeError && toPayload(error).code === 'file-unreadable' && current.report === null)
        return false;
      const { message } = toPayload(error);
      if (current.failed !== message) this.parts.failed(error);
      current.failed = message;
      return false;
    }
  }
}
