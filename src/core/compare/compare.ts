/** From runs to a comparison. */
import { basisOf, looksLike, weaker } from './sameness';
import { align, type AlignedRow } from './align';
import type { Basis, ComparedRow, ComparedRun, ComparedVariant, Comparison, Dimension, NaNReach } from './types';
import { namesOf, verdictOf, type Causes } from './verdict';

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
    nan: reachOf(rows, run, at),
  }));
  const basis = weakestBasis(runs);
  const firstDifference = rows.findIndex(({ same }) => !same);
  const samples = new Set(runs.map(({ roles }) => roles.length));
  const said = [
    ...(samples.size > 1 ? ['Variants have different numbers of samples; those that all have are compared.'] : []),
    ...notes,
  ];
  const apart = strangers(rows, runs);
  const verdict = {
    same: firstDifference < 0 && apart === null,
    basis,
    firstDifference: firstDifference < 0 ? null : firstDifference,
  };
  const sentence =
    apart && firstDifference < 0
      ? `${namesOf(apart, runs)} have no stage in common that could be compared, so nothing is said of what makes a difference.`
      : verdictOf(variants, rows, causesOf(about, runs), verdict);
  return {
    schemaVersion: 1,
    kind: 'comparison',
    dimensions: about,
    variants,
    rows,
    verdict: { ...verdict, sentence },
    notes: said,
  };
}

/** A dimension makes what two variants tell differently that differ in it alone. */
const causesOf =
  (about: readonly Dimension[], runs: readonly ComparedRun[]): Causes =>
  (tell) => {
    const isTold = (dimension: Dimension, among: readonly ComparedRun[]): boolean =>
      runs.some((run, at) =>
        runs.some(
          (other, beside) =>
            among.includes(run) &&
            among.includes(other) &&
            tell(at) !== tell(beside) &&
            run.varied?.[dimension] !== other.varied?.[dimension] &&
            about.every((one) => one === dimension || run.varied?.[one] === other.varied?.[one]),
        ),
      );
    const padded = runs.filter(({ varied }) => varied?.padding?.trim() !== 'none');
    const isBySide = padded.length === runs.length || isTold('padding', padded);
    if (about.length < 2 || runs.some(({ varied }) => !varied)) return { making: about, cleared: [], isBySide };
    const making = about.filter((dimension) => isTold(dimension, runs));
    return making.length === 0
      ? { making: about, cleared: [], isBySide }
      : { making, cleared: about.filter((dimension) => !making.includes(dimension)), isBySide };
  };

/** Whether a variant has something to show in a row. */
const isKnown = (row: AlignedRow, at: number): boolean => Boolean(row.cells[at]) || (row.whole?.[at] ?? null) !== null;

/** Whether two variants show the same in a row; what one of them lacks is no difference. */
function alike(row: AlignedRow, runs: readonly ComparedRun[], one: number, other: number): boolean {
  const [nan, nanBeside] = [row.whole?.[one] ?? null, row.whole?.[other] ?? null];
  if (nan !== null && nanBeside !== null && nan !== nanBeside) return false;
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

/** Every two of them: two that look like a third may not look like each other, where it has another length. */
const isSame = (row: AlignedRow, runs: readonly ComparedRun[]): boolean =>
  runs.every((_, at) => runs.slice(0, at).every((__, before) => alike(row, runs, before, at)));

/** Numbers from 0, in the order in which patterns come; every two variants with the same one show the same. */
function patternsOf(rows: readonly AlignedRow[], runs: readonly ComparedRun[]): number[] {
  const patterns: number[][] = [];
  return runs.map((_, at) => {
    const known = patterns.findIndex((members) =>
      members.every((member) => rows.every((row) => alike(row, runs, member, at))),
    );
    if (known < 0) return patterns.push([at]) - 1;
    patterns[known]?.push(at);
    return known;
  });
}

function reachOf(rows: readonly AlignedRow[], { births }: ComparedRun, at: number): NaNReach {
  const cells = rows.flatMap((row) => row.cells[at] ?? []);
  if (cells.some(({ realNan }) => realNan > 0)) return 'real';
  if (cells.some(({ nan }) => nan > 0)) return 'padding';
  return (births?.length ?? 0) > 0 || rows.some(({ whole }) => whole?.[at] === true) ? 'unplaced' : 'none';
}

/** The first two without a row that both know. */
function strangers(rows: readonly AlignedRow[], runs: readonly ComparedRun[]): [ComparedRun, ComparedRun] | null {
  for (const [at, run] of runs.entries())
    for (const [before, other] of runs.slice(0, at).entries())
      if (!rows.some((row) => isKnown(row, before) && isKnown(row, at))) return [other, run];
  return null;
}

function weakestBasis(runs: readonly ComparedRun[]): Basis {
  const first = runs[0]?.roles ?? [];
  return runs
    .flatMap(({ roles }) => roles.slice(0, first.length).map((own, sample) => basisOf(first[sample] ?? '', own)))
    .reduce(weaker, 'positions');
}
