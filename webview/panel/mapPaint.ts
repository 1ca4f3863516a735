/**
 * Paints a scene. Every cell with NaN covers at least one device pixel, so that no NaN is lost where 500 stages share
 * 480 pixels: clean cells are painted first, then NaN at padding, then NaN at real tokens over both.
 */
import { roleRuns, type Scene } from './mapScene';

export interface Colours {
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
export function readColours(canvas: HTMLElement): Colours {
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

type Paint = CanvasRenderingContext2D;

/** Which runs of a scene get which colour; later ones lie over earlier ones. */
export type Inks = readonly (readonly [role: string, colour: string])[];

/**
 * @param pixel size of a device pixel in CSS pixels
 * @param inks NaN at padding, then at real tokens, where nothing else is said
 */
export function paintScene(
  paint: Paint,
  scene: Scene,
  colours: Colours,
  pixel: number,
  inks: Inks = [
    ['p', colours.padNan],
    ['r', colours.realNan],
  ],
): void {
  paintBackground(paint, scene, colours);
  for (const [role, colour] of inks) paintNan(paint, scene, role, colour, pixel);
  paintGrid(paint, scene, colours);
  paintLayers(paint, scene, colours);
  paintAxis(paint, scene, colours);
}

export function paintCursor(
  paint: Paint,
  { lines, plot }: Scene,
  at: { readonly line: number; readonly position: number },
  colours: Colours,
): void {
  const line = lines[at.line];
  if (line === undefined) {
    return;
  }
  const columns = line.cells?.columns;
  const from = columns?.start(at.position) ?? plot.left;
  const to = columns?.end(at.position) ?? plot.left + plot.width;
  paint.strokeStyle = colours.focus;
  paint.lineWidth = 2;
  paint.strokeRect(from - 1, line.top - 1, Math.max(3, to - from) + 2, Math.max(3, line.tall) + 2);
}

function paintBackground(paint: Paint, { lines, plot }: Scene, colours: Colours): void {
  for (const { wholeNan, top, tall, cells } of lines) {
    if (cells === null) {
      // No position is known, so no position is painted: an empty frame, coloured where NaN is.
      paint.strokeStyle = wholeNan ? colours.realNan : colours.unknown;
      paint.lineWidth = 1;
      paint.setLineDash([3, 3]);
      paint.strokeRect(plot.left + 0.5, top + 0.5, plot.width - 1, Math.max(1, tall - 1));
      paint.setLineDash([]);
      continue;
    }
    const { roles, columns } = cells;
    for (const { from, to, role } of roleRuns(roles, 0, roles.length)) {
      paint.fillStyle = role === 'p' ? colours.pad : colours.real;
      paint.fillRect(columns.start(from), top, columns.end(to - 1) - columns.start(from), tall);
    }
  }
}

function paintNan(paint: Paint, { lines }: Scene, wanted: string, colour: string, pixel: number): void {
  paint.fillStyle = colour;
  for (const { top, tall, cells } of lines) {
    for (const { from, to, role } of cells?.nan ?? []) {
      if (role === wanted && cells !== null) {
        const start = cells.columns.start(from);
        paint.fillRect(start, top, Math.max(pixel, cells.columns.end(to - 1) - start), Math.max(pixel, tall));
      }
    }
  }
}

/** Gaps between cells, where cells are large enough to be told apart. */
function paintGrid(paint: Paint, { lines, plot }: Scene, colours: Colours): void {
  if ((lines[0]?.tall ?? 0) < 5) {
    return;
  }
  paint.fillStyle = colours.ground;
  for (const { top, tall, cells } of lines) {
    if (cells === null) {
      continue;
    }
    const { length } = cells.roles;
    paint.fillRect(plot.left, top + tall - 1, plot.width, 1);
    if (plot.width / length >= 6) {
      for (let position = 1; position < length; position++) {
        paint.fillRect(Math.round(cells.columns.start(position)), top, 1, tall);
      }
    }
  }
}

/** A name where a layer begins, and a line above it where it does not drown the layers. */
function paintLayers(paint: Paint, { lines, plot }: Scene, colours: Colours): void {
  paint.font = colours.font;
  paint.fillStyle = colours.text;
  paint.strokeStyle = colours.line;
  paint.lineWidth = 1;
  paint.textBaseline = 'top';
  let lastLabel = -Infinity;
  lines.forEach(({ layer, title, top: edge }, line) => {
    const starts = line === 0 || layer === null || layer !== lines[line - 1]?.layer;
    if (!starts) {
      return;
    }
    const top = Math.round(edge) + 0.5;
    if (line > 0 && plot.height / lines.length >= 3) {
      paint.beginPath();
      paint.moveTo(plot.left, top);
      paint.lineTo(plot.left + plot.width, top);
      paint.stroke();
    }
    if (top - lastLabel >= 12 && top + 10 <= plot.height + 4) {
      paint.fillText(clipped(layer ?? title), 0, top);
      lastLabel = top;
    }
  });
}

/** Positions of the batch's own sequence; an encoder's rows may be of another length. */
function paintAxis(paint: Paint, { axis: { columns, positions, name }, plot }: Scene, colours: Colours): void {
  const top = plot.height + 5;
  paint.fillStyle = colours.text;
  if (name !== null) {
    paint.fillText(name, 0, top);
  }
  const step = Math.max(1, Math.ceil(positions / Math.max(1, Math.floor(plot.width / 48))));
  const nice = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((candidate) => candidate >= step) ?? step;
  for (let position = 0; position < positions; position += nice) {
    paint.fillText(String(position), columns.start(position), top);
  }
}

/** The end says which layer it is: `enc. layer 0`. */
function clipped(text: string): string {
  const short = text.replace(/^(enc|dec)oder layer /, '$1. layer ');
  return short.length <= mostLetters ? short : `${short.slice(0, 4)}…${short.slice(5 - mostLetters)}`;
}
/** What fits beside the plot. */
const mostLetters = 13;
