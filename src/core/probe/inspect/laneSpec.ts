/**
 * Which elements of its inputs an operator adds up, multiplies or normalises together for *one* element of its
 * output: the terms of a matrix product, the elements under a sum, the vector of a norm. Plain data, from the ONNX
 * operator specification.
 */
import { broadcastIndex, coordinates, flatIndex } from './elementPath';

export type LaneSpec =
  /** A[…, M, K] × B[…, K, N], one-dimensional operands as NumPy's matmul has them. */
  | { readonly kind: 'matmul' }
  /** Third operand C is added, broadcast. */
  | { readonly kind: 'gemm'; readonly transA: boolean; readonly transB: boolean }
  /** One string of letters per operand, and the output's. */
  | { readonly kind: 'einsum'; readonly terms: readonly string[]; readonly out: string }
  /** X[N, C, …] with W[M, C/group, …]; third operand B[M] is added. */
  | {
      readonly kind: 'conv';
      readonly strides: readonly number[];
      readonly padsBegin: readonly number[];
      readonly dilations: readonly number[];
      readonly group: number;
    }
  /** Everything along `axes`. `rest`: axes of one dimension that are missing from the output. */
  | { readonly kind: 'reduce'; readonly axes: readonly number[]; readonly keepdims: boolean }
  /** All elements up to this one. */
  | { readonly kind: 'prefix'; readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean }
  /**
   * The first `vectors` operands along `axes`, in full; the others broadcast against the output, or, with
   * `channel`, read at that coordinate of the output.
   */
  | {
      readonly kind: 'norm';
      readonly axes: readonly number[];
      readonly vectors: number;
      readonly channel: number | null;
    };

/**
 * Flat indices per operand for the output element at `at`; paired term by term where the operator multiplies.
 * Null for an operand that the element does not read, or where shapes do not fit.
 */
export function laneOf(
  spec: LaneSpec,
  at: readonly number[],
  dims: readonly (readonly number[])[],
): (number[] | null)[] {
  switch (spec.kind) {
    case 'matmul':
      return matmul(at, dims[0] ?? [], dims[1] ?? []);
    case 'gemm': {
      const [a = [], b = [], c] = dims;
      const [m = 0, n = 0] = at;
      const size = a[spec.transA ? 0 : 1] ?? 0;
      const left = range(size, (k) => flatIndex(spec.transA ? [k, m] : [m, k], a));
      const right = range(size, (k) => flatIndex(spec.transB ? [n, k] : [k, n], b));
      return [left, right, c ? single(broadcastIndex(at, c)) : null];
    }
    case 'einsum':
      return einsum(spec.terms, spec.out, at, dims);
    case 'conv':
      return convolution(spec, at, dims);
    case 'reduce': {
      const own = dims[0] ?? [];
      const reduced = new Set(spec.axes);
      let place = 0;
      const base = own.map((_, axis) => {
        if (reduced.has(axis)) {
          if (spec.keepdims) place += 1;
          return 0;
        }
        place += 1;
        return at[place - 1] ?? 0;
      });
      return [along(own, base, spec.axes)];
    }
    case 'prefix': {
      const own = dims[0] ?? [];
      const end = at[spec.axis] ?? 0;
      const size = own[spec.axis] ?? 0;
      const from = spec.reverse ? end + (spec.exclusive ? 1 : 0) : 0;
      const to = spec.reverse ? size : end + (spec.exclusive ? 0 : 1);
      return [range(Math.max(0, to - from), (k) => flatIndex(replaced(at, spec.axis, from + k), own))];
    }
    case 'norm':
      return dims.map((own, i) => {
        if (i < spec.vectors) return spec.axes.length === 0 ? single(flatIndex(at, own)) : along(own, at, spec.axes);
        return single(spec.channel === null ? broadcastIndex(at, own) : (at[spec.channel] ?? null));
      });
  }
}

const replaced = (at: readonly number[], axis: number, coordinate: number): number[] =>
  at.map((own, i) => (i === axis ? coordinate : own));

const single = (index: number | null): number[] | null => (index === null ? null : [index]);

function range(size: number, indexOf: (k: number) => number | null): number[] | null {
  const found: number[] = [];
  for (let k = 0; k < size; k += 1) {
    const index = indexOf(k);
    if (index === null) return null;
    found.push(index);
  }
  return found;
}

/** Every element that differs from `base` along `axes` only. */
function along(dims: readonly number[], base: readonly number[], axes: readonly number[]): number[] | null {
  const sizes = axes.map((axis) => dims[axis] ?? 1);
  const count = sizes.reduce((a, b) => a * b, 1);
  return range(count, (k) => {
    const at = [...base];
    for (const [i, coordinate] of coordinates(k, sizes).entries()) at[axes[i] ?? 0] = coordinate;
    return flatIndex(at, dims);
  });
}

function matmul(at: readonly number[], a: readonly number[], b: readonly number[]): (number[] | null)[] {
  const hasM = a.length > 1;
  const hasN = b.length > 1;
  const batch = at.slice(0, at.length - (hasM ? 1 : 0) - (hasN ? 1 : 0));
  const m = hasM ? at[batch.length] : undefined;
  const n = hasN ? at[at.length - 1] : undefined;
  const size = a.at(-1) ?? 0;
  const index = (dims: readonly number[], own: readonly number[]): number | null => {
    const before = dims.slice(0, dims.length - own.length);
    const start = broadcastIndex(batch, before);
    const rest = flatIndex(own, dims.slice(before.length));
    return start === null || rest === null ? null : start * dims.slice(before.length).reduce((x, y) => x * y, 1) + rest;
  };
  return [
    range(size, (k) => index(a, m === undefined ? [k] : [m, k])),
    range(size, (k) => index(b, n === undefined ? [k] : [k, n])),
  ];
}

function einsum(
  terms: readonly string[],
  out: string,
  at: readonly number[],
  dims: readonly (readonly number[])[],
): (number[] | null)[] {
  const sizes = new Map<string, number>();
  for (const [i, term] of terms.entries())
    for (const [k, letter] of Array.from(term).entries())
      sizes.set(letter, Math.max(sizes.get(letter) ?? 1, dims[i]?.[k] ?? 1));
  const summed = [...sizes.keys()].filter((letter) => !out.includes(letter));
  const count = summed.reduce((product, letter) => product * (sizes.get(letter) ?? 1), 1);
  const place = new Map(Array.from(out, (letter, i) => [letter, at[i] ?? 0]));
  const summedSizes = summed.map((letter) => sizes.get(letter) ?? 1);
  return terms.map((term, i) =>
    range(count, (k) => {
      for (const [s, coordinate] of coordinates(k, summedSizes).entries()) place.set(summed[s] ?? '', coordinate);
      const own = dims[i] ?? [];
      return flatIndex(
        Array.from(term, (letter, axis) => (own[axis] === 1 ? 0 : (place.get(letter) ?? 0))),
        own,
      );
    }),
  );
}

function convolution(
  spec: Extract<LaneSpec, { kind: 'conv' }>,
  at: readonly number[],
  dims: readonly (readonly number[])[],
): (number[] | null)[] {
  const [x = [], w = [], bias] = dims;
  const [sample = 0, channel = 0, ...place] = at;
  const perGroup = w[1] ?? 0;
  const first = Math.floor(channel / Math.max(1, (w[0] ?? 1) / spec.group)) * perGroup;
  const kernel = w.slice(2);
  const size = kernel.reduce((a, b) => a * b, perGroup);
  const left: number[] = [];
  const right: number[] = [];
  for (let k = 0; k < size; k += 1) {
    const [c = 0, ...window] = coordinates(k, [perGroup, ...kernel]);
    const source = window.map(
      (offset, i) =>
        (place[i] ?? 0) * (spec.strides[i] ?? 1) - (spec.padsBegin[i] ?? 0) + offset * (spec.dilations[i] ?? 1),
    );
    // Outside: padding, which is zero and does not meet the weight.
    const from = flatIndex([sample, first + c, ...source], x);
    const weight = flatIndex([channel, c, ...window], w);
    if (from === null || weight === null) continue;
    left.push(from);
    right.push(weight);
  }
  return [left, right, bias ? [channel] : null];
}
