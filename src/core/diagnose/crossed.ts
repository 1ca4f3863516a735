/** What is known of one crossing, whatever kind of attention or operator it happened in. */
import type { CrossingMechanism } from '../report';
import { formatRanges } from '../trace/ranges';
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
}

/** @param positions ascending; there may be more than a call can have arguments. */
export const ranges = (positions: readonly number[]): string => {
  const set = new Set(positions);
  return formatRanges((positions.at(-1) ?? -1) + 1, (i) => set.has(i));
};
