/** "30 query rows of sample 0 (positions 0–29, all padding)": where something happened, for explanations. */
import type { Flags } from '../trace/health';
import { NAN } from '../trace/health';
import { countRole, formatRanges } from '../trace/ranges';

/** NaN positions per sample of the batch, as the report has them; null where positions are not told apart. */
export function positionsOf(flags: Flags, samples: number): string[] | null {
  if (!flags.perPosition && !flags.perSample) return null;
  return Array.from({ length: samples }, (_, sample) => {
    const row = flags.perSample ? sample : 0;
    return formatRanges(
      flags.positions,
      (position) => ((flags.bits[row * flags.positions + position] ?? 0) & NAN) !== 0,
    );
  });
}

export function whereText(positions: readonly string[] | null, roles: readonly string[], noun: string): string {
  if (positions === null) return 'Somewhere in this tensor (its axes could not be followed)';
  const parts = positions.flatMap((ranges, sample): string[] => {
    if (ranges === '') return [];
    const own = roles[sample] ?? '';
    const pads = countRole(ranges, own, 'p');
    const total = ranges.split(',').reduce((sum, range) => {
      const [from = 0, to = from] = range.split('-').map(Number);
      return sum + to - from + 1;
    }, 0);
    const kind =
      pads === total
        ? 'all padding'
        : pads === 0
          ? 'all real tokens'
          : `${String(pads)} padding, ${String(total - pads)} real`;
    const label = `${String(total)} ${noun}${total === 1 ? '' : 's'} of sample ${String(sample)}`;
    return [`${label} (position${total === 1 ? '' : 's'} ${ranges.replaceAll('-', '–')}, ${kind})`];
  });
  const shown = parts.slice(0, 3);
  const rest = parts.length - shown.length;
  return shown.join('; ') + (rest > 0 ? `; and in ${String(rest)} more samples` : '');
}
