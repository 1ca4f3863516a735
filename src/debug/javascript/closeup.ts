/**
 * One tensor close up: which axes are samples and positions, counts per (sample, position), histogram, a corner. The
 * rules for axes are those of `../python/detail.py`, and every answer says in `why` what it rests on.
 */
import { now, numberAt, type Figures } from './figures';
import type { Found } from './reach';
import type { Stored, Tensor } from './tensors';

export interface Mask {
  readonly path: string;
  readonly samples: number;
  readonly positions: number;
  /** `r` and `p` per sample. */
  readonly rows: readonly string[];
}

export interface Layout {
  /** Axes of the tensor, as told. */
  readonly sample: number | null;
  readonly position: number | null;
  readonly why: string;
  /** The shape with joined axes split, and which of its axes are what. */
  readonly shape: readonly number[];
  readonly rows: number;
  readonly columns: number;
  readonly mask: Mask | null;
}

const largestMask = 1 << 20;
const largestSquare = 256;
/** Rows and columns of the corner that is shown. */
const cornerSize = 8;
const clockEvery = 1 << 16;

/** The 2-D 0/1 masks among what a frame reaches. */
export const masksAmong = (found: readonly Found[]): Mask[] =>
  found.flatMap(({ path, tensor }) => {
    const mask = path !== null && lastName(path).includes('mask') ? maskOf(path, tensor) : null;
    return mask ? [mask] : [];
  });

const lastName = (path: string): string =>
  (/([\p{ID_Continue}$ -]+)["\])]*$/u.exec(path)?.[1] ?? path).toLowerCase().replaceAll('_', '');

function maskOf(path: string, { shape, dtype, stored, elements }: Tensor): Mask | null {
  const [samples = 0, positions = 0] = shape;
  if (shape.length !== 2 || stored === null || elements === 0 || elements > largestMask) return null;
  const lines: number[][] = [];
  for (let row = 0; row < samples; row += 1) {
    const line = Array.from({ length: positions }, (_, column) => numberAt(stored, row * positions + column));
    if (!line.every((value) => value === 0 || value === 1)) return null;
    lines.push(line);
  }
  if (isCausal(lines, positions)) return null;
  // As in PyTorch's attention layers: a bool `..._padding_mask` is true at padding.
  const real = dtype === 'bool' && lastName(path).endsWith('paddingmask') ? 0 : 1;
  const rows = lines.map((line) => line.map((value) => (value === real ? 'r' : 'p')).join(''));
  return { path, samples, positions, rows };
}

/** A triangle says which position sees which, not which is padding. */
function isCausal(lines: readonly (readonly number[])[], columns: number): boolean {
  const size = lines.length;
  if (size !== columns || size === 1) return false;
  if (size > largestSquare) return true;
  const is = (inside: (row: number, column: number) => boolean): boolean =>
    lines.every((line, row) => line.every((value, column) => (value === 1) === inside(row, column)));
  return (
    is((row, column) => column <= row) ||
    is((row, column) => column >= row) ||
    is((row, column) => column > row) ||
    is((row, column) => column < row)
  );
}

export function layoutOf(shape: readonly number[], masks: readonly Mask[]): Layout {
  for (const fit of [sameAxes, swapped, flattened, headsInSamples]) {
    for (const mask of masks) {
      const layout = fit(shape, mask);
      if (layout) return layout;
    }
  }
  return byRank(shape);
}

function sameAxes(shape: readonly number[], mask: Mask): Layout | null {
  const places: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
    2: [[0, 1]],
    3: [[0, 1]],
    4: [
      [0, 2],
      [0, 1],
    ],
  };
  for (const [rows, columns] of places[shape.length] ?? []) {
    if (shape[rows] === mask.samples && shape[columns] === mask.positions) {
      const why = `Axes ${String(rows)} and ${String(columns)} have the lengths of ${mask.path}.`;
      return { sample: rows, position: columns, why, shape, rows, columns, mask };
    }
  }
  return null;
}

function swapped(shape: readonly number[], mask: Mask): Layout | null {
  if (shape.length !== 3 || shape[1] !== mask.samples || shape[0] !== mask.positions) return null;
  const why = `Positions come first: axes 1 and 0 have the lengths of ${mask.path}.`;
  return { sample: 1, position: 0, why, shape, rows: 1, columns: 0, mask };
}

function flattened([first = 0, last = 0, ...more]: readonly number[], mask: Mask): Layout | null {
  if (more.length > 0 || first === 0 || first !== mask.samples * mask.positions) return null;
  const why = `Axis 0 holds samples times positions, as long as all of ${mask.path}.`;
  return { sample: 0, position: 0, why, shape: [mask.samples, mask.positions, last], rows: 0, columns: 1, mask };
}

function headsInSamples(shape: readonly number[], mask: Mask): Layout | null {
  const [first = 0, second = 0, third = 0] = shape;
  if (shape.length !== 3 || second !== mask.positions || first === 0 || first % mask.samples !== 0) return null;
  const why = `Axis 0 holds samples times heads: ${mask.path} has ${String(mask.samples)} samples and the positions of axis 1.`;
  const split = [mask.samples, first / mask.samples, second, third];
  return { sample: 0, position: 1, why, shape: split, rows: 0, columns: 2, mask };
}

function byRank(shape: readonly number[]): Layout {
  const rank = shape.length;
  const none = { shape, mask: null };
  if (rank < 2 || rank > 4) {
    const axes = rank === 1 ? '1 axis' : `${String(rank)} axes`;
    const why = `A tensor of ${axes} has no usual axes for samples and positions.`;
    return { ...none, sample: null, position: null, why, rows: -1, columns: -1 };
  }
  const columns = rank === 4 ? 2 : 1;
  const why = `By its ${String(rank)} axes alone: no mask in scope agrees.`;
  return { ...none, sample: 0, position: columns, why, rows: 0, columns };
}

/** Of [sample][position]; zero where there are no axes. */
export const cellsOf = ({ shape, rows, columns }: Layout): number =>
  rows < 0 ? 0 : (shape[rows] ?? 0) * (shape[columns] ?? 0);

type Table = number[][];
export interface Counts {
  readonly nan: Table;
  readonly posInf: Table;
  readonly negInf: Table;
}

/** Per [sample][position]; null where the time does not last. */
export function countsOf(stored: Stored, figures: Figures, layout: Layout, deadline: number): Counts | null {
  const { shape, rows, columns } = layout;
  const [height, width] = [shape[rows] ?? 0, shape[columns] ?? 0];
  const table = (): Table => Array.from({ length: height }, () => Array.from({ length: width }, () => 0));
  const counts = { nan: table(), posInf: table(), negInf: table() };
  const isClean = figures.scanned === undefined && figures.nan + figures.posInf + figures.negInf === 0;
  if (isClean || stored.kind === 'integer' || stored.kind === 'big') return counts;
  const stride = (axis: number): number => shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const [down, across] = [stride(rows), stride(columns)];
  const { length } = stored.data;
  for (let i = 0; i < length; i += 1) {
    if (i % clockEvery === clockEvery - 1 && now() > deadline) return null;
    const value = numberAt(stored, i);
    if (value - value === 0) continue;
    const kind = value > 0 ? counts.posInf : value < 0 ? counts.negInf : counts.nan;
    const line = kind[Math.floor(i / down) % height];
    const column = Math.floor(i / across) % width;
    if (line) line[column] = (line[column] ?? 0) + 1;
  }
  return counts;
}

export interface Histogram {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly scanned?: number;
}

/** Of the finite values; null where there is none. */
export function histogramOf(stored: Stored, { min, max }: Figures, bins: number, deadline: number): Histogram | null {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return null;
  // A range wider than the largest number is counted at a quarter of its size.
  const scale = Number.isFinite(max - min) ? 1 : 0.25;
  const [low, high] = widened(min * scale, max * scale);
  const counts = Array.from({ length: bins }, () => 0);
  const { length } = stored.data;
  let seen = 0;
  for (; seen < length; seen += 1) {
    if (seen % clockEvery === clockEvery - 1 && now() > deadline) break;
    const value = numberAt(stored, seen) * scale;
    if (value - value !== 0 || value < low || value > high) continue;
    const bin = Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  if (seen === 0) return null;
  const edges = Array.from(
    { length: bins + 1 },
    (_, i) => (i === bins ? high : low + ((high - low) / bins) * i) / scale,
  );
  return { edges, counts, ...(seen < length ? { scanned: seen } : {}) };
}

function widened(low: number, high: number): readonly [number, number] {
  if (low < high) return [low, high];
  const pad = Math.abs(low) < 1e6 ? 0.5 : Math.abs(low) * 1e-3;
  return [low - pad, high + pad];
}

/** Up to 8 × 8 numbers of the last two axes, the axes before them at `index`. */
export function cornerOf(stored: Stored, shape: readonly number[], index: readonly number[]): (number | string)[][] {
  if (shape.includes(0)) return [];
  const lines = shape.length < 2 ? 1 : (shape.at(-2) ?? 1);
  const columns = shape.at(-1) ?? 1;
  const start =
    shape
      .slice(0, -2)
      .reduce((at, size, axis) => at * size + Math.min(Math.max(Math.trunc(index[axis] ?? 0), 0), size - 1), 0) *
    lines *
    columns;
  return Array.from({ length: Math.min(lines, cornerSize) }, (_, line) =>
    Array.from({ length: Math.min(columns, cornerSize) }, (_none, column) =>
      shown(stored, start + line * columns + column),
    ),
  );
}

function shown(stored: Stored, i: number): number | string {
  const value = numberAt(stored, i);
  // Beyond 2⁵³ a number would show digits that the element does not have.
  return stored.kind === 'big' && !Number.isSafeInteger(value) ? String(stored.data[i]) : value;
}
