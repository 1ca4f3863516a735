/** From runs to a comparison. */
import { basisOf, looksLike, weaker } from './sameness';
import { align, type AlignedRow } from './align';
import type { Basis, ComparedRow, ComparedRun, ComparedVariant, Comparison, Dimension, NaNReach } from './types';
import { verdictOf } from './verdict';

/** @param runs two or more, the one that others are compared with first */
export function compareRuns(
  runs: readonly ComparedRun[],
  about: readonly Dimension[],
  notes: readonly string[] = [],
): Comparison {
  const rows = align(runs).map((row): ComparedRow => ({ ...row, same: isSame(row, runs) }));
  const patterns = patternsOf(rows, runs);
  const variants = runs.map((run, at): ComparedVariant => ({
    label: run.label,
    model: run.model,
    roles: run.roles,
    ...(run.memoryRoles && { memoryRoles: run.memoryRoles }),
    births: run.births ?? null,
    facts: run.facts,
    ...(run.difference !== undefined && { difference: run.difference }),
    pattern: patterns[at] ?? 0,
    nan: reachOf(rows, at),
  }));
  const basis = weakestBasis(runs);
  const firstDifference = rows.findIndex(({ same }) => !same);
  const samples = new Set(runs.map(({ roles }) => roles.length));
  const said = [
    ...(samples.size > 1 ? ['Variants have different numbers of samples; those that all have are compared.'] : []),
    ...notes,
  ];
  const verdict = { same: firstDifference < 0, basis, firstDifference: firstDifference < 0 ? null : firstDifference };
  return {
    schemaVersion: 1,
    kind: 'comparison',
    dimensions: about,
    variants,
    rows,
    verdict: { ...verdict, sentence: verdictOf(variants, rows, about, verdict) },
    notes: said,
  };
}

/** Whether two variants show the same in a row; what one of them lacks is no difference. */
function alike(row: AlignedRow, runs: readonly ComparedRun[], one: number, other: number): boolean {
  const [left, right] = [row.cells[one], row.cells[other]];
  if (!left || !right) return true;
  const [own, others] = [rolesOf(runs[one], row), rolesOf(runs[other], row)];
  return left.slice(0, right.length).every((cell, sample) => {
    const beside = right[sample];
    const [roles, roleBeside] = [own[sample] ?? '', others[sample] ?? ''];
    const basis = basisOf(roles, roleBeside);
    return beside === undefined || looksLike(cell, roles, basis) === looksLike(beside, roleBeside, basis);
  });
}

const rolesOf = (run: ComparedRun | undefined, { sequence }: AlignedRow): readonly string[] =>
  (sequence === 'memory' ? run?.memoryRoles : run?.roles) ?? [];

const isSame = (row: AlignedRow, runs: readonly ComparedRun[]): boolean => {
  const having = runs.flatMap((_, at) => (row.cells[at] ? [at] : []));
  return having.slice(1).every((at) => alike(row, runs, having[0] ?? 0, at));
};

/** Numbers from 0: the first variant of a pattern gives it its number. */
function patternsOf(rows: readonly AlignedRow[], runs: readonly ComparedRun[]): number[] {
  const heads: number[] = [];
  return runs.map((_, at) => {
    const known = heads.findIndex((head) => rows.every((row) => alike(row, runs, head, at)));
    if (known >= 0) return known;
    heads.push(at);
    return heads.length - 1;
  });
}

function reachOf(rows: readonly AlignedRow[], at: number): NaNReach {
  const cells = rows.flatMap((row) => row.cells[at] ?? []);
  if (cells.some(({ realNan }) => realNan > 0)) return 'real';
  return cells.some(({ nan }) => nan > 0) ? 'padding' : 'none';
}

function weakestBasis(runs: readonly ComparedRun[]): Basis {
  const first = runs[0]?.roles ?? [];
  return runs
    .flatMap(({ roles }) => roles.slice(0, first.length).map((own, sample) => basisOf(first[sample] ?? '', own)))
    .reduce(weaker, 'positions');
}
