import type { CrossingRule } from './types';
import { nanRead } from './types';

/** Any other operator that combines a position with a value of another one, by broadcasting. */
export const elementwise: CrossingRule = {
  id: 'elementwise',
  at: () => true,
  explain: (crossed, where) =>
    `${where}: ${crossed.node.op} combines these positions with a value that is NaN (from ${nanRead(crossed)}).`,
};
