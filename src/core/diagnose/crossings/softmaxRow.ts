import type { CrossingRule } from './types';
import { nanRead } from './types';

/** A softmax along positions outside of attention: its maximum and its sum read the whole row. */
export const softmaxRow: CrossingRule = {
  id: 'softmax-row',
  at: ({ op }) => op === 'Softmax' || op === 'LogSoftmax',
  explain: (crossed, where) =>
    `${where}: one NaN in a Softmax row (${nanRead(crossed)}) makes its maximum, its sum and so every element NaN.`,
};
