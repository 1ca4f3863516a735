/** Attention over five tokens in plain arithmetic (float64), to tell what a kernel gave. */
import { allowed, heads, pads, tokens, width, type Projections } from './batch';

type Sees = (query: number, key: number) => boolean;

/** softmax(q·kᵀ / √width over the keys that are seen) · v, [tokens, heads · width]; NaN for a query without a key. */
export function attention({ q, k, v }: Projections, sees: Sees): number[][] {
  return rows((head, query) => {
    const keys = indices.filter((key) => sees(query, key));
    const at = (data: Float32Array, token: number, i: number): number =>
      data[(token * heads + head) * width + i] ?? NaN;
    const scores = keys.map((key) => sum((i) => at(q, query, i) * at(k, key, i)) / Math.sqrt(width));
    const most = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - most));
    const total = weights.reduce((a, b) => a + b, 0);
    return (i) => keys.reduce((mixed, key, j) => mixed + ((weights[j] ?? 0) / total) * at(v, key, i), 0) / +(total > 0);
  });
}

/** Mean of the values of the keys that are seen. */
export function uniform({ v }: Projections, sees: Sees): number[][] {
  return rows((head, query) => {
    const keys = indices.filter((key) => sees(query, key));
    return (i) => keys.reduce((mixed, key) => mixed + (v[(key * heads + head) * width + i] ?? NaN), 0) / keys.length;
  });
}

export const causal: Sees = (query, key) => key <= query;
export const everything: Sees = () => true;
export { allowed };

const indices = Array.from({ length: tokens }, (_, i) => i);
const sum = (term: (i: number) => number): number =>
  Array.from({ length: width }, (_, i) => term(i)).reduce((a, b) => a + b, 0);

function rows(of: (head: number, query: number) => (i: number) => number): number[][] {
  return indices.map((query) =>
    Array.from({ length: heads }, (_, head) => of(head, query)).flatMap((element) =>
      Array.from({ length: width }, (_, i) => element(i)),
    ),
  );
}

/** float32 kernels against float64. */
const tolerance = 1e-4;
/** Scores in the ten thousands have steps of 0.001; different answers are far more than this apart. */
const looseTolerance = 5e-3;

const isRow = (row: readonly number[], like: readonly number[] | undefined, within: number): boolean =>
  row.every((value, i) => Math.abs(value - (like?.[i] ?? NaN)) <= within);

const rowsOf = (output: readonly number[]): number[][] =>
  indices.map((token) => output.slice(token * heads * width, (token + 1) * heads * width));

/** What the fully masked rows came out as; each has another number of keys before it. */
export function maskedRowsAre(output: readonly number[], inputs: Projections): string {
  const named: readonly (readonly [string, readonly (readonly number[])[]])[] = [
    ['zeros', rowsOf(Array<number>(tokens * heads * width).fill(0))],
    ['mean of all values', uniform(inputs, everything)],
    ['mean of the values before it', uniform(inputs, causal)],
    ['mean of the values after it', uniform(inputs, (query, key) => key > query)],
    ['as if nothing were masked', attention(inputs, everything)],
    ['as if padding were not masked', attention(inputs, causal)],
  ];
  const masked = rowsOf(output).slice(0, pads);
  if (masked.every((row) => row.some(Number.isNaN))) return 'NaN';
  return (
    named.find(([, like]) => masked.every((row, i) => isRow(row, like[i], looseTolerance)))?.[0] ?? 'other numbers'
  );
}

/** `right`, `NaN`, `NaN in 1 of 3`, `wrong numbers`: of the real tokens, which see real keys only. */
export function realRowsAre(output: readonly number[], clean: Projections): string {
  const real = rowsOf(output).slice(pads);
  const nan = real.filter((row) => row.some(Number.isNaN)).length;
  if (nan > 0) return nan === real.length ? 'NaN' : `NaN in ${String(nan)} of ${String(real.length)}`;
  const truth = attention(clean, allowed).slice(pads);
  return real.every((row, i) => isRow(row, truth[i], tolerance)) ? 'right' : 'wrong numbers';
}
