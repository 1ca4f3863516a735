/** The canvas of the map of the difference: when it is painted, what is under the pointer, what its readout says. */
import type { Comparison } from '../../../src/core/compare/types';
import type { ComparedRowLine } from '../../../src/app/render/compare/rows';
import { visible } from '../../shared/text';
import { bottom, columnsOf, left, plotHeight, type Plot } from '../mapLayout';
import { paintCursor, paintScene, readColours, type Inks } from '../mapPaint';
import { placeOfLine, type Scene } from '../mapScene';
import type { PanelPage } from '../page';
import { both, leftOnly, pairAt, rightOnly } from './cells';
import { mapChoice, type MapChoice } from './choice';
import { mapLines } from './lines';

export interface MapCell {
  readonly line: number;
  readonly position: number;
}

let cursor: MapCell | null = null;
let painted: { readonly key: string; readonly comparison: Comparison; readonly scene: Scene } | null = null;
/** Without its cursor: a pointer that moves copies it. */
const base = document.createElement('canvas');

/** Paints when the comparison, the choice, the size, the theme or the cursor has changed. */
export function drawCompareMap(page: PanelPage, root: ParentNode): void {
  const canvas = root.querySelector<HTMLCanvasElement>('#compare-map');
  const comparison = page.context.comparison?.comparison ?? null;
  if (canvas === null || comparison === null) {
    painted = null;
    cursor = null;
    return;
  }
  const choice = mapChoice(page, comparison);
  const lines = mapLines(comparison);
  const width = canvas.parentElement?.clientWidth ?? 0;
  const height = plotHeight(lines.length) + bottom;
  const scale = window.devicePixelRatio || 1;
  const colours = readColours(canvas);
  const inks = readInks(canvas);
  const key = JSON.stringify([choice, width, height, scale, colours, inks]);
  const fresh = key !== painted?.key || comparison !== painted.comparison;
  const [wide, tall] = [Math.round(width * scale), Math.round(height * scale)];
  const resized = canvas.width !== wide || canvas.height !== tall;
  const plot = { left, width: width - left - 1, height: height - bottom };
  const cursorKey = JSON.stringify(cursor);
  if (!fresh && !resized && canvas.dataset.cursor === cursorKey) return;
  canvas.dataset.cursor = cursorKey;
  if (resized) {
    canvas.width = wide;
    canvas.height = tall;
    canvas.style.setProperty('--map-height', `${String(height)}px`);
  }
  const paint = canvas.getContext('2d');
  const below = base.getContext('2d');
  if (paint === null || below === null || plot.width <= 0) return;
  if (fresh || painted === null) {
    painted = { key, comparison, scene: sceneOf(comparison, lines, choice, plot, scale) };
    base.width = wide;
    base.height = tall;
    below.setTransform(scale, 0, 0, scale, 0, 0);
    paintScene(below, painted.scene, colours, 1 / scale, inks);
  }
  paint.setTransform(1, 0, 0, 1, 0, 0);
  paint.clearRect(0, 0, canvas.width, canvas.height);
  paint.drawImage(base, 0, 0);
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  if (cursor !== null) paintCursor(paint, painted.scene, cursor, colours);
}

/** What differs lies over what does not. */
function readInks(canvas: HTMLElement): Inks {
  const style = getComputedStyle(canvas);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return [
    [both, read('--map-both')],
    [leftOnly, read('--map-left')],
    [rightOnly, read('--map-right')],
  ];
}

function sceneOf(
  comparison: Comparison,
  lines: readonly ComparedRowLine[],
  { pair, sample, basis }: MapChoice,
  plot: Plot,
  scale: number,
): Scene {
  const own = comparison.variants[pair[0]]?.roles[sample] ?? '';
  const roles = basis === 'tokens' ? own.replaceAll('p', '') : own;
  return {
    plot,
    axis: {
      columns: columnsOf(roles, plot),
      positions: roles.length,
      name: basis === 'tokens' ? 'real token' : null,
    },
    lines: lines.map(({ row, layer, name }, line) => {
      const cells = pairAt(comparison, row, pair, sample);
      return {
        layer,
        title: visible(layer === null ? name : `${layer} ${name}`),
        wholeNan: false,
        ...placeOfLine(line, lines.length, plot, scale),
        cells: cells && { roles: cells.roles, columns: columnsOf(cells.roles, plot), nan: cells.runs },
      };
    }),
  };
}

/** The cell under the pointer, or null beside the plot. */
export function compareCellAt(event: MouseEvent, page: PanelPage, comparison: Comparison): MapCell | null {
  const box = (event.currentTarget as HTMLCanvasElement).getBoundingClientRect();
  const lines = mapLines(comparison);
  const plot = { left, width: box.width - left - 1, height: box.height - bottom };
  const x = event.clientX - box.left;
  const line = Math.floor(((event.clientY - box.top) * lines.length) / plot.height);
  if (x < left || x >= box.width || lines[line] === undefined) return null;
  const roles = rolesAt(page, comparison, line);
  const position = roles === '' ? 0 : columnsOf(roles, plot).at(x);
  return position === null ? null : { line, position };
}

function rolesAt(page: PanelPage, comparison: Comparison, line: number): string {
  const { pair, sample } = mapChoice(page, comparison);
  const row = mapLines(comparison)[line]?.row;
  return (row && pairAt(comparison, row, pair, sample)?.roles) ?? '';
}

/** Frames a cell and says what it is in the line under the map. */
export function moveCompareCursor(page: PanelPage, comparison: Comparison, cell: MapCell | null): void {
  cursor = cell;
  // Only the map: a pointer moves sixty times a second, and nothing else depends on where it is.
  drawCompareMap(page, document);
  const readout = document.getElementById('compare-readout');
  if (readout !== null) readout.textContent = cell === null ? '\u00a0' : describe(page, comparison, cell);
}

function describe(page: PanelPage, comparison: Comparison, { line, position }: MapCell): string {
  const { pair, sample, basis } = mapChoice(page, comparison);
  const found = mapLines(comparison)[line];
  if (!found) return '\u00a0';
  const title = visible(found.layer === null ? found.name : `${found.layer} ${found.name}`);
  const cells = pairAt(comparison, found.row, pair, sample);
  if (cells === null) return `${title} · not comparable position by position`;
  const role = cells.runs.find(({ from, to }) => from <= position && position < to)?.role;
  const [one, other] = pair.map((at) => visible(comparison.variants[at]?.label ?? ''));
  const said =
    role === undefined
      ? 'no NaN in either'
      : role === both
        ? 'NaN in both'
        : `NaN in ${(role === leftOnly ? one : other) ?? ''} only`;
  const what = basis === 'tokens' ? 'real token' : 'position';
  const kind = basis === 'positions' && cells.roles[position] === 'p' ? ' (padding)' : '';
  return `${title} · ${what} ${String(position)}${kind} · ${said}`;
}

/** Arrow keys move the frame. @returns the line that Enter was pressed on */
export function stepCompareCursor(
  page: PanelPage,
  comparison: Comparison,
  event: KeyboardEvent,
): ComparedRowLine | undefined {
  const lines = mapLines(comparison);
  const at = cursor ?? { line: 0, position: 0 };
  if (event.key === 'Enter') return lines[at.line];
  const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
  if (step === undefined) return undefined;
  event.preventDefault();
  const clamp = (value: number, count: number): number => Math.max(0, Math.min(Math.max(1, count) - 1, value));
  const line = clamp(at.line + (step[0] ?? 0), lines.length);
  const position = clamp(at.position + (step[1] ?? 0), rolesAt(page, comparison, line).length);
  moveCompareCursor(page, comparison, { line, position });
  return undefined;
}
