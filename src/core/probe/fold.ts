import { batchPlace, isLabelled, positionPlace } from '../onnx/axes/types';
import type { Factor, FactorPlace, TensorAxes } from '../onnx/axes/types';
import type { Flags } from '../trace/health';
import { NAN } from '../trace/health';

/** Sizes that coordinates are told apart by: samples of the batch, positions of each of its sequences. */
export interface Grid {
  readonly samples: number;
  /** By sequence (0 = tokens or target, 1 = memory). */
  readonly positions: readonly number[];
}

/** Axes that a probe must keep: those that hold the batch or the position that the site is counted on. */
export function keptAxes(axes: TensorAxes): number[] {
  const keep = new Set<number>();
  for (const place of [positionPlace(axes), batchPlace(axes)]) if (place) keep.add(place.axis);
  return [...keep].sort((a, b) => a - b);
}

/**
 * Where each element of a row-major tensor falls in the grid: sample × positions + position, −1 for nowhere,
 * −2 − sample for what is a sample's but none of its positions.
 */
export interface Cells {
  readonly samples: number;
  readonly positions: number;
  readonly perSample: boolean;
  readonly perPosition: boolean;
  readonly sequence: number;
  readonly key: boolean;
  readonly cell: Int32Array;
}

/** `axes` restricted to `kept`, in order; the others were reduced away. */
export function cellsOf(axes: TensorAxes, kept: readonly number[], grid: Grid): Cells {
  const position = positionPlace(axes);
  const batch = batchPlace(axes);
  const sequence = position?.factor.sequence ?? 0;
  const samples = batch ? grid.samples : 1;
  const positions = position ? (grid.positions[sequence] ?? 1) : 1;
  const isAt = (place: FactorPlace | null, axis: number, index: number): boolean =>
    place !== null && axis === place.axis && index === place.index;
  const factors: { factor: Factor; primary: boolean; sampled: boolean }[] = kept.flatMap((axis) =>
    (axes[axis] ?? []).map((factor, index) => ({
      factor,
      primary: isAt(position, axis, index),
      // Samples against samples (a contrastive loss): the first axis says whose row it is.
      sampled: isAt(batch, axis, index),
    })),
  );
  const size = factors.reduce((product, { factor }) => product * factor.size, 1);
  const cell = new Int32Array(size);
  const coordinate = factors.map(() => 0);
  for (let i = 0; i < size; i += 1) {
    let sample = 0;
    let place = 0;
    let nowhere = false;
    let nobody = false;
    for (const [k, { factor, primary, sampled }] of factors.entries()) {
      const at = coordinate[k] ?? 0;
      if (sampled) {
        sample = factor.samples ? (factor.samples[at] ?? -1) : at;
        if (sample < 0 || sample >= samples) nobody = true;
      }
      if (primary) {
        place = factor.positions ? (factor.positions[at] ?? -1) : at;
        if (place < 0 || place >= positions) nowhere = true;
      }
    }
    if (nobody || (nowhere && batch === null)) cell[i] = -1;
    else cell[i] = nowhere ? -2 - sample : sample * positions + place;
    for (let k = factors.length - 1; k >= 0; k -= 1) {
      const next = (coordinate[k] ?? 0) + 1;
      if (next < (factors[k]?.factor.size ?? 1)) {
        coordinate[k] = next;
        break;
      }
      coordinate[k] = 0;
    }
  }
  return {
    samples,
    positions,
    perSample: batch !== null,
    perPosition: position !== null,
    sequence,
    key: position?.factor.key ?? false,
    cell,
  };
}

/** Probe values (sums or the elements themselves) as flags. */
export function foldFlags(cells: Cells, values: ArrayLike<number>): Flags {
  const bits = new Uint8Array(cells.samples * cells.positions);
  for (let i = 0; i < cells.cell.length; i += 1) {
    if (!Number.isNaN(values[i])) continue;
    const at = cells.cell[i] ?? -1;
    if (at >= 0) bits[at] = NAN;
    // An element that belongs to no position (a class token) is not lost: it counts for all of its own sample's, and
    // one that belongs to no sample either for all of them.
    else {
      const from = at === -1 ? 0 : (-2 - at) * cells.positions;
      const to = at === -1 ? bits.length : from + cells.positions;
      bits.fill(NAN, from, to);
    }
  }
  const { samples, positions, perSample, perPosition, sequence, key } = cells;
  return { samples, positions, perSample, perPosition, sequence, key, bits };
}

/** Same axes give the same cells: the key under which they may be shared. */
export function cellsKey(axes: TensorAxes, kept: readonly number[]): string | null {
  const parts: string[] = [];
  for (const axis of kept) {
    for (const factor of axes[axis] ?? []) {
      if (factor.samples || factor.positions) return null;
      parts.push(`${factor.kind}:${String(factor.size)}:${String(factor.sequence)}:${String(factor.key)}`);
    }
    parts.push('/');
  }
  return parts.join(',');
}

export const isWhole = (axes: TensorAxes): boolean => !axes.some((axis) => axis.some(isLabelled));
