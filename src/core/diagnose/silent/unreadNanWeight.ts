/** Unread NaN weight: stored NaN that this batch never read. One that was read is an origin, `nan-in-weights`. */
import type { SilentFinding } from '../../report';
import { formatRanges } from '../../trace/ranges';

export interface NaNWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** NaN elements per row (first axis); one entry for a scalar. */
  readonly perRow: readonly number[];
}

export function explainUnread(
  weight: NaNWeight,
  node: string,
): Pick<SilentFinding, 'mechanism' | 'evidence' | 'explanation'> {
  const elements = weight.perRow.reduce((sum, count) => sum + count, 0);
  const rows = formatRanges(weight.perRow.length, (row) => (weight.perRow[row] ?? 0) > 0);
  const count = weight.perRow.filter((found) => found > 0).length;
  return {
    mechanism: 'unread-nan-weight',
    evidence: { weight: weight.name, shape: weight.shape, nanElements: elements, nanRows: rows },
    explanation:
      `The stored tensor ${weight.name} holds ${String(elements)} NaN, in ${String(count)} of ${String(weight.perRow.length)} rows (${rows.replaceAll('-', '–')}), ` +
      `and this batch reads none of them. A batch that does (another token, another expert) gives NaN from ${node} on.`,
  };
}
