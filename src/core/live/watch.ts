/** What the list of tensors shows, stop after stop. */
import type { ErrorPayload } from '../errors';
import type { Condition, LiveDetail, LiveScope } from './tensor';

export type WatchPhase =
  /** Nothing is stopped. */
  | 'idle'
  | 'reading'
  | 'read'
  /** The program has no library with tensors, or the frame reaches none. */
  | 'none'
  | 'unsupported'
  | 'failed';

export interface TrackedStep {
  readonly place: string | null;
  /** Null: no such tensor in that frame. */
  readonly condition: Condition | null;
  /** `NaN 12`, empty where all is finite. */
  readonly sickness: string;
}

export interface WatchState {
  readonly phase: WatchPhase;
  readonly session: string | null;
  readonly place: string | null;
  readonly scope: LiveScope | null;
  readonly error: ErrorPayload | null;
  /** By path; what is open. Null while it is read. */
  readonly open: Readonly<Record<string, LiveDetail | null>>;
  /** By path, oldest step first. */
  readonly tracked: Readonly<Record<string, readonly TrackedStep[]>>;
}
