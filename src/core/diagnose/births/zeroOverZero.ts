import type { OperationRule } from './operation';
import { normalizations } from './read/normalization';
import { show } from './types';

const formulaOf = (a: number, b: number): string | null =>
  a === 0 && b === 0 ? `${show(a)} / ${show(b)} = NaN` : null;

/**
 * 0 / 0: in Div, in a norm of a vector that is all zero, in a mean over no element. Declines where the numerator is
 * another number: x / 0 is infinite.
 */
export const zeroOverZero: OperationRule = {
  id: 'zero-over-zero',
  operators: new Set(['Div', 'ReduceMean', 'GlobalAveragePool', 'ReduceLogSum', ...normalizations]),
  element(_, [a = NaN, b = NaN]) {
    const formula = formulaOf(a, b);
    if (formula === null) return null;
    return {
      formula,
      meaning:
        'Nothing (no epsilon) keeps the divisor above zero: it is the norm of a vector of zeros, or the count of a mean over nothing.',
    };
  },
  under({ op, values }) {
    if (!this.operators.has(op) || values.length > 0) return null;
    return { formula: `${op} over no element at all is 0 / 0 = NaN`, meaning: 'The axis that is reduced is empty.' };
  },
  step({ op, values: [a = NaN, b = NaN], says }) {
    const formula = op === 'Div' ? formulaOf(a, b) : null;
    if (formula === null) return null;
    return {
      formula: says(formula),
      meaning:
        'Every element is the same (a pad embedding of zeros, say), and nothing (no epsilon) keeps the root above zero.',
    };
  },
};
