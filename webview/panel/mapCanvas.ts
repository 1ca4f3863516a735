/** The map's canvas: when it is painted, what is under the pointer, and what its readout says. */
import type { Report } from '../../src/core/report';
import { parseRanges } from '../../src/core/trace/ranges';
import { rowTitle } from './describe';
import { bottom, columnsOf, left, plotHeight } from './mapLayout';
import { paintCursor, paintScene, readColours } from './mapPaint';
import { lengthAt, mapRoles, sceneOf, type Scene } from './mapScene';
import type { PanelPage } from './page';
import { portRows } from './rows';

export interface MapCell {
  /** Index into the rows of the chosen ports. */
  readonly line: number;
  readonly position: number;
}

let cursor: MapCell | null = null;
/** The map without its cursor: a pointer that moves copies it and paints one frame, whatever the map holds. */
const base = document.createElement('canvas');
let painted: { readonly key: string; readonly report: Report; readonly scene: Scene } | null = null;
let shownCursor = '';

/** Paints when the report, the sample, the size, the theme or the cursor has changed. */
export function drawMap(page: PanelPage, root: ParentNode): void {
  const canvas = root.querySelector<HTMLCanvasElement>('#map');
  const report = page.context.state?.report ?? null;
  if (canvas === null || report === null) {
    painted = null;
    return;
  }
  const { port, mapSample: sample } = page.context.ui;
  const rows = portRows(report, port);
  const width = canvas.parentElement?.clientWidth ?? 0;
  const height = plotHeight(rows.length) + bottom;
  const scale = window.devicePixelRatio || 1;
  const colours = readColours(canvas);
  const key = JSON.stringify([sample, width, height, scale, colours, port]);
  const fresh = key !== painted?.key || report !== painted.report;
  if (fresh && cursor !== null) {
    // The pointer rests, but what is under it is of another run.
    cursor = cursor.position < lengthAt(report, rows[cursor.line], sample) && cursor.line < rows.length ? cursor : null;
    tell(page, report);
  }
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
  const below = base.getContext('2d');
  if (paint === null || below === null || plot.width <= 0) {
    return;
  }
  if (fresh || painted === null) {
    painted = { key, report, scene: sceneOf(report, rows, sample, plot, scale) };
    // Setting the size empties it and resets its state.
    base.width = canvas.width;
    base.height = canvas.height;
    below.setTransform(scale, 0, 0, scale, 0, 0);
    paintScene(below, painted.scene, colours, 1 / scale);
  }
  paint.setTransform(1, 0, 0, 1, 0, 0);
  paint.clearRect(0, 0, canvas.width, canvas.height);
  paint.drawImage(base, 0, 0);
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  if (cursor !== null) {
    paintCursor(paint, painted.scene, cursor, colours);
  }
}

/** The cell under the pointer, or null beside the plot. */
export function cellAt(event: MouseEvent, report: Report, page: PanelPage): MapCell | null {
  const canvas = event.currentTarget as HTMLCanvasElement;
  const box = canvas.getBoundingClientRect();
  const { port, mapSample } = page.context.ui;
  const rows = portRows(report, port);
  const plot = { left, width: box.width - left - 1, height: box.height - bottom };
  const x = event.clientX - box.left;
  const line = Math.floor(((event.clientY - box.top) * rows.length) / plot.height);
  const row = rows[line];
  if (x < left || x >= box.width || row === undefined) {
    return null;
  }
  const roles = mapRoles(report, row, mapSample);
  const position = roles === '' ? 0 : columnsOf(roles, plot).at(x);
  return position === null ? null : { line, position };
}

/** Frames a cell and says what it is in the line under the map. */
export function moveCursor(page: PanelPage, report: Report, cell: MapCell | null): void {
  cursor = cell;
  // Only the map: a pointer moves sixty times a second, and nothing else depends on where it is.
  drawMap(page, document);
  tell(page, report);
}

function tell(page: PanelPage, report: Report): void {
  const readout = document.getElementById('map-readout');
  if (readout !== null) {
    readout.textContent = cursor === null ? '\u00a0' : describe(page, report, cursor);
  }
}

function describe(page: PanelPage, report: Report, cell: MapCell): string {
  const { port, mapSample: sample } = page.context.ui;
  const row = portRows(report, port)[cell.line];
  if (row === undefined) {
    return '\u00a0';
  }
  const health = row.row.samples?.[sample];
  if (health === undefined) {
    return `${rowTitle(row)} · positions unknown · ${row.row.whole?.nan === true ? 'NaN' : 'no NaN'}`;
  }
  const role = mapRoles(report, row, sample)[cell.position] === 'p' ? 'padding' : 'real';
  const nan = parseRanges(health.nanAt).some(({ from, to }) => from <= cell.position && cell.position <= to);
  return `${rowTitle(row)} · position ${String(cell.position)} (${role}) · ${nan ? 'NaN' : 'no NaN'}`;
}
