/** What a running program tells of the first NaN that begins in it. */
import type { BirthMechanism, JsonNumber } from '../report';

/** `modules`: at the doors of modules; `ops`: at every operation, which names it and costs more. */
export const guardLevels = ['modules', 'ops'] as const;
export type GuardLevel = (typeof guardLevels)[number];

export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly function: string;
}

/** One tensor that went into a call or came out of it. */
export interface WatchedTensor {
  /** Parameter of the call (`hidden`, `past[0]`), or `output`, `output.logits`. Null: it has no expression. */
  readonly name: string | null;
  readonly type: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Null where its values could not be read; `skipped` says why. */
  readonly counts: { readonly nan: number; readonly posInf: number; readonly negInf: number } | null;
  readonly min: JsonNumber | null;
  readonly max: JsonNumber | null;
  readonly skipped: string | null;
  /** For each sample the positions that hold NaN, as `0-29,33`; null where axes are not known. */
  readonly nanAt: readonly string[] | null;
  /** How the NaN lie to the padding of a mask in scope; null where none agrees or none is padding. */
  readonly padding: 'exactly' | 'inside' | 'beyond' | null;
}

/** A call whose output holds NaN although none of its inputs did before it. */
export interface GuardHit {
  readonly level: GuardLevel;
  /** Plain name, such as `softmax`; null at level `modules`, and for NaN that sits in a module's weights. */
  readonly op: string | null;
  /** The module that was called, or in which the operation ran; `path` is '' for the outermost, null outside of it. */
  readonly module: { readonly path: string | null; readonly class: string; readonly root: string } | null;
  /** The program's own line; null where there is none on the stack. */
  readonly at: SourcePlace | null;
  readonly inputs: readonly WatchedTensor[];
  readonly output: WatchedTensor;
  readonly mechanism: BirthMechanism;
  /** One or two sentences with figures, in English. */
  readonly why: string;
  readonly thread: string;
  readonly pid: number;
  /** `line`: stopped on the line of `at`; `after`: on the next one; null: not stopped. */
  readonly stop: 'line' | 'after' | null;
}

export interface GuardStatus {
  readonly armed: boolean;
  /** Arms itself once torch is imported. */
  readonly waiting: boolean;
  readonly level: GuardLevel;
  /** How operations are seen at level `ops`; `none`: this torch has no modes, only modules are watched. */
  readonly modes: 'dispatch' | 'function' | 'none' | null;
  /** Calls looked at since arming. */
  readonly checked: number;
  /** Checks that failed; the program went on as if they had not been made. */
  readonly errors: number;
  readonly lastError: string | null;
  /** Forward passes that were given NaN from outside, and the first one's input. */
  readonly sickInputs: { readonly count: number; readonly first: string | null };
  /** Threads in which a mode does nothing any more but is on until their next module call ends. */
  readonly left: number;
  readonly hits: readonly GuardHit[];
}

/** What a person sees of the guard. */
export interface GuardView {
  /** Asked for. A session that found its NaN is no longer watched, but the next one will be. */
  readonly on: boolean;
  readonly level: GuardLevel;
  /** Names of the sessions that are watched now, or will be once they import torch. */
  readonly watching: readonly string[];
  /** The first NaN of each session since the guard was asked for, newest first. */
  readonly hits: readonly FoundNaN[];
  /** Of the session that stopped last. */
  readonly status: Omit<GuardStatus, 'hits'> | null;
  /** Why it could not be armed, or told nothing; null where all is well. */
  readonly problem: string | null;
}

export interface FoundNaN extends GuardHit {
  /** Id and name of the debug session. */
  readonly session: string;
  readonly sessionName: string;
}
