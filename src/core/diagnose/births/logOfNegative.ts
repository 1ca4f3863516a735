import { jsonNumber } from '../../trace/jsonNumber';
import type { OperationRule } from './operation';
import { show } from './types';

/** The logarithm of a negative number. Declines at 0, of either sign: log(0) is −inf. */
export const logOfNegative: OperationRule = {
  id: 'log-of-negative',
  operators: new Set(['Log', 'ReduceLogSum']),
  element(_, [a = NaN]) {
    if (!(a < 0)) return null;
    return {
      formula: `log(${show(a)}) = NaN`,
      meaning: 'The logarithm of a negative number is undefined; clamp the argument above zero.',
    };
  },
  under({ op, up, down, all }) {
    const total = up + down;
    if (op !== 'ReduceLogSum' || !(total < 0)) return null;
    return {
      formula: `${all} add up to ${show(total)}, and log(${show(total)}) = NaN`,
      meaning: 'The logarithm of a negative number is undefined.',
      evidence: { sum: jsonNumber(total) },
    };
  },
};
