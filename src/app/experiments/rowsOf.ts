/** Rows of tables and comparisons, by what they stand for, as `30/35`. */
import type { ComparedRow, Comparison } from '../../core/compare/types';
import type { Port, Report, Stage, TableRow } from '../../core/report';

export interface Place {
  readonly layer: number | null;
  readonly stage: Stage;
  readonly port?: Port;
}

const isAt = (row: Pick<TableRow, 'layer' | 'stage' | 'port'>, { layer, stage, port = 'out' }: Place): boolean =>
  row.layer === layer && row.stage === stage && row.port === port;

const counted = ({ nan, of }: { readonly nan: number; readonly of: number }): string => `${String(nan)}/${String(of)}`;

export const missing = 'no such row';

export function countIn({ table }: Report, place: Place, sample: number): string {
  const cell = table.find((row) => isAt(row, place))?.samples?.[sample];
  return cell ? counted(cell) : missing;
}

export const rowAt = ({ rows }: Comparison, place: Place): ComparedRow | undefined =>
  rows.find((row) => isAt(row, place));

/** By variant. */
export const countsIn = (comparison: Comparison, place: Place, sample: number): string[] =>
  comparison.variants.map((_, variant) => {
    const cell = rowAt(comparison, place)?.cells[variant]?.[sample];
    return cell ? counted(cell) : missing;
  });
