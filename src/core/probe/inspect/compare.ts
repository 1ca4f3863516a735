/** Comparing outputs where they lie, so that logits never travel. */
import type { JsonNumber } from '../../report';
import type { TensorData } from '../../tensor';
import { floatsOf, isFloatTensor } from '../floats';
import { jsonNumber } from '../../trace/jsonNumber';

/** Same bits, except that any NaN equals any NaN. */
export function bitEqual(a: TensorData, b: TensorData): boolean {
  if (a.dtype !== b.dtype || a.data.length !== b.data.length) return false;
  // Integers of 64 bits do not fit a number.
  const [left, right] = isFloatTensor(a) ? [floatsOf(a), floatsOf(b)] : [a.data, b.data];
  for (let i = 0; i < left.length; i += 1) if (!Object.is(left[i], right[i])) return false;
  return true;
}

export interface Difference {
  /** Over elements that are finite in both; "Infinity" where one is infinite and the other not equal to it. */
  readonly maxAbsDiff: JsonNumber;
  /** NaN in the same elements. */
  readonly sameNaN: boolean;
}

export function difference(a: TensorData, b: TensorData): Difference {
  const left = floatsOf(a);
  const right = floatsOf(b);
  if (left.length !== right.length) return { maxAbsDiff: 'NaN', sameNaN: false };
  let largest = 0;
  let sameNaN = true;
  for (let i = 0; i < left.length; i += 1) {
    const x = left[i] ?? 0;
    const y = right[i] ?? 0;
    if (Number.isNaN(x) || Number.isNaN(y)) {
      if (Number.isNaN(x) !== Number.isNaN(y)) sameNaN = false;
      continue;
    }
    if (x !== y) largest = Math.max(largest, Math.abs(x - y));
  }
  return { maxAbsDiff: jsonNumber(largest), sameNaN };
}

export interface RowsParams {
  /** Pairs of row numbers: [row of a, row of b]; a row is everything after the leading batch and position axes. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Number of leading axes that make up a row number. */
  readonly leading: number;
  /** The first two axes are position and batch; row numbers count sample by sample all the same. */
  readonly positionsFirst?: boolean;
}

export interface RowsDifference {
  readonly maxAbsDiff: JsonNumber;
  readonly maxAbs: number;
  /** NaN elements in the compared rows of a / of b. */
  readonly nanA: number;
  readonly nanB: number;
  /** Compared rows of a that hold NaN. */
  readonly nanRowsA: number;
  /** The largest element of each row is the same one; null where rows have one element. */
  readonly topSame: boolean | null;
}

/** Real tokens of `a` against their counterparts in the reference `b`. */
export function rowsDifference(a: TensorData, b: TensorData, params: RowsParams): RowsDifference {
  const left = floatsOf(a);
  const right = floatsOf(b);
  const width = a.dims.slice(params.leading).reduce((x, y) => x * y, 1);
  let largest = 0;
  let maxAbs = 0;
  let nanA = 0;
  let nanB = 0;
  let nanRowsA = 0;
  let topSame: boolean | null = width > 1 ? true : null;
  const placeIn = ({ dims }: TensorData): ((row: number) => number) => {
    const [positions = 1, samples = 1] = dims;
    return params.positionsFirst === true
      ? (row) => (row % positions) * samples + Math.floor(row / positions)
      : (row) => row;
  };
  const placeA = placeIn(a);
  const placeB = placeIn(b);
  for (const [ownA, ownB] of params.pairs) {
    const rowA = placeA(ownA);
    const rowB = placeB(ownB);
    let topA = -1;
    let topB = -1;
    const nanBefore = nanA;
    for (let k = 0; k < width; k += 1) {
      const x = left[rowA * width + k] ?? NaN;
      const y = right[rowB * width + k] ?? NaN;
      if (Number.isNaN(x)) nanA += 1;
      if (Number.isNaN(y)) nanB += 1;
      // A row of NaN has no largest element, and so not the same one.
      if (!Number.isNaN(y) && (topB === -1 || y > (right[rowB * width + topB] ?? -Infinity))) topB = k;
      if (!Number.isNaN(x) && (topA === -1 || x > (left[rowA * width + topA] ?? -Infinity))) topA = k;
      if (Number.isNaN(x) || Number.isNaN(y)) continue;
      if (x !== y) largest = Math.max(largest, Math.abs(x - y));
      if (Number.isFinite(y)) maxAbs = Math.max(maxAbs, Math.abs(y));
    }
    if (nanA > nanBefore) nanRowsA += 1;
    if (topSame !== null && topA !== topB) topSame = false;
  }
  return { maxAbsDiff: jsonNumber(nanA > 0 || nanB > 0 ? NaN : largest), maxAbs, nanA, nanB, nanRowsA, topSame };
}
