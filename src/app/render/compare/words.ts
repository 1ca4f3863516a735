/** What is said of variants, the same in a terminal, in Markdown and in the panel. */
import type { ComparedVariant, Comparison, NaNReach } from '../../../core/compare/types';
import { placeOf } from '../../../core/trace/verdict';
import { shortNumber } from '../numbers';

export const reachWords: Readonly<Record<NaNReach, string>> = {
  none: 'no NaN',
  padding: 'NaN at padding only',
  real: 'NaN at real tokens',
  unplaced: 'NaN at no position of the table',
};

/** Of a value that has no positions, beside the first sample. */
export const wholeText = (nan: boolean): string => (nan ? 'whole: NaN' : 'whole: no NaN');

/** `NaN at real tokens; pattern A; born in layer 0 attention (fully-masked-row); finite samples 3.8e-6 from the first; 412 ms`. */
export function variantFacts(variant: ComparedVariant, { variants }: Comparison): string {
  const patterns = new Set(variants.map(({ pattern }) => pattern)).size;
  return [
    reachWords[variant.nan],
    patterns > 1 ? `pattern ${patternName(variant.pattern)}` : '',
    birthsText(variant),
    differenceText(variant),
    ...variant.facts,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** `A`, `B`, …, `Z`, `27`. */
export const patternName = (pattern: number): string =>
  pattern < 26 ? String.fromCharCode(65 + pattern) : String(pattern + 1);

/** `born in layer 0 attention (fully-masked-row, and 3 more)`; empty where nothing is known of births. */
export function birthsText({ births }: ComparedVariant): string {
  const [first] = births ?? [];
  if (!first) return '';
  const more = (births?.length ?? 1) - 1;
  return `born in ${placeOf(first)} (${first.mechanism}${more === 0 ? '' : `, and ${String(more)} more`})`;
}

/** Where both are NaN in every sample there is no number, and the pattern says it. */
export const differenceText = ({ difference }: ComparedVariant): string =>
  difference === undefined || difference === 'NaN'
    ? ''
    : `finite samples ${difference === 0 ? 'equal to' : `${shortNumber(difference)} from`} the first`;
