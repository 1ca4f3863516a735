/** Why NaN crossed to clean positions, in words and with the positions that were read. One file a mechanism. */
import type { Graph, GraphNode } from '../../onnx/graph';
import type { CrossingMechanism, Evidence } from '../../report';
import type { Crossed } from '../crossed';
import { contraction } from './contraction';
import { elementwise } from './elementwise';
import { gather } from './gather';
import { nanPlusMinusInf } from './nanPlusMinusInf';
import { reduction } from './reduction';
import { residual } from './residual';
import { softmaxRow } from './softmaxRow';
import type { AttentionRead, CrossingRule } from './types';
import { zeroTimesNan } from './zeroTimesNan';

/** In order: the first that holds is the mechanism. */
export const crossingRules: readonly CrossingRule[] = [
  nanPlusMinusInf,
  zeroTimesNan,
  contraction,
  softmaxRow,
  residual,
  reduction,
  gather,
  elementwise,
];

export const crossingInAttention = (read: AttentionRead): CrossingMechanism =>
  crossingRules.find((rule) => rule.inAttention?.(read))?.id ?? 'contraction';

export const crossingAt = (node: GraphNode, graph: Graph): CrossingMechanism =>
  crossingRules.find((rule) => rule.at?.(node, graph))?.id ?? 'elementwise';

export function explainCrossing(crossed: Crossed, where: string): { evidence: Evidence; explanation: string } {
  const { sample, position, nanRead, values, allowed, fill } = crossed.detail;
  const rule = crossingRules.find(({ id }) => id === crossed.mechanism) ?? elementwise;
  return {
    evidence: {
      nanPositionsRead: nanRead,
      ...(values.length === 0 ? {} : { nanSharedByAllPositions: values }),
      ...(allowed === null ? {} : { ofThoseAllowedByTheMask: allowed }),
      ...(fill === undefined || fill === '−inf' || crossed.mechanism !== 'nan-plus-minus-inf' ? {} : { fill }),
      example: { sample, position },
    },
    explanation: rule.explain(crossed, where),
  };
}
