/** Which cells differ, and how the NaN of two variants lies on each other; pure. */
import { basisOf, looksLike } from '../../../src/core/compare/sameness';
import type { Basis, ComparedCell, ComparedRow, ComparedVariant, Comparison } from '../../../src/core/compare/types';
import { parseRanges } from '../../../src/core/trace/ranges';
import { runsIn } from '../band';
import type { RoleRun } from '../mapScene';

/** Whether a cell shows something else than the first variant that has the row. */
export function differs({ variants }: Comparison, row: ComparedRow, variant: number, sample: number): boolean {
  if (row.same) return false;
  const first = row.cells.findIndex((cells) => cells !== null);
  const [own, other] = [row.cells[variant]?.[sample], row.cells[first]?.[sample]];
  if (first === variant || own === undefined || other === undefined) return false;
  const [roles, others] = [rolesOf(variants[variant], row, sample), rolesOf(variants[first], row, sample)];
  const basis = basisOf(others, roles);
  return looksLike(other, others, basis) !== looksLike(own, roles, basis);
}

export function rolesOf(
  variant: ComparedVariant | undefined,
  { sequence }: Pick<ComparedRow, 'sequence'>,
  sample: number,
): string {
  return (sequence === 'memory' ? variant?.memoryRoles : variant?.roles)?.[sample] ?? '';
}

/** What the batch itself lets two variants of a sample be compared by. */
export const basisOfPair = ({ variants }: Comparison, [left, right]: Pair, sample: number): Basis =>
  basisOf(rolesOf(variants[left], {}, sample), rolesOf(variants[right], {}, sample));

export type Pair = readonly [left: number, right: number];

/** The first variant, and the first that has another pattern. */
export function usualPair({ variants }: Comparison): Pair {
  const other = variants.findIndex(({ pattern }) => pattern !== variants[0]?.pattern);
  return [0, Math.max(1, other)];
}

/** The first sample in which the two differ. */
export function usualSample(comparison: Comparison, pair: Pair): number {
  const samples = samplesOf(comparison, pair);
  for (let sample = 0; sample < samples; sample++)
    if (comparison.rows.some((row) => pairAt(comparison, row, pair, sample)?.runs.some(({ role }) => role !== both)))
      return sample;
  return 0;
}

/** Those that both have. */
export const samplesOf = ({ variants }: Comparison, [left, right]: Pair): number =>
  Math.min(variants[left]?.roles.length ?? 0, variants[right]?.roles.length ?? 0);

export interface PairCells {
  /** `p` or `r` per column of the map. */
  readonly roles: string;
  /** NaN in the left one only, in the right one only, in both. */
  readonly runs: readonly RoleRun[];
}

export const leftOnly = 'l';
export const rightOnly = 'r';
export const both = 'b';

/**
 * Two variants of a sample on each other: position by position where their padding is the same, real token by real
 * token where only as many of them are. `null` where neither says which is which.
 */
export function pairAt(
  { variants }: Comparison,
  row: ComparedRow,
  [left, right]: Pair,
  sample: number,
): PairCells | null {
  const [one, other] = [row.cells[left]?.[sample], row.cells[right]?.[sample]];
  if (one === undefined || other === undefined) return null;
  const [roles, others] = [rolesOf(variants[left], row, sample), rolesOf(variants[right], row, sample)];
  switch (basisOf(roles, others)) {
    case 'positions':
      if (one.of !== other.of) return null;
      return laid(one.of === roles.length ? roles : 'r'.repeat(one.of), positionsOf(one), positionsOf(other));
    case 'tokens':
      // A row of some positions only has no roles of its own.
      if (one.of !== roles.length || other.of !== others.length) return null;
      return laid('r'.repeat(count(roles)), tokensOf(one, roles), tokensOf(other, others));
    case 'kind':
      return null;
  }
}

function laid(roles: string, left: ReadonlySet<number>, right: ReadonlySet<number>): PairCells {
  const codes = Array.from(roles, (_, at) =>
    left.has(at) ? (right.has(at) ? both : leftOnly) : right.has(at) ? rightOnly : ' ',
  ).join('');
  // Padding is set apart from real tokens, so no run goes over its edge.
  const runs = runsIn(roles, 0, roles.length)
    .flatMap(({ from, to }) => runsIn(codes, from, to))
    .map((run) => ({ ...run, role: codes[run.from] ?? ' ' }))
    .filter(({ role }) => role !== ' ');
  return { roles, runs };
}

function positionsOf({ nanAt }: ComparedCell): Set<number> {
  const all = new Set<number>();
  for (const { from, to } of parseRanges(nanAt)) for (let at = from; at <= to; at++) all.add(at);
  return all;
}

/** As indices among the real tokens. */
function tokensOf(cell: ComparedCell, roles: string): Set<number> {
  const nan = positionsOf(cell);
  const real = Array.from(roles, (role, at) => (role === 'r' ? at : -1)).filter((at) => at >= 0);
  return new Set(real.flatMap((at, index) => (nan.has(at) ? [index] : [])));
}

const count = (roles: string): number => roles.length - roles.replaceAll('r', '').length;
