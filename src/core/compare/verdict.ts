/** The plain sentence under a comparison: what makes the difference, or what does not. */
import { placeOf } from '../trace/verdict';
import type { ComparedCell, ComparedRow, ComparedVariant, ComparisonVerdict, Dimension, NaNReach } from './types';

const causes: Readonly<Record<Dimension, string>> = {
  attention: 'the attention implementation',
  padding: 'the side of the padding',
  lengths: 'the length of the batch',
  dtype: 'the type of the numbers',
  level: "the engine's optimisation level",
  model: 'what differs between the models',
  fix: 'the fix',
  sharding: 'sharding',
  pipeline: 'the pipeline',
  time: 'what changed between the runs',
};

interface Told {
  readonly making: readonly Dimension[];
  readonly cleared: readonly Dimension[];
  /** Whether it is the side of the padding, and not that there is any. */
  readonly isBySide: boolean;
}

/** Which dimensions make what variants tell by their index, and which have nothing to do with it. */
export type Causes = (tell: (variant: number) => unknown) => Told;

const dimensionText = (about: readonly Dimension[], { isBySide }: Pick<Told, 'isBySide'>): string =>
  listed(about.map((one) => (one === 'padding' && !isBySide ? 'padding' : causes[one]))) ||
  'what differs between the variants';

export function verdictOf(
  variants: readonly ComparedVariant[],
  rows: readonly ComparedRow[],
  causesOf: Causes,
  { basis, firstDifference }: Pick<ComparisonVerdict, 'basis' | 'firstDifference'>,
): string {
  const row = firstDifference === null ? undefined : rows[firstDifference];
  const sick = variants.filter(({ nan }) => nan !== 'none');
  const clean = variants.filter(({ nan }) => nan === 'none');
  if (!row) {
    if (sick.length === 0) return `No NaN in any of the ${String(variants.length)} variants.`;
    if (clean.length > 0) return `The stages that the variants have in common show no difference.`;
    const told = causesOf(() => 0);
    const { making } = told;
    const how = { positions: 'at the same positions', tokens: 'at the same real tokens', kind: 'in the same way' }[
      basis
    ];
    // Of two runs of the same there is nothing that could be the cause.
    const ruledOut = making.join() === 'time' ? '' : `: ${notTheCause(making, told)}`;
    return `Identical NaN pattern, ${how} of every stage${areAllShared(rows) ? '' : ' that they share'}${ruledOut}.`;
  }
  const first = `The first difference is at ${placeOf(row)}${row.port === 'in' ? ' (in)' : ''}: ${differenceText(row, variants)}.`;
  const reach = (nan: NaNReach): ComparedVariant[] => variants.filter((variant) => variant.nan === nan);
  const [real, padding] = [reach('real'), reach('padding')];
  if (clean.length > 0) {
    const told = causesOf((at) => variants[at]?.nan === 'none');
    const { making, cleared } = told;
    const also = cleared.length === 0 ? '' : `; ${notTheCause(cleared, told)}`;
    return `NaN in ${namesOf(sick, variants)}, none in ${othersOf(clean, variants)}: ${dimensionText(making, told)} ${making.length > 1 ? 'make' : 'makes'} the difference${also}. ${first}`;
  }
  if (real.length > 0 && padding.length > 0 && real.length + padding.length === variants.length)
    return `NaN reaches real tokens in ${namesOf(real, variants)}, and stays at padding in ${othersOf(padding, variants)}. ${first}`;
  const patterns = new Set(variants.map(({ pattern }) => pattern)).size;
  const told = causesOf((at) => variants[at]?.pattern);
  const { making } = told;
  const changes = `${making.length > 1 ? 'change' : 'changes'} where it is`;
  const begins = beginsAlike(variants);
  const cause = dimensionText(making, told);
  const said = `NaN in every variant, in ${String(patterns)} different patterns`;
  if (begins === true)
    return `${said}: ${cause} ${making.length > 1 ? 'are' : 'is'} not what NaN begins with, but ${changes}. ${first}`;
  return `${said}${begins === false ? ', and it does not begin alike' : ''}: ${cause} ${changes}. ${first}`;
}

const notTheCause = (about: readonly Dimension[], told: Told): string =>
  `${dimensionText(about, told)} ${about.length > 1 ? 'are' : 'is'} not the cause`;

/** Whether every variant shows every stage; nodes beside them are no stages. */
const areAllShared = (rows: readonly ComparedRow[]): boolean =>
  rows.every(
    ({ stage, cells, whole }) =>
      stage === 'other' || cells.every((own, at) => own !== null || (whole?.[at] ?? null) !== null),
  );

/** In the same places for the same reasons; null where that is not known of one of them. */
function beginsAlike(variants: readonly ComparedVariant[]): boolean | null {
  if (variants.some(({ births }) => births === null)) return null;
  const told = variants.map(({ births }) =>
    [...new Set((births ?? []).map((birth) => `${placeOf(birth)} (${birth.mechanism})`))].sort().join(),
  );
  return new Set(told).size === 1;
}

/** `30/35 in sharded, 0/35 in unsharded` of the first sample that differs. */
function differenceText(row: ComparedRow, variants: readonly ComparedVariant[]): string {
  const { whole } = row;
  if (whole && new Set(whole.filter((nan) => nan !== null)).size > 1) {
    const having = (nan: boolean): string =>
      namesOf(
        variants.filter((_, at) => whole[at] === nan),
        variants,
      );
    return `NaN as a whole in ${having(true)}; none in ${having(false)}`;
  }
  const samples = Math.max(...row.cells.map((cells) => cells?.length ?? 0));
  for (let sample = 0; sample < samples; sample++) {
    const shown = new Map<string, ComparedVariant[]>();
    for (const [at, variant] of variants.entries()) {
      const cell = row.cells[at]?.[sample];
      if (cell) shown.set(counted(cell), [...(shown.get(counted(cell)) ?? []), variant]);
    }
    if (shown.size > 1)
      return `${[...shown].map(([count, own]) => `${count} in ${namesOf(own, variants)}`).join('; ')} (sample ${String(sample)})`;
  }
  return 'other positions, as many of them';
}

const counted = ({ nan, of }: ComparedCell): string => `${String(nan)}/${String(of)}`;

/** The table names them all. */
const mostNames = 3;

/** Labels of several settings have commas in them, so that a list of them would not say where each ends. */
function nameOf(all: readonly Named[]): (variant: Named) => string {
  const isQuoted = all.some(({ label }) => label.includes(','));
  return ({ label }) => (isQuoted ? `“${label}”` : label);
}

type Named = Pick<ComparedVariant, 'label'>;

/**
 * `a`, `a and b`, `a and 4 more`.
 * @param all variants of the comparison, which are named in one way
 */
export function namesOf(variants: readonly Named[], all: readonly Named[]): string {
  const names = variants.map(nameOf(all));
  return names.length > mostNames ? `${names[0] ?? ''} and ${String(names.length - 1)} more` : listed(names);
}

/** The same of all that were not named before. */
const othersOf = (variants: readonly Named[], all: readonly Named[]): string =>
  variants.length > mostNames ? `the ${String(variants.length)} others` : namesOf(variants, all);

const listed = (all: readonly string[]): string =>
  all.length <= 1 ? all.join('') : `${all.slice(0, -1).join(', ')} and ${all.at(-1) ?? ''}`;
