/** NaN in a sum, a mean or a product over many elements. */
import type { BirthMechanism, Evidence } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import type { Family } from './family';
import { isInfinite, largest } from './family';
import { showNumber } from './types';

const sums = new Set(['ReduceSum', 'ReduceMean', 'CumSum', 'GlobalAveragePool', 'ReduceLogSum']);
const others = new Set(['ReduceLogSumExp', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare']);

export const reduction: Family = ({ birth, lane, dtype, sampleOf, positionOf }) => {
  const { op } = birth.node;
  if (!sums.has(op) && !others.has(op)) return null;
  const values = lane?.operands[0]?.values;
  if (!lane || !values) return { declines: 'the elements under it could not be told' };
  const plus = values.indexOf(Infinity);
  const minus = values.indexOf(-Infinity);
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
  const found = (mechanism: BirthMechanism, formula: string, meaning: string, more: Evidence = {}) => ({
    mechanism,
    formula,
    meaning,
    evidence: { ...evidence, ...more },
  });
  const all = `the ${String(values.length)} elements that ${op} puts together`;
  if (sums.has(op)) {
    if (plus >= 0 && minus >= 0)
      return found(
        'inf-minus-inf',
        `of ${all}, element ${String(plus)} is +inf and element ${String(minus)} is −inf: +inf + (−inf) = NaN`,
        'Infinities of opposite sign have no sum.',
        { elementsShown: [plus, minus] },
      );
    if (values.length === 0 && op !== 'CumSum' && op !== 'ReduceSum')
      return found(
        'zero-over-zero',
        `${op} over no element at all is 0 / 0 = NaN`,
        'The axis that is reduced is empty.',
      );
    const up = values.reduce((sum, value) => sum + Math.max(value, 0), 0);
    const down = values.reduce((sum, value) => sum + Math.min(value, 0), 0);
    const limit = largest(dtype);
    if (up > limit && down < -limit)
      return found(
        'inf-minus-inf',
        `of ${all}, the positive ones add up to ${showNumber(jsonNumber(up))}, the negative ones to ${showNumber(jsonNumber(down))}, both outside ${dtype}: +inf − inf = NaN`,
        'Partial sums left the range of the type in both directions.',
        { positiveSum: jsonNumber(up), negativeSum: jsonNumber(down) },
      );
    const total = up + down;
    if (op === 'ReduceLogSum' && total < 0)
      return found(
        'log-of-negative',
        `${all} add up to ${showNumber(jsonNumber(total))}, and log(${showNumber(jsonNumber(total))}) = NaN`,
        'The logarithm of a negative number is undefined.',
        { sum: jsonNumber(total) },
      );
  }
  if (op === 'ReduceLogSumExp') {
    if (plus >= 0)
      return found(
        'inf-minus-inf',
        `the largest of ${all} is +inf, and subtracting it gives +inf − (+inf) = NaN`,
        'The sum is shifted by its largest element, which had left the range of the type.',
      );
    if (values.length > 0 && count(-Infinity) === values.length)
      return found(
        'inf-minus-inf',
        `all of ${all} are −inf, and subtracting the largest gives −inf − (−inf) = NaN`,
        'The sum is shifted by its largest element; without any finite element there is none to shift by.',
      );
  }
  if (op === 'ReduceProd' && values.includes(0) && values.some(isInfinite))
    return found(
      'zero-times-inf',
      `among ${all} is 0 beside ${plus >= 0 ? '+inf' : '−inf'}: 0 × inf = NaN`,
      'Zero times infinity is undefined.',
    );
  return { declines: `${op} of what it read is defined` };
};
