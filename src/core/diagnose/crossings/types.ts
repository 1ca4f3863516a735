import type { Graph, GraphNode } from '../../onnx/graph';
import type { CrossingMechanism } from '../../report';
import type { Crossed, CrossingDetail } from '../crossed';

/** What a row of attention that was clean read of NaN keys or values. */
export interface AttentionRead {
  /** `scores`: NaN keys made its scores NaN. `values`: its weights are clean, and the sum over keys is not. */
  readonly through: 'scores' | 'values';
  /** The mask lets the row attend to one of them. */
  readonly allowed: boolean;
  /** A mask that is added stands between Q·Kᵀ and the softmax. */
  readonly adding: boolean;
}

/** One way in which NaN reaches positions that were clean. */
export interface CrossingRule {
  readonly id: CrossingMechanism;
  /** In attention whose queries, keys and values are known. */
  inAttention?(read: AttentionRead): boolean;
  /** At any other node. */
  at?(node: GraphNode, graph: Graph): boolean;
  /** @param where the positions, in words. */
  explain(crossed: Crossed, where: string): string;
}

const shownSamples = 3;

/** "positions 0-1"; where samples differ "positions 0-1 (sample 0) and 3-5 (sample 1)". */
export function readAt(detail: CrossingDetail, what: 'nanRead' | 'allowed' = 'nanRead'): string {
  const own = (detail.bySample ?? []).filter((entry) => entry[what] !== '');
  const word = (ranges: string): string => (/^\d+$/.test(ranges) ? `position ${ranges}` : `positions ${ranges}`);
  if (new Set(own.map((entry) => entry[what])).size <= 1) return word(own[0]?.[what] ?? detail[what] ?? '');
  const shown = own.slice(0, shownSamples).map((entry) => `${word(entry[what])} (sample ${String(entry.sample)})`);
  return [
    ...shown,
    ...(own.length > shownSamples ? [`others in ${String(own.length - shownSamples)} more samples`] : []),
  ].join(', ');
}

/** "positions 3–4", or the values that have no positions of their own: what was read of them is NaN for everybody. */
export function nanRead({ detail: { nanRead: ranges, values } }: Crossed): string {
  const placed = ranges === '' ? [] : [`positions ${ranges}`];
  const shared = values.length === 0 ? [] : [`${values.join(', ')}, which all positions share`];
  return [...placed, ...shared].join(', and ');
}
