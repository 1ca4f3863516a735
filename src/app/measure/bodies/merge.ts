/** The same node born NaN in many iterations is one origin that lists them. */
import type { InsideFrame, Origin } from '../../../core/report';
import { formatRanges, parseRanges } from '../../../core/trace/ranges';
import type { Opening } from './open';

/**
 * @param level place of this node's frame among those of `evidence.inside`.
 * @returns one origin for every node and mechanism, at its first iteration; its frame's `iterations` has all of them.
 */
export function mergeIterations(origins: readonly Origin[], level: number, opening: Opening): Origin[] {
  if (opening.iterations === null) return [...origins];
  const groups = new Map<string, Origin[]>();
  for (const origin of origins) {
    const key = JSON.stringify([origin.node, origin.op, origin.mechanism]);
    groups.set(key, [...(groups.get(key) ?? []), origin]);
  }
  return [...groups.values()].map((group): Origin => {
    const sorted = [...group].sort((a, b) => iterationOf(a, level) - iterationOf(b, level));
    const first = sorted[0] ?? group[0];
    if (!first) throw new Error('a group has a member');
    const own = new Set(sorted.map((origin) => iterationOf(origin, level)));
    return {
      ...first,
      positions: united(sorted.map((origin) => origin.positions)),
      evidence: {
        ...first.evidence,
        inside: framesOf(first).map((frame, i) =>
          i === level ? { ...frame, iterations: formatRanges(opening.iterations ?? 0, (t) => own.has(t)) } : frame,
        ),
        ...(opening.notOpened > 0 ? { iterationsNotLookedAt: opening.notOpened } : {}),
      },
    };
  });
}

const iterationOf = (origin: Origin, level: number): number => framesOf(origin)[level]?.iteration ?? 0;

function framesOf(origin: Origin): readonly InsideFrame[] {
  const { inside } = origin.evidence;
  return Array.isArray(inside) ? (inside as readonly InsideFrame[]) : [];
}

/** Positions of any of them, by sample; null where one of them does not know. */
function united(all: readonly (readonly string[] | null)[]): string[] | null {
  const known = all.filter((positions) => positions !== null);
  if (known.length < all.length) return null;
  const samples = Math.max(0, ...known.map((positions) => positions.length));
  return Array.from({ length: samples }, (_, sample) => {
    const ranges = known.flatMap((positions) => parseRanges(positions[sample] ?? ''));
    const end = Math.max(0, ...ranges.map((range) => range.to + 1));
    return formatRanges(end, (i) => ranges.some((range) => range.from <= i && i <= range.to));
  });
}
