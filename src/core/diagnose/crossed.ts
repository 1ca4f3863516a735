/** What is known of one crossing, whatever kind of attention or operator it happened in. */
import type { CrossingMechanism } from '../report';
import type { NewNaN } from './newNaN';

export interface Crossed extends NewNaN {
  readonly mechanism: CrossingMechanism;
  /** How many keys (or positions read) held NaN, per sample, and how they were masked. */
  readonly detail: CrossingDetail;
}

export interface CrossingDetail {
  /** Sample and position that the figures are of. */
  readonly sample: number;
  readonly position: number;
  /** NaN positions that were read for it, as ranges. */
  readonly nanRead: string;
  /** NaN values that were read for it and that have no positions of their own. */
  readonly values: readonly string[];
  /** NaN positions that were read and that the mask allows; null outside attention. */
  readonly allowed: string | null;
  /** In attention: what was read in every sample that has crossed, of its first position there. */
  readonly bySample?: readonly { readonly sample: number; readonly nanRead: string; readonly allowed: string }[];
  /** What the mask adds to masked scores: "−inf", "−1e+9", "−1e+9 to −inf". Absent where none is added. */
  readonly fill?: string;
}
