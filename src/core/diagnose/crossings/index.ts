/** Why NaN crossed to clean positions, in words and with the positions that were read. One rule a mechanism. */
import type { CrossingMechanism, Evidence } from '../../report';
import type { Crossed } from '../crossed';

type Explain = (crossed: Crossed, where: string) => string;

const rules: Readonly<Record<CrossingMechanism, Explain>> = {
  'nan-plus-minus-inf': (crossed, where) =>
    `${where}: the keys at positions ${crossed.detail.nanRead} are NaN, so their scores are NaN, and the mask adds −inf to them. ` +
    'NaN + (−inf) = NaN in IEEE arithmetic: an additive mask cannot remove a NaN score, and one NaN in a row makes the whole softmax row NaN.',
  'zero-times-nan': (crossed, where) =>
    `${where}: the mask gives the values at positions ${crossed.detail.nanRead} the weight 0, but they are NaN, and 0 × NaN = NaN in the sum over keys (P·V). ` +
    'Masking the scores, even with Where, does not protect against NaN in V.',
  contraction: (crossed, where) =>
    crossed.detail.allowed === null
      ? `${where}: ${crossed.node.op} sums over elements that hold NaN at positions ${crossed.detail.nanRead}.`
      : `${where}: these rows may attend to positions ${crossed.detail.allowed === '' ? crossed.detail.nanRead : crossed.detail.allowed}, which are NaN. ` +
        'No mask stands between them: a sum with one NaN term is NaN.',
  'softmax-row': (crossed, where) =>
    `${where}: one NaN in a Softmax row (positions ${crossed.detail.nanRead}) makes its maximum, its sum and so every element NaN.`,
  reduction: (crossed, where) =>
    `${where}: ${crossed.node.op} reduces over positions, and those at ${crossed.detail.nanRead} are NaN; the result is shared by all.`,
  elementwise: (crossed, where) =>
    `${where}: ${crossed.node.op} combines these positions with a value that is NaN (from positions ${crossed.detail.nanRead}).`,
  residual: (crossed, where) =>
    `${where}: clean + NaN = NaN where the residual is added (positions ${crossed.detail.nanRead}).`,
  gather: (crossed, where) =>
    `${where}: ${crossed.node.op} copies rows from positions ${crossed.detail.nanRead}, which are NaN.`,
};

export function explainCrossing(crossed: Crossed, where: string): { evidence: Evidence; explanation: string } {
  const { sample, position, nanRead, allowed } = crossed.detail;
  return {
    evidence: {
      nanPositionsRead: nanRead,
      ...(allowed === null ? {} : { ofThoseAllowedByTheMask: allowed }),
      example: { sample, position },
    },
    explanation: rules[crossed.mechanism](crossed, where),
  };
}
