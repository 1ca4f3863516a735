/**
 * Which rows the table shows and what stands in its margin; pure. Names, states and notes are those of the
 * terminal's table, so that both faces say the same.
 */
import { notesByRow, type Note } from '../../src/app/render/notes';
import { tableLines, type Cell } from '../../src/app/render/rows';
import type { Report, TableRow } from '../../src/core/report';
import type { UiState } from './ui';

export interface PanelRow {
  /** Index in `report.table`; what selections refer to. */
  readonly index: number;
  readonly row: TableRow;
  /** `layer 0`, or null outside layers. */
  readonly layer: string | null;
  /** `attention`, `input_layernorm`; from the file. */
  readonly name: string;
  /** One per sample; null where positions are unknown. */
  readonly cells: readonly Cell[] | null;
  readonly notes: readonly Note[];
}

export type RowFilter = Pick<UiState, 'layers' | 'onlyNan' | 'port' | 'stage'>;

const made = new WeakMap<Report, Map<UiState['port'], PanelRow[]>>();

/** The rows of one port choice, unfiltered otherwise: what the map draws. Every draw asks, so they are kept. */
export function portRows(report: Report, port: UiState['port']): readonly PanelRow[] {
  const kept = made.get(report) ?? new Map<UiState['port'], PanelRow[]>();
  made.set(report, kept);
  const rows = kept.get(port) ?? makeRows(report, port);
  kept.set(port, rows);
  return rows;
}

function makeRows(report: Report, port: UiState['port']): PanelRow[] {
  const notes = notesByRow(report);
  const table = report.table.filter((row) => port === 'all' || row.port === port);
  const indexOf = new Map(report.table.map((row, index) => [row, index]));
  // "reaches real" is said once, at the first row that is shown; the notes come from the whole table, so that a
  // birth is never moved to another row because its own is hidden.
  return tableLines({ ...report, table }, { all: true }).flatMap((line) =>
    line.kind === 'row'
      ? [
          {
            index: indexOf.get(line.row) ?? 0,
            row: line.row,
            layer: line.layer,
            name: line.name,
            cells: line.cells,
            notes: notes.get(line.row) ?? [],
          },
        ]
      : [],
  );
}

export function filterRows(rows: readonly PanelRow[], filter: RowFilter): PanelRow[] {
  const wanted = layerFilter(filter.layers);
  return rows.filter(
    (row) =>
      (filter.stage === 'all' || row.row.stage === filter.stage) &&
      (!filter.onlyNan || hasNan(row.row)) &&
      wanted({ layer: row.row.layer, words: wordsOf(row) }),
  );
}

const wordsOf = ({ row, name, layer }: PanelRow): string[] => [
  layer === null ? name : `${layer} ${name}`,
  row.label,
  row.tensor,
  row.node ?? '',
  row.op ?? '',
];

export const hasNan = (row: TableRow): boolean =>
  row.samples === null ? (row.whole?.nan ?? false) : row.samples.some((sample) => sample.nan > 0);

/** What a filter by text looks at. */
export interface Named {
  readonly layer: number | null;
  readonly words: readonly string[];
}

/** `0-2,15` chooses layers; anything else is looked for in the row's names. */
export function layerFilter(text: string): (row: Named) => boolean {
  const trimmed = text.trim();
  if (trimmed === '') {
    return () => true;
  }
  if (/^[\d\s,–-]+$/.test(trimmed)) {
    const ranges = trimmed.split(/[\s,]+/).map((part) => {
      const [from = '', to = from] = part.split(/[–-]/);
      // `12-` while the rest is still being typed means "from 12 on".
      return { from: from === '' ? 0 : Number(from), to: to === '' ? Infinity : Number(to) };
    });
    return ({ layer }) => ranges.some(({ from, to }) => layer !== null && layer >= from && layer <= to);
  }
  const sought = trimmed.toLowerCase();
  return ({ words }) => words.some((candidate) => candidate.toLowerCase().includes(sought));
}
