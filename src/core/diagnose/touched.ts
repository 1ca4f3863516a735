/**
 * Which cells of an output read a NaN of one input, coordinate by coordinate along the axes that the operator keeps
 * apart. Needed where labels alone would mislead: a token that meets the one before it, samples in another order,
 * running sums.
 */
import type { Link } from '../onnx/axes/link';
import type { TensorAxes } from '../onnx/axes/types';
import { axisSize } from '../onnx/axes/types';
import { cellsOf, keptAxes } from '../probe/fold';
import type { Flags } from '../trace/health';
import { NAN } from '../trace/health';

/** By cell of `out`, 1 where the node read a NaN of the input for it. */
export function touched(link: Link, input: Flags, out: Flags): Uint8Array {
  const from = cells(link.from, input);
  const to = cells(link.to, out);
  // Axes of the input that say which cell it is and that the output tells apart as well.
  const shared = from.kept.flatMap((axis) => {
    const place = to.kept.indexOf(link.map[axis] ?? -1);
    return place < 0 ? [] : [{ axis, place, broadcast: axisSize(link.from[axis] ?? []) === 1 }];
  });
  const sizes = shared.map(({ axis }) => axisSize(link.from[axis] ?? []));
  const sick = new Uint8Array(sizes.reduce((a, b) => a * b, 1));
  walk(from.sizes, (index, at) => {
    if (isSick(input, from.cell[index] ?? -1))
      sick[
        flat(
          shared.map(({ axis }) => at[from.kept.indexOf(axis)] ?? 0),
          sizes,
        )
      ] = 1;
  });
  const spread = link.band
    ? alongBand(
        sick,
        sizes,
        shared.findIndex(({ axis }) => axis === link.band?.axis),
        link.band,
      )
    : sick;
  const result = new Uint8Array(out.bits.length);
  walk(to.sizes, (index, at) => {
    if (
      spread[
        flat(
          shared.map(({ place, broadcast }) => (broadcast ? 0 : (at[place] ?? 0))),
          sizes,
        )
      ] !== 1
    )
      return;
    markCell(result, to.cell[index] ?? -1, out.positions);
  });
  return result;
}

function cells(axes: TensorAxes, flags: Flags): { kept: number[]; sizes: number[]; cell: Int32Array } {
  const kept = keptAxes(axes);
  // Sequences do not matter here: the flags say how many positions there are.
  const positions = Array.from({ length: flags.sequence + 1 }, () => flags.positions);
  return {
    kept,
    sizes: kept.map((axis) => axisSize(axes[axis] ?? [])),
    cell: cellsOf(axes, kept, { samples: flags.samples, positions }).cell,
  };
}

/** −1 is nowhere and counts for all, −2 − sample is a sample's without a position: see `cellsOf`. */
const range = (cell: number, positions: number, length: number): readonly [number, number] =>
  cell >= 0 ? [cell, cell + 1] : cell === -1 ? [0, length] : [(-2 - cell) * positions, (-1 - cell) * positions];

/** What is nobody's was marked in every cell that it counts for: it held NaN only if all of them do. */
function isSick({ bits, positions }: Flags, cell: number): boolean {
  const [start, end] = range(cell, positions, bits.length);
  for (let i = start; i < end; i += 1) if (((bits[i] ?? 0) & NAN) === 0) return false;
  return end > start;
}

function markCell(bits: Uint8Array, cell: number, positions: number): void {
  const [start, end] = range(cell, positions, bits.length);
  bits.fill(1, start, end);
}

const flat = (at: readonly number[], sizes: readonly number[]): number =>
  at.reduce((index, value, i) => index * (sizes[i] ?? 1) + value, 0);

function walk(sizes: readonly number[], visit: (index: number, at: readonly number[]) => void): void {
  const total = sizes.reduce((a, b) => a * b, 1);
  const at = sizes.map(() => 0);
  for (let index = 0; index < total; index += 1) {
    visit(index, at);
    for (let k = sizes.length - 1; k >= 0; k -= 1) {
      const next = (at[k] ?? 0) + 1;
      if (next < (sizes[k] ?? 1)) {
        at[k] = next;
        break;
      }
      at[k] = 0;
    }
  }
}

/** Coordinate c of the output reads c − before … c + after of the input. */
function alongBand(
  sick: Uint8Array,
  sizes: readonly number[],
  place: number,
  { before, after }: { readonly before: number; readonly after: number },
): Uint8Array {
  if (place < 0) return sick;
  const size = sizes[place] ?? 1;
  const stride = sizes.slice(place + 1).reduce((a, b) => a * b, 1);
  const result = new Uint8Array(sick.length);
  for (let i = 0; i < sick.length; i += 1) {
    if (sick[i] !== 1) continue;
    const own = Math.floor(i / stride) % size;
    const base = i - own * stride;
    for (let c = Math.max(0, own - after); c <= Math.min(size - 1, own + before); c += 1) result[base + c * stride] = 1;
  }
  return result;
}
