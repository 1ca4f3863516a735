/**
 * Remembers where in a tensor something is, by (row, position): two axes of it, or one of them. A cell takes a bit,
 * and none before the first find, so that clean tensors cost nothing.
 */
import type { Places, TensorEntry } from './types';

/** 32 MB of bits; what has more cells than that is counted without saying where. */
const mostCells = 2 ** 28;
/** Ranges in one list. */
const mostRanges = 1000;

export interface GridAxes {
  /** Axis of the rows; null: a single row. */
  readonly row: number | null;
  /** Axis of the positions; null: a single position. */
  readonly position: number | null;
}

export class Grid {
  readonly rows: number;
  readonly positions: number;
  private readonly rowStride: number;
  private readonly positionStride: number;
  /** So many elements in a row of memory lie in the same cell. */
  private readonly run: number;
  private readonly found: { nan: Uint8Array | null; inf: Uint8Array | null } = { nan: null, inf: null };
  private readonly knownUntil = { nan: 0, inf: 0 };

  constructor({ dims, order }: Pick<TensorEntry, 'dims' | 'order'>, axes: GridAxes) {
    const size = (axis: number | null): number => (axis === null ? 1 : (dims[axis] ?? 1));
    const stride = (axis: number | null): number => (axis === null ? 1 : strideOf(dims, order, axis));
    this.rows = size(axes.row);
    this.positions = size(axes.position);
    this.rowStride = stride(axes.row);
    this.positionStride = stride(axes.position);
    this.run = Math.min(...[axes.row, axes.position].flatMap((axis) => (axis === null ? [] : [stride(axis)])));
  }

  /** Whether there are few enough cells to keep. */
  get isKept(): boolean {
    return this.rows * this.positions <= mostCells;
  }

  /** @param index of an element as it is stored; ascending */
  mark(index: number, what: 'nan' | 'inf'): void {
    if (index < this.knownUntil[what]) return;
    this.knownUntil[what] = index - (index % this.run) + this.run;
    const row = Math.floor(index / this.rowStride) % this.rows;
    const position = Math.floor(index / this.positionStride) % this.positions;
    const cell = row * this.positions + position;
    const bits = (this.found[what] ??= new Uint8Array(Math.ceil((this.rows * this.positions) / 8)));
    bits[cell >> 3] = (bits[cell >> 3] ?? 0) | (1 << (cell & 7));
  }

  has(what: 'nan' | 'inf', row: number, position: number): boolean {
    const cell = row * this.positions + position;
    return (((this.found[what]?.[cell >> 3] ?? 0) >> (cell & 7)) & 1) === 1;
  }

  /** Positions of a row. */
  inRow(what: 'nan' | 'inf', row: number): Places {
    return placesOf(this.found[what] === null ? 0 : this.positions, (position) => this.has(what, row, position));
  }

  /** Rows that have it anywhere. */
  rowsWith(what: 'nan' | 'inf'): Places {
    return placesOf(this.found[what] === null ? 0 : this.rows, (row) => this.anywhereIn(what, row));
  }

  anywhereIn(what: 'nan' | 'inf', row: number): boolean {
    if (this.found[what] === null) return false;
    for (let position = 0; position < this.positions; position++) if (this.has(what, row, position)) return true;
    return false;
  }
}

function strideOf(dims: readonly number[], order: TensorEntry['order'], axis: number): number {
  const faster = order === 'C' ? dims.slice(axis + 1) : dims.slice(0, axis);
  return faster.reduce((product, size) => product * size, 1);
}

/** Ascending indices below `length` for which `holds`, as merged ranges; all are counted, the first ones are listed. */
export function placesOf(length: number, holds: (index: number) => boolean): Places {
  const parts: string[] = [];
  let count = 0;
  let cut = false;
  for (let from = 0; from < length; from++) {
    if (!holds(from)) continue;
    let to = from;
    while (to + 1 < length && holds(to + 1)) to++;
    count += to - from + 1;
    if (parts.length < mostRanges) parts.push(from === to ? String(from) : `${String(from)}-${String(to)}`);
    else cut = true;
    from = to;
  }
  return { count, at: parts.join(','), ...(cut && { cut }) };
}
