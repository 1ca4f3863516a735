/** Sums, means and products over many elements: the elements that one NaN was made of. */
import type { Evidence } from '../../../report';
import type { Invalid, OperationRule } from '../operation';
import type { BirthContext, Declined } from '../types';

/** What adds up and does nothing else that could be undefined, `ReduceLogSum` apart. */
export const sums: ReadonlySet<string> = new Set([
  'ReduceSum',
  'ReduceMean',
  'CumSum',
  'GlobalAveragePool',
  'ReduceLogSum',
]);
const others = new Set(['ReduceLogSumExp', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare']);

export interface Under {
  readonly op: string;
  readonly dtype: string;
  readonly values: Float64Array;
  /** Where the first infinity of each sign stands; −1 = nowhere. */
  readonly plus: number;
  readonly minus: number;
  /** How many are −inf. */
  readonly negInf: number;
  /** Sums of the positive and of the negative ones. */
  readonly up: number;
  readonly down: number;
  /** "the 4 elements that ReduceMean puts together" */
  readonly all: string;
}

export function readReduction(
  { birth, lane, dtype, sampleOf, positionOf }: BirthContext,
  rules: readonly OperationRule[],
): Invalid | Declined | null {
  const { op } = birth.node;
  if (!sums.has(op) && !others.has(op)) return null;
  const values = lane?.operands[0]?.values;
  if (!lane || !values) return { declines: 'the elements under it could not be told' };
  const count = (wanted: number): number => values.reduce((total, value) => total + (value === wanted ? 1 : 0), 0);
  const evidence: Evidence = {
    sample: sampleOf(lane.cell),
    position: positionOf(lane.cell),
    at: lane.at,
    operands: lane.names,
    elements: values.length,
    posInf: count(Infinity),
    negInf: count(-Infinity),
    zeros: count(0),
  };
  const under: Under = {
    op,
    dtype,
    values,
    plus: values.indexOf(Infinity),
    minus: values.indexOf(-Infinity),
    negInf: count(-Infinity),
    up: values.reduce((sum, value) => sum + Math.max(value, 0), 0),
    down: values.reduce((sum, value) => sum + Math.min(value, 0), 0),
    all: `the ${String(values.length)} elements that ${op} puts together`,
  };
  for (const rule of rules) {
    const words = rule.under?.(under);
    if (words) return { ...words, mechanism: rule.id, evidence: { ...evidence, ...words.evidence } };
  }
  return { declines: `${op} of what it read is defined` };
}
