import type { OperationRule, Words } from './operation';
import { normalizations } from './read/normalization';
import { show } from './types';

const rootOf = (a: number, meaning: string): Words | null =>
  a < 0 ? { formula: `√(${show(a)}) = NaN`, meaning } : null;

/** The square root of a negative number, also of a norm's variance. Declines at 0, of either sign: √(−0) is −0. */
export const sqrtOfNegative: OperationRule = {
  id: 'sqrt-of-negative',
  operators: new Set(['Sqrt', ...normalizations]),
  element: (_, [a = NaN]) =>
    rootOf(a, 'A variance that should be positive came out negative, or a root is taken of an unchecked value.'),
  step({ op, values: [a = NaN], says, because = 'The variance came out negative.' }) {
    const words = op === 'Sqrt' ? rootOf(a, because) : null;
    return words && { ...words, formula: says(words.formula) };
  },
};
