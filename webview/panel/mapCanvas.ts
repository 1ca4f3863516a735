/**
 * Draws the map. Every cell with NaN covers at least one device pixel, so that no NaN is lost where 500 stages share
 * 480 pixels: clean cells are painted first, then NaN at padding, then NaN at real tokens over both.
 */
import { parseRanges } from '../../src/core/trace/ranges';
import type { Report } from '../../src/core/report';
import { runsIn } from './band';
import { rowTitle } from './describe';
import { bottom, columnsOf, left, plotHeight, type Columns, type Plot } from './mapLayout';
import type { PanelPage } from './page';
import { portRows, type PanelRow } from './rows';
import type { UiState } from './ui';

export interface MapCell {
  /** Index into `mapRows`. */
  readonly line: number;
  readonly position: number;
}

/** The stages that the map shows: those of the chosen ports. */
export const mapRows = (report: Report, port: UiState['port']): readonly PanelRow[] => portRows(report, port);

let cursor: MapCell | null = null;
/** The map without its cursor: a pointer that moves copies it and paints one frame, whatever the map holds. */
const base = document.createElement('canvas');
let painted = { key: '', report: null as Report | null };
let shownCursor = '';

/** Paints when the report, the sample, the size, the theme or the cursor has changed. */
export function drawMap(page: PanelPage, root: ParentNode): void {
  const canvas = root.querySelector<HTMLCanvasElement>('#map');
  const report = page.context.state?.report ?? null;
  if (canvas === null || report === null) {
    painted = { key: '', report: null };
    return;
  }
  const rows = mapRows(report, page.context.ui.port);
  const sample = page.context.ui.mapSample;
  const width = canvas.parentElement?.clientWidth ?? 0;
  const height = plotHeight(rows.length) + bottom;
  const scale = window.devicePixelRatio || 1;
  const colours = readColours(canvas);
  const key = JSON.stringify([sample, width, height, scale, colours, page.context.ui.port]);
  const fresh = key !== painted.key || report !== painted.report;
  const cursorKey = JSON.stringify(cursor);
  // A canvas that came back into the document is empty.
  const resized = canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale);
  if (!fresh && !resized && cursorKey === shownCursor) {
    return;
  }
  shownCursor = cursorKey;
  const plot = { left, width: width - left - 1, height: height - bottom };
  if (resized) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.setProperty('--map-height', `${String(height)}px`);
  }
  const paint = canvas.getContext('2d');
  if (paint === null || plot.width <= 0) {
    return;
  }
  // Whole device pixels: thin rows must not blend into bands.
  const y = (line: number): number => Math.round(((line * plot.height) / rows.length) * scale) / scale;
  if (fresh) {
    painted = { key, report };
    base.width = canvas.width;
    base.height = canvas.height;
    paintBase(report, rows, sample, plot, y, colours, scale);
  }
  paint.setTransform(1, 0, 0, 1, 0, 0);
  paint.clearRect(0, 0, canvas.width, canvas.height);
  paint.drawImage(base, 0, 0);
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  paintCursor(paint, report, rows, sample, plot, y, colours);
}

function paintBase(
  report: Report,
  rows: readonly PanelRow[],
  sample: number,
  plot: Plot,
  y: Y,
  colours: Colours,
  scale: number,
): void {
  const paint = base.getContext('2d');
  if (paint === null) {
    return;
  }
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  paint.clearRect(0, 0, base.width, base.height);
  paintBackground(paint, report, rows, sample, plot, y, colours);
  for (const role of ['p', 'r'] as const) {
    paintNan(paint, report, rows, sample, plot, y, role, role === 'p' ? colours.padNan : colours.realNan);
  }
  paintGrid(paint, report, rows, sample, plot, y, colours);
  paintAxes(paint, report, rows, sample, plot, y, colours);
}

function paintCursor(
  paint: CanvasRenderingContext2D,
  report: Report,
  rows: readonly PanelRow[],
  sample: number,
  plot: Plot,
  y: Y,
  colours: Colours,
): void {
  const row = cursor === null ? undefined : rows[cursor.line];
  if (cursor === null || row === undefined) {
    return;
  }
  const known = row.row.samples?.[sample] !== undefined;
  const columns = columnsOf(rolesOf(report, row, sample), plot);
  const from = known ? columns.start(cursor.position) : plot.left;
  const to = known ? columns.end(cursor.position) : plot.left + plot.width;
  paint.strokeStyle = colours.focus;
  paint.lineWidth = 2;
  paint.strokeRect(from - 1, y(cursor.line) - 1, Math.max(3, to - from) + 2, Math.max(3, y(1)) + 2);
}

interface Colours {
  readonly pad: string;
  readonly real: string;
  readonly padNan: string;
  readonly realNan: string;
  readonly unknown: string;
  readonly ground: string;
  readonly text: string;
  readonly line: string;
  readonly focus: string;
  readonly font: string;
}

/** The style sheet decides the colours (it knows the theme); the canvas only reads them. */
function readColours(canvas: HTMLElement): Colours {
  const style = getComputedStyle(canvas);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    pad: read('--map-pad'),
    real: read('--map-real'),
    padNan: read('--map-pad-nan'),
    realNan: read('--map-real-nan'),
    unknown: read('--map-unknown'),
    ground: read('--ground'),
    text: read('--quiet'),
    line: read('--map-line'),
    focus: read('--vscode-focusBorder'),
    font: `11px ${style.fontFamily}`,
  };
}

type Y = (line: number) => number;

function paintBackground(
  paint: CanvasRenderingContext2D,
  report: Report,
  rows: readonly PanelRow[],
  sample: number,
  plot: Plot,
  y: Y,
  colours: Colours,
): void {
  rows.forEach((row, line) => {
    const top = y(line);
    const tall = y(line + 1) - top;
    const of = row.row.samples?.[sample]?.of;
    if (of === undefined) {
      // No position is known, so no position is painted: an empty frame, filled lightly where NaN is.
      paint.strokeStyle = row.row.whole?.nan === true ? colours.realNan : colours.unknown;
      paint.lineWidth = 1;
      paint.setLineDash([3, 3]);
      paint.strokeRect(plot.left + 0.5, top + 0.5, plot.width - 1, Math.max(1, tall - 1));
      paint.setLineDash([]);
      return;
    }
    const roles = rolesOf(report, row, sample);
    const columns = columnsOf(roles, plot);
    for (const { from, to, role } of runs(roles)) {
      paint.fillStyle = role === 'p' ? colours.pad : colours.real;
      paint.fillRect(columns.start(from), top, columns.end(to - 1) - columns.start(from), tall);
    }
  });
}

function paintNan(
  paint: CanvasRenderingContext2D,
  report: Report,
  rows: readonly PanelRow[],
  sample: number,
  plot: Plot,
  y: Y,
  wanted: 'p' | 'r',
  colour: string,
): void {
  paint.fillStyle = colour;
  const pixel = 1 / (window.devicePixelRatio || 1);
  rows.forEach((row, line) => {
    const health = row.row.samples?.[sample];
    if (health === undefined || health.nan === 0) {
      return;
    }
    const roles = rolesOf(report, row, sample);
    const columns = columnsOf(roles, plot);
    const top = y(line);
    const tall = Math.max(pixel, y(line + 1) - top);
    for (const range of parseRanges(health.nanAt)) {
      for (const { from, to, role } of runs(roles.slice(range.from, range.to + 1))) {
        if (role === wanted) {
          const start = columns.start(range.from + from);
          paint.fillRect(start, top, Math.max(pixel, columns.end(range.from + to - 1) - start), tall);
        }
      }
    }
  });
}

/** Gaps between cells, where cells are large enough to be told apart. */
function paintGrid(
  paint: CanvasRenderingContext2D,
  report: Report,
  rows: readonly PanelRow[],
  sample: number,
  plot: Plot,
  y: Y,
  colours: Colours,
): void {
  const tall = y(1) - y(0);
  if (tall < 5) {
    return;
  }
  paint.fillStyle = colours.ground;
  rows.forEach((row, line) => {
    const of = row.row.samples?.[sample]?.of;
    if (of === undefined) {
      return;
    }
    const columns: Columns = columnsOf(rolesOf(report, row, sample), plot);
    paint.fillRect(plot.left, y(line + 1) - 1, plot.width, 1);
    if (plot.width / of >= 6) {
      for (let position = 1; position < of; position++) {
        paint.fillRect(Math.round(columns.start(position)), y(line), 1, tall);
      }
    }
  });
}

function paintAxes(
  paint: CanvasRenderingContext2D,
  report: Report,
  rows: readonly PanelRow[],
  sample: number,
  plot: Plot,
  y: Y,
  colours: Colours,
): void {
  paint.font = colours.font;
  paint.fillStyle = colours.text;
  paint.strokeStyle = colours.line;
  paint.lineWidth = 1;
  paint.textBaseline = 'top';
  let lastLabel = -Infinity;
  rows.forEach((row, line) => {
    const starts = line === 0 || row.layer !== rows[line - 1]?.layer || (row.layer === null && line > 0);
    if (!starts) {
      return;
    }
    const top = Math.round(y(line)) + 0.5;
    // Lines between layers only where they do not drown the layers.
    if (line > 0 && plot.height / rows.length >= 3) {
      paint.beginPath();
      paint.moveTo(plot.left, top);
      paint.lineTo(plot.left + plot.width, top);
      paint.stroke();
    }
    if (top - lastLabel >= 12 && top + 10 <= plot.height + 4) {
      paint.fillText(clipped(row.layer ?? rowTitle(row)), 0, top);
      lastLabel = top;
    }
  });
  const columns = columnsOf(report.batch.roles[sample] ?? '', plot);
  const positions = report.batch.positions;
  if (positions > 0) {
    const step = Math.max(1, Math.ceil(positions / Math.max(1, Math.floor(plot.width / 48))));
    const nice = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((candidate) => candidate >= step) ?? step;
    for (let position = 0; position < positions; position += nice) {
      paint.fillText(String(position), columns.start(position), plot.height + 5);
    }
  }
}

const clipped = (text: string): string => (text.length > 13 ? `${text.slice(0, 12)}…` : text);

/** Roles of the sequence that a row is counted on. */
function rolesOf(report: Report, row: PanelRow, sample: number): string {
  const of = row.row.samples?.[sample]?.of;
  const { memory, roles } = report.batch;
  const own = of !== report.batch.positions && of === memory?.positions ? memory?.roles[sample] : roles[sample];
  return (own ?? '').length === of ? (own ?? '') : 'r'.repeat(of ?? 0);
}

/** Runs of equal roles, `to` exclusive. */
const runs = (roles: string): { readonly from: number; readonly to: number; readonly role: string }[] =>
  runsIn(roles, 0, roles.length).map((run) => ({ ...run, role: roles[run.from] ?? '' }));

/** The cell under the pointer, or null beside the plot. */
export function cellAt(event: MouseEvent, report: Report, page: PanelPage): MapCell | null {
  const canvas = event.currentTarget as HTMLCanvasElement;
  const box = canvas.getBoundingClientRect();
  const rows = mapRows(report, page.context.ui.port);
  const x = event.clientX - box.left - left;
  const line = Math.floor(((event.clientY - box.top) * rows.length) / (box.height - bottom));
  const row = rows[line];
  if (x < 0 || x >= box.width - left || row === undefined) {
    return null;
  }
  const roles = rolesOf(report, row, page.context.ui.mapSample);
  if (roles === '') {
    return { line, position: 0 };
  }
  const plot = { left, width: box.width - left - 1, height: box.height - bottom };
  const position = columnsOf(roles, plot).at(event.clientX - box.left);
  return position === null ? null : { line, position };
}

/** Frames a cell and says what it is in the line under the map. */
export function moveCursor(page: PanelPage, report: Report, cell: MapCell | null): void {
  cursor = cell;
  // Only the map: a pointer moves sixty times a second, and nothing else depends on where it is.
  drawMap(page, document);
  const readout = document.getElementById('map-readout');
  if (readout !== null) {
    readout.textContent = cell === null ? '\u00a0' : describe(page, report, cell);
  }
}

function describe(page: PanelPage, report: Report, cell: MapCell): string {
  const row = mapRows(report, page.context.ui.port)[cell.line];
  const sample = page.context.ui.mapSample;
  if (row === undefined) {
    return '\u00a0';
  }
  const health = row.row.samples?.[sample];
  if (health === undefined) {
    return `${rowTitle(row)} · positions unknown · ${row.row.whole?.nan === true ? 'NaN' : 'no NaN'}`;
  }
  const role = rolesOf(report, row, sample)[cell.position] === 'p' ? 'padding' : 'real';
  const nan = parseRanges(health.nanAt).some(({ from, to }) => from <= cell.position && cell.position <= to);
  return `${rowTitle(row)} · position ${String(cell.position)} (${role}) · ${nan ? 'NaN' : 'no NaN'}`;
}
