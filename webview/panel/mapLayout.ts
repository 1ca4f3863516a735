/** Where the map's rows, columns and labels lie, in CSS pixels; pure. */
import { notesByRow, type Note } from '../../src/app/render/notes';
import type { Report } from '../../src/core/report';
import type { PanelRow } from './rows';

export const left = 84;
export const bottom = 18;
const tallest = 420;
const rowHeights = { least: 1, most: 15 } as const;
/** Between padding and real tokens. */
const gap = 6;
/** Padding that comes and goes more often than this is not set apart. */
const mostGaps = 8;
const labelHeight = 17;

export interface Plot {
  readonly left: number;
  readonly width: number;
  readonly height: number;
}

/** Height of the cells without the axis under them. */
export function plotHeight(rows: number): number {
  const rowHeight = Math.max(rowHeights.least, Math.min(rowHeights.most, tallest / Math.max(1, rows)));
  return Math.min(tallest, Math.ceil(rows * rowHeight));
}

export interface Columns {
  /** Left edge of a position, or of the end behind the last one. */
  start(position: number): number;
  end(position: number): number;
  /** Position at an x of the canvas; null in a gap or beside the plot. */
  at(x: number): number | null;
}

const kept = new Map<string, Columns>();

/** @param roles `p` or `r` per position */
export function columnsOf(roles: string, plot: Plot): Columns {
  const key = `${String(plot.width)} ${roles}`;
  const known = kept.get(key);
  if (known !== undefined) {
    return known;
  }
  const edges: number[] = [];
  for (let i = 1; i < roles.length; i++) {
    if (roles[i] !== roles[i - 1]) {
      edges.push(i);
    }
  }
  const gaps = edges.length <= mostGaps ? edges : [];
  const cell = (plot.width - gaps.length * gap) / Math.max(1, roles.length);
  const start = (position: number): number =>
    plot.left + position * cell + gaps.filter((edge) => edge <= position).length * gap;
  const columns: Columns = {
    start,
    end: (position) => start(position) + cell,
    at: (x) => {
      for (let gapsBefore = 0; gapsBefore <= gaps.length; gapsBefore++) {
        const position = Math.floor((x - plot.left - gapsBefore * gap) / cell);
        if (position >= (gaps[gapsBefore - 1] ?? 0) && position < (gaps[gapsBefore] ?? roles.length)) {
          return position;
        }
      }
      return null;
    },
  };
  if (kept.size > 64) {
    kept.clear();
  }
  kept.set(key, columns);
  return columns;
}

export interface MapLabel {
  readonly note: Note;
  readonly row: PanelRow;
  /** Middle of its row, and middle of where the label itself has room. */
  readonly rowY: number;
  readonly labelY: number;
}

/** Births and crossings beside their rows, top to bottom, none over another; `more` had no room. */
export function mapLabels(
  report: Report,
  rows: readonly PanelRow[],
): { readonly labels: readonly MapLabel[]; readonly more: number } {
  const height = plotHeight(rows.length);
  const notes = notesByRow(report);
  const all = rows.flatMap((row, line) =>
    (notes.get(row.row) ?? [])
      .filter((note) => note.finding !== undefined)
      .map((note) => ({ note, row, rowY: ((line + 0.5) * height) / rows.length })),
  );
  const room = Math.max(1, Math.floor(height / labelHeight));
  const shown = all.length <= room ? all : all.slice(0, room - 1);
  let free = labelHeight / 2;
  const placed = shown.map((label, i) => {
    // Those below must still fit.
    const lowest = height - (shown.length - i - 0.5) * labelHeight - (all.length > shown.length ? labelHeight : 0);
    const labelY = Math.max(free, Math.min(label.rowY, lowest));
    free = labelY + labelHeight;
    return { ...label, labelY };
  });
  return { labels: placed, more: all.length - shown.length };
}
