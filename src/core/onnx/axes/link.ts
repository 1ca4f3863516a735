/** How a node's output reads one input, axis by axis. */
import type { TensorAxes } from './types';
import { isLabelled } from './types';

/** Coordinate c of the output reads c − before … c + after of the input's `axis`. */
export interface Band {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

export interface Link {
  readonly from: TensorAxes;
  readonly to: TensorAxes;
  /** Input axis → output axis; −1 = all of it is read for every element of the output. */
  readonly map: readonly number[];
  readonly band: Band | null;
}

/**
 * Rows keep their sample and position as labels while they change their place: here labels tell what was read, and
 * coordinates do not.
 */
const movers = new Set([
  'Slice',
  'Split',
  'Concat',
  'Pad',
  'Gather',
  'GatherElements',
  'GatherND',
  'Compress',
  'ScatterND',
  'ScatterElements',
  'Tile',
]);
export const movesRows = (op: string): boolean => movers.has(op);

/**
 * Equal labels are equal coordinates: samples and positions stand in their own order on both sides, at most once
 * each. Then nothing has to be compared coordinate by coordinate.
 */
export function plainLink({ from, to, map, band }: Link): boolean {
  if (band) return false;
  for (const axes of [from, to]) {
    const labelled = axes.flat().filter(isLabelled);
    if (labelled.some((factor) => factor.samples !== null || factor.positions !== null)) return false;
    if (labelled.filter((factor) => factor.kind === 'batch').length > 1) return false;
  }
  // A sample's own axis that is read as a whole mixes samples.
  return from.every((axis, i) => {
    if (!axis.some((factor) => factor.kind === 'batch')) return true;
    const twin = to[map[i] ?? -1];
    return twin?.some((factor) => factor.kind === 'batch') === true;
  });
}
