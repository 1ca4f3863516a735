/** What a map paints and where, worked out once per report, sample and size; pure. */
import { parseRanges } from '../../src/core/trace/ranges';
import type { Report } from '../../src/core/report';
import { runsIn } from './band';
import { rowTitle } from './describe';
import { columnsOf, type Columns, type Plot } from './mapLayout';
import { rolesOfRow } from './roles';
import type { PanelRow } from './rows';

export interface SceneLine {
  /** As it is named at the margin; null outside layers. */
  readonly layer: string | null;
  readonly title: string;
  /** Where positions are unknown: whether there is NaN somewhere. */
  readonly wholeNan: boolean;
  /** CSS pixels, on whole device pixels: thin lines must not blend into bands. */
  readonly top: number;
  readonly tall: number;
  /** Null where positions are unknown. */
  readonly cells: {
    /** `p` or `r` per position. */
    readonly roles: string;
    readonly columns: Columns;
    /** Runs of positions with NaN, each of one role, or of one kind of difference; `to` exclusive. */
    readonly nan: readonly RoleRun[];
  } | null;
}

export interface RoleRun {
  readonly from: number;
  readonly to: number;
  readonly role: string;
}

export interface Scene {
  readonly plot: Plot;
  readonly lines: readonly SceneLine[];
  /** What is counted under the plot. */
  readonly axis: { readonly columns: Columns; readonly positions: number; readonly name: string | null };
}

/** Top and height of a line, on whole device pixels. @param scale device pixels per CSS pixel */
export function placeOfLine(line: number, lines: number, plot: Plot, scale: number): { top: number; tall: number } {
  const y = (at: number): number => Math.round(((at * plot.height) / lines) * scale) / scale;
  return { top: y(line), tall: y(line + 1) - y(line) };
}

/** @param scale device pixels per CSS pixel */
export function sceneOf(report: Report, rows: readonly PanelRow[], sample: number, plot: Plot, scale: number): Scene {
  const { positions, memory } = report.batch;
  return {
    plot,
    axis: {
      columns: columnsOf(report.batch.roles[sample] ?? '', plot),
      positions,
      name: memory === undefined ? null : 'target',
    },
    lines: rows.map((row, line): SceneLine => {
      const place = {
        layer: row.layer,
        title: rowTitle(row),
        wholeNan: row.row.whole?.nan === true,
        ...placeOfLine(line, rows.length, plot, scale),
      };
      const health = row.row.samples?.[sample];
      if (health === undefined) return { ...place, cells: null };
      const roles = mapRoles(report, row, sample);
      const nan =
        health.nan === 0
          ? []
          : parseRanges(health.nanAt).flatMap(({ from, to }) => roleRuns(roles, from, Math.min(to + 1, roles.length)));
      return { ...place, cells: { roles, columns: columnsOf(roles, plot), nan } };
    }),
  };
}

/** Where nobody knows which positions are padding, all count as real. */
export const mapRoles = (report: Report, row: PanelRow, sample: number): string =>
  rolesOfRow(report.batch, row.row, sample) || 'r'.repeat(row.row.samples?.[sample]?.of ?? 0);

/** How many positions a row is drawn with. */
export const lengthAt = (report: Report, row: PanelRow | undefined, sample: number): number =>
  row?.row.samples ? mapRoles(report, row, sample).length : 1;

export const roleRuns = (roles: string, from: number, to: number): RoleRun[] =>
  runsIn(roles, from, to).map((run) => ({ ...run, role: roles[run.from] ?? '' }));
