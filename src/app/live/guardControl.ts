/**
 * Break on first NaN over all debug sessions: what a person asked for, and what each session was told of it. A session
 * is told once at a time; the newest wish wins.
 */
import { toPayload } from '../../core/errors';
import type { FoundNaN, GuardHit, GuardLevel, GuardStatus, GuardView } from '../../core/live/guard';
import type { FrameRef, NanGuard } from './ports';

export interface GuardedSession {
  readonly id: string;
  readonly name: string;
  readonly guard: NanGuard;
}

export interface GuardParts {
  readonly changed: (view: GuardView) => void;
  readonly log: (what: string, error: unknown) => void;
}

interface Watched extends GuardedSession {
  /** Null while it runs. */
  frame: FrameRef | null;
  /** Which wish it was armed for; null: it is not armed by us. */
  armedFor: number | null;
  /** It was told to arm, and nothing has said since that it is not: an answer may be late or lost. */
  mayBeArmed: boolean;
  hit: GuardHit | null;
  status: GuardStatus | null;
  problem: string | null;
  work: Promise<void>;
}

export class GuardControl {
  private on: boolean;
  private level: GuardLevel;
  /** Counts the times it was asked for: each arms anew. */
  private wish = 1;
  private readonly sessions = new Map<string, Watched>();
  /** Of sessions that have ended as well: what they found stays readable. */
  private found: readonly FoundNaN[] = [];
  private last: string | null = null;

  constructor(
    { on, level }: { readonly on: boolean; readonly level: GuardLevel },
    private readonly parts: GuardParts,
  ) {
    this.on = on;
    this.level = level;
  }

  get view(): GuardView {
    const sessions = [...this.sessions.values()];
    const last = this.last === null ? undefined : this.sessions.get(this.last);
    return {
      on: this.on,
      level: this.level,
      watching: this.on ? sessions.filter((one) => this.isArmed(one)).map(({ name }) => name) : [],
      hits: this.found,
      status: last?.status ?? null,
      problem: sessions.find(({ problem }) => problem !== null)?.problem ?? null,
    };
  }

  /** Asked for once more, it watches sessions again that have found theirs. */
  set(on: boolean, level: GuardLevel = this.level): void {
    this.on = on;
    this.level = level;
    this.wish += 1;
    if (on) this.found = [];
    for (const session of this.sessions.values()) this.tell(session);
    this.parts.changed(this.view);
  }

  /** A session begins, before or while its program runs. */
  began(session: GuardedSession): void {
    const watched: Watched = {
      ...session,
      frame: null,
      armedFor: null,
      mayBeArmed: false,
      hit: null,
      status: null,
      problem: null,
      work: Promise.resolve(),
    };
    this.sessions.set(session.id, watched);
    if (this.on) this.tell(watched);
  }

  stopped(id: string, frame: FrameRef): void {
    const session = this.sessions.get(id);
    if (!session) return;
    session.frame = frame;
    this.last = id;
    // A program that was never told of a guard is not asked for one.
    if (this.on || session.mayBeArmed) this.tell(session);
  }

  goesOn(id: string): void {
    const session = this.sessions.get(id);
    if (session) session.frame = null;
  }

  ended(id: string): void {
    this.sessions.delete(id);
    if (this.last === id) this.last = null;
    this.parts.changed(this.view);
  }

  private isArmed({ armedFor, hit }: Watched): boolean {
    return armedFor === this.wish && hit === null;
  }

  private tell(session: Watched): void {
    session.work = session.work.then(async () => {
      const { frame } = session;
      const current = (): boolean => this.sessions.get(session.id) === session;
      if (!current()) return;
      try {
        await this.bring(session, frame);
        session.problem = null;
      } catch (error) {
        // It went on, or ended, while it was asked: the next stop tells.
        if (!current() || session.frame !== frame) return;
        this.parts.log(`Break on first NaN, ${session.name}`, error);
        // While it runs a program may have to be left alone; its next stop arms it.
        if (frame !== null) session.problem = toPayload(error).message;
      }
      if (current()) this.parts.changed(this.view);
    });
  }

  /** Makes the program know what is asked for, and reads what it found. */
  private async bring(session: Watched, frame: FrameRef | null): Promise<void> {
    const { wish } = this;
    if (!this.on) {
      if (!session.mayBeArmed) return;
      await session.guard.disarm(frame);
      // While it runs nothing is answered: the next stop makes sure.
      session.mayBeArmed = frame === null && session.armedFor === null;
      session.armedFor = null;
      session.status = null;
    } else if (session.armedFor !== wish) {
      session.hit = null;
      session.armedFor = null;
      session.mayBeArmed = true;
      session.status = await session.guard.arm(frame, { level: this.level, once: true, stop: true });
      session.armedFor = wish;
    } else if (frame !== null) {
      session.status = await session.guard.status(frame);
      this.read(session, frame);
    }
  }

  private read(session: Watched, frame: FrameRef): void {
    const hit = session.status?.hits[0];
    if (session.status === null) {
      // Armed while it ran, which it may have refused without a word.
      session.armedFor = null;
      if (session.frame === frame) this.tell(session);
    } else if (hit && !session.hit) {
      session.hit = hit;
      this.found = [{ ...hit, session: session.id, sessionName: session.name }, ...this.found];
    }
  }
}
