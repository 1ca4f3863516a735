import type { CrossingRule } from './types';

const reductions = /^(Reduce|CumSum|.*Normalization|.*Pool|DynamicQuantizeLinear|Arg|TopK)/;

/** A statistic over positions: a sum, a norm along them, a running sum, the scale of a whole tensor. */
export const reduction: CrossingRule = {
  id: 'reduction',
  at: ({ op }) => reductions.test(op),
  explain: ({ node, detail: { nanRead, values } }, where) =>
    nanRead === '' && values.length > 0
      ? `${where}: ${node.op} reads ${values.join(', ')}, which is NaN and which all positions share.`
      : `${where}: ${node.op} reduces over positions, and those at ${nanRead} are NaN; the result is shared by all.`,
};
