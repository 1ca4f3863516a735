/** One tensor: what is looked for in it, and what came out. */
import type { ErrorPayload } from '../errors';
import { axesOf, type AxesRule } from './axes';
import { Counts } from './count';
import type { StoredMask } from './mask';
import { Grid, placesOf } from './places';
import type { AxisPlaces, GridPlaces, SamplePlaces, ScannedTensor, TensorEntry } from './types';

/** Samples that are listed; more are counted only. */
const mostSamples = 1000;

export class TensorScan {
  readonly counts: Counts | null;
  /** A rule of the person that could not be kept. */
  readonly problem: string | null;
  private readonly axes: readonly string[] | null;
  private readonly grid: Grid | null;
  private readonly mask: StoredMask | null;
  private readonly axis: AxisPlaces['axis'] | null;

  constructor(
    private readonly entry: TensorEntry,
    rules: readonly AxesRule[],
    mask: StoredMask | null,
  ) {
    const { type, dims, name } = entry;
    const asked = axesOf(rules, name, dims);
    const known = asked.axes ?? leadingAxes(dims, mask);
    this.problem = asked.problem;
    this.axes = known?.words ?? null;
    const axes = known ?? { row: null, position: 0 };
    const grid = dims.length === 0 ? null : new Grid(entry, axes);
    this.grid = grid?.isKept === true ? grid : null;
    this.axis = known === null ? 'first' : known.row === null ? 'position' : known.position === null ? 'batch' : null;
    const fits = mask !== null && grid?.rows === mask.samples && grid.positions === mask.positions;
    this.mask = this.axis === null && fits ? mask : null;
    this.counts =
      type.floats === null
        ? null
        : new Counts(type.floats, entry.bigEndian, (index, isNaN) => {
            this.grid?.mark(index, isNaN ? 'nan' : 'inf');
          });
  }

  /** @param error why it could not be read to its end: then no figure is given */
  result(error?: ErrorPayload): ScannedTensor {
    const { entry, counts } = this;
    const {
      nan = 0,
      posInf = 0,
      negInf = 0,
      min = Infinity,
      max = -Infinity,
    } = error === undefined ? (counts ?? {}) : {};
    return {
      name: entry.name,
      dtype: entry.type.name,
      shape: entry.dims,
      elements: entry.elements,
      state: error !== undefined ? 'failed' : counts === null ? 'none-possible' : 'counted',
      nan,
      posInf,
      negInf,
      min: min <= max ? min : null,
      max: min <= max ? max : null,
      axes: this.axes,
      where: error === undefined && counts !== null ? this.where() : null,
      ...(error && { error }),
    };
  }

  private where(): AxisPlaces | GridPlaces | null {
    const { grid, axis } = this;
    if (grid === null) return null;
    if (axis === null) return this.samples(grid);
    const along = axis === 'batch' ? grid.rows : grid.positions;
    const places = (what: 'nan' | 'inf') => (axis === 'batch' ? grid.rowsWith(what) : grid.inRow(what, 0));
    return { kind: 'axis', axis, of: along, nan: places('nan'), inf: places('inf') };
  }

  private samples(grid: Grid): GridPlaces {
    const { rows, positions } = grid;
    const list: SamplePlaces[] = [];
    let leftOut = 0;
    const [nan, inf] = [grid.rowsWith('nan'), grid.rowsWith('inf')];
    for (let sample = 0; sample < rows && nan.count + inf.count > 0; sample++) {
      if (!grid.anywhereIn('nan', sample) && !grid.anywhereIn('inf', sample)) continue;
      if (list.length < mostSamples) list.push(this.sample(grid, sample));
      else leftOut++;
    }
    return { kind: 'samples', samples: rows, positions, nan, inf, mask: this.mask?.name ?? null, list, leftOut };
  }

  private sample(grid: Grid, sample: number): SamplePlaces {
    const { mask } = this;
    const places = { sample, nan: grid.inRow('nan', sample), inf: grid.inRow('inf', sample) };
    if (mask === null) return places;
    const isReal = (position: number): boolean => mask.isReal(sample * mask.positions + position);
    const count = (real: boolean, withNaN: boolean): number =>
      placesOf(mask.positions, (at) => isReal(at) === real && (!withNaN || grid.has('nan', sample, at))).count;
    return {
      ...places,
      pad: { of: count(false, false), nan: count(false, true) },
      real: { of: count(true, false), nan: count(true, true) },
    };
  }
}

/** By the mask that the person named, of a tensor that begins with its sizes. */
const leadingAxes = (
  dims: readonly number[],
  mask: StoredMask | null,
): { readonly words: readonly string[]; readonly row: number; readonly position: number } | null =>
  mask !== null && dims[0] === mask.samples && dims[1] === mask.positions
    ? { words: dims.map((_, axis) => ['batch', 'position'][axis] ?? '*'), row: 0, position: 1 }
    : null;
