import type { CrossingRule } from './types';
import { nanRead, readAt } from './types';

const products = /^(MatMul|Gemm|Einsum|Conv|FusedMatMul|Attention|MultiHeadAttention|GroupQueryAttention)/;

/** A sum of products with a NaN term that it may read: attention without a mask between, any other product. */
export const contraction: CrossingRule = {
  id: 'contraction',
  inAttention: ({ through, allowed, adding }) => allowed || (through === 'scores' && !adding),
  at: ({ op }) => products.test(op),
  explain(crossed, where) {
    const { allowed, nanRead: keys } = crossed.detail;
    if (allowed === null)
      return crossed.detail.values.length === 0
        ? `${where}: ${crossed.node.op} sums over elements that hold NaN at positions ${keys}.`
        : `${where}: ${crossed.node.op} sums over elements that hold NaN: ${nanRead(crossed)}.`;
    return (
      `${where}: these rows may attend to ${allowed === '' ? readAt(crossed.detail) : readAt(crossed.detail, 'allowed')}, which hold NaN. ` +
      'No mask stands between them: a sum with one NaN term is NaN.'
    );
  },
};
