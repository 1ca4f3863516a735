import type { OperationRule } from './operation';
import { show } from './types';

/**
 * A negative number to a fractional power. Declines where the exponent is whole, and at infinite bases and exponents,
 * which have a power by IEEE 754 (9.2.1).
 */
export const powOfNegative: OperationRule = {
  id: 'pow-of-negative',
  operators: new Set(['Pow']),
  element(_, [a = NaN, b = NaN]) {
    if (!(a < 0) || !Number.isFinite(a) || !Number.isFinite(b) || Number.isInteger(b)) return null;
    return { formula: `(${show(a)}) ^ ${show(b)} = NaN`, meaning: 'A negative number has no fractional power.' };
  },
};
