import type { CrossingRule } from './types';
import { readAt } from './types';

/** A masked NaN key: the mask adds −inf to its score and cannot remove it. Not where the row may attend to the key. */
export const nanPlusMinusInf: CrossingRule = {
  id: 'nan-plus-minus-inf',
  inAttention: ({ through, allowed, adding }) => through === 'scores' && !allowed && adding,
  explain: ({ detail }, where) =>
    `${where}: the keys at ${readAt(detail)} are NaN, so their scores are NaN, and the mask adds ${detail.fill ?? '−inf'} to them. ` +
    `NaN + (${detail.fill ?? '−inf'}) = NaN in IEEE arithmetic: an additive mask cannot remove a NaN score, and one NaN in a row makes the whole softmax row NaN.`,
};
