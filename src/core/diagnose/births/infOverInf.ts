import { isInfinite } from './family';
import type { OperationRule } from './operation';
import { normalizations, tooLarge } from './read/normalization';
import { show } from './types';

/**
 * ±inf / ±inf: in Div, in Softsign, in a norm whose root overflowed as well. Declines where one side is finite:
 * x / inf is 0 and inf / x is infinite.
 */
export const infOverInf: OperationRule = {
  id: 'inf-over-inf',
  operators: new Set(['Div', 'Softsign', ...normalizations]),
  element(op, [a = NaN, b = NaN]) {
    if (op === 'Softsign')
      return isInfinite(a)
        ? {
            formula: `${show(a)} / (1 + |${show(a)}|) = NaN`,
            meaning: 'Softsign divides by 1 + |x|; the operand had already left the range of the type.',
          }
        : null;
    return isInfinite(a) && isInfinite(b)
      ? { formula: `${show(a)} / ${show(b)} = NaN`, meaning: 'Both sides had already left the range of the type.' }
      : null;
  },
  step({ op, values: [a = NaN, b = NaN], says }) {
    if (op !== 'Div' || !isInfinite(a) || !isInfinite(b)) return null;
    return { formula: says(`${show(a)} / ${show(b)} = NaN`), meaning: tooLarge };
  },
};
