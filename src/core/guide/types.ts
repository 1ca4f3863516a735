/** The field guide: what each mechanism is, how people met it in the open, and what mends it. */
import type { BirthMechanism, CrossingMechanism, SilentMechanism } from '../report';

export type Mechanism = BirthMechanism | CrossingMechanism | SilentMechanism;

export interface GuideEntry {
  readonly title: string;
  /** The arithmetic in one line. */
  readonly formula: string;
  /** Two or three sentences: what happens and why. */
  readonly what: string;
  /** How to see that it is this. */
  readonly recognise: readonly string[];
  /** What is easily taken for it. */
  readonly notToBeConfused: readonly { readonly mechanism: Mechanism; readonly difference: string }[];
  /** What mends it, best first. */
  readonly mends: readonly string[];
  /** What looks like a fix and is none. */
  readonly doesNotMend: readonly string[];
  /** Public reports. */
  readonly reports: readonly PublicReport[];
}

export interface PublicReport {
  /** `repository#number`, as the repository's own tracker counts. */
  readonly at: string;
  readonly says: string;
}
