import type { CrossingRule } from './types';
import { readAt } from './types';

/** Weights are clean, masked values are NaN: weight 0 does not remove them. Not where the row may attend to them. */
export const zeroTimesNan: CrossingRule = {
  id: 'zero-times-nan',
  inAttention: ({ through, allowed }) => through === 'values' && !allowed,
  explain: ({ detail }, where) =>
    `${where}: the mask gives the values at ${readAt(detail)} the weight 0, but they are NaN, and 0 × NaN = NaN in the sum over keys (P·V). ` +
    'Masking the scores, even with Where, does not protect against NaN in V.',
};
