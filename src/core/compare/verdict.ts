/** The plain sentence under a comparison: what makes the difference, or what does not. */
import { placeOf } from '../trace/verdict';
import type { ComparedCell, ComparedRow, ComparedVariant, ComparisonVerdict, Dimension } from './types';

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

export const dimensionText = (about: readonly Dimension[]): string =>
  about.map((one) => causes[one]).join(' and ') || 'what differs between the variants';

export function verdictOf(
  variants: readonly ComparedVariant[],
  rows: readonly ComparedRow[],
  about: readonly Dimension[],
  { basis, firstDifference }: Pick<ComparisonVerdict, 'basis' | 'firstDifference'>,
): string {
  const cause = dimensionText(about);
  const plural = about.length > 1 ? 'are' : 'is';
  const row = firstDifference === null ? undefined : rows[firstDifference];
  const sick = variants.filter(({ nan }) => nan !== 'none');
  const clean = variants.filter(({ nan }) => nan === 'none');
  if (sick.length === 0) return `No NaN in any of the ${String(variants.length)} variants.`;
  const how = { positions: 'at the same positions', tokens: 'at the same real tokens', kind: 'in the same way' }[basis];
  if (!row) {
    if (clean.length > 0) return `The stages that the variants have in common show no difference.`;
    // Of two runs of the same there is nothing that could be the cause.
    const ruledOut = about.join() === 'time' ? '' : `: ${cause} ${plural} not the cause`;
    return `Identical NaN pattern, ${how} of every stage${ruledOut}.`;
  }
  const first = `The first difference is at ${placeOf(row)}${row.port === 'in' ? ' (in)' : ''}: ${differenceText(row, variants)}.`;
  const real = variants.filter(({ nan }) => nan === 'real');
  const spared = variants.filter(({ nan }) => nan !== 'real');
  if (clean.length > 0)
    return `NaN in ${names(sick)}, none in ${names(clean)}: ${cause} ${about.length > 1 ? 'make' : 'makes'} the difference. ${first}`;
  if (real.length > 0 && spared.length > 0)
    return `NaN reaches real tokens in ${names(real)}, and stays at padding in ${names(spared)}. ${first}`;
  const patterns = new Set(variants.map(({ pattern }) => pattern)).size;
  return `NaN in every variant, in ${String(patterns)} different patterns: ${cause} ${plural} not what NaN begins with, but ${about.length > 1 ? 'change' : 'changes'} where it is. ${first}`;
}

/** `30/35 in sharded, 0/35 in unsharded` of the first sample that differs. */
function differenceText(row: ComparedRow, variants: readonly ComparedVariant[]): string {
  const samples = Math.max(...row.cells.map((cells) => cells?.length ?? 0));
  for (let sample = 0; sample < samples; sample++) {
    const shown = new Map<string, string[]>();
    row.cells.forEach((cells, at) => {
      const cell = cells?.[sample];
      if (cell) shown.set(counted(cell), [...(shown.get(counted(cell)) ?? []), variants[at]?.label ?? '']);
    });
    if (shown.size > 1)
      return `${[...shown].map(([count, labels]) => `${count} in ${labels.join(', ')}`).join('; ')} (sample ${String(sample)})`;
  }
  return 'other positions, as many of them';
}

const counted = ({ nan, of }: ComparedCell): string => `${String(nan)}/${String(of)}`;

function names(variants: readonly ComparedVariant[]): string {
  const labels = variants.map(({ label }) => label);
  return labels.length <= 1 ? labels.join('') : `${labels.slice(0, -1).join(', ')} and ${labels.at(-1) ?? ''}`;
}
