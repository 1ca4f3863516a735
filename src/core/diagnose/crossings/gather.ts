import type { CrossingRule } from './types';
import { nanRead } from './types';

const copies = /^(Gather|Scatter|Slice|Split|Concat|Tile|Expand|Pad|Transpose|Reshape|Squeeze|Unsqueeze)/;

/** Rows that are copied, shifted or put together, and stand at another position afterwards. Nothing is computed. */
export const gather: CrossingRule = {
  id: 'gather',
  at: ({ op }) => copies.test(op),
  explain: (crossed, where) =>
    crossed.detail.values.length === 0
      ? `${where}: ${crossed.node.op} copies rows from positions ${crossed.detail.nanRead}, which are NaN.`
      : `${where}: ${crossed.node.op} copies from ${nanRead(crossed)}: NaN.`,
};
