import type { Evidence } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import { isInfinite, largest } from './family';
import type { OperationRule, Words } from './operation';
import { normalizations, tooLarge } from './read/normalization';
import type { Under } from './read/reduction';
import { sums } from './read/reduction';
import type { Terms } from './read/terms';
import { products } from './read/terms';
import { show } from './types';

const noSum = 'Infinities of opposite sign have no sum.';

/** +inf + (−inf) */
const haveNoSum = (values: readonly number[]): boolean => values.includes(Infinity) && values.includes(-Infinity);
/** +inf − (+inf), −inf − (−inf) */
const haveNoDifference = (a: number, b: number): boolean => isInfinite(a) && a === b;

/**
 * Infinities that cancel: of both signs in a sum, of one sign in a difference, in the terms of a product, under a
 * mean, in the mean of a norm; also partial sums of finite numbers that leave the type's range in both directions.
 * Declines where all infinities have one sign: those have a sum.
 */
export const infMinusInf: OperationRule = {
  id: 'inf-minus-inf',
  operators: new Set(['Add', 'Sum', 'Mean', 'Sub', ...products, ...sums, 'ReduceLogSumExp', ...normalizations]),
  element(op, values) {
    const [a = NaN, b = NaN] = values;
    if (op === 'Sub')
      return haveNoDifference(a, b)
        ? {
            formula: `${show(a)} − (${show(b)}) = NaN`,
            meaning: 'The difference of two infinities of the same sign is undefined.',
          }
        : null;
    return haveNoSum(values) ? { formula: `${values.map(show).join(' + ')} = NaN`, meaning: noSum } : null;
  },
  terms: (terms) => infiniteTerms(terms) ?? partialSums(terms),
  under: (under) => infiniteElements(under) ?? outgrownElements(under) ?? shifted(under),
  step({ op, values, says, because = tooLarge }) {
    const [a = NaN, b = NaN] = values;
    if (op === 'Add' && haveNoSum(values))
      return { formula: says(`${show(a)} + (${show(b)}) = NaN`), meaning: because };
    if (op === 'Sub' && haveNoDifference(a, b))
      return { formula: says(`${show(a)} − (${show(b)}) = NaN`), meaning: because };
    return null;
  },
};

type TermsWords = ReturnType<NonNullable<OperationRule['terms']>>;

function infiniteTerms({ op, dtype, factors, bias, positive, negative, text }: Terms): TermsWords {
  const [plus] = positive;
  const [minus] = negative;
  if ((plus === undefined && bias !== Infinity) || (minus === undefined && bias !== -Infinity)) return null;
  const side = (k: number | undefined, sign: string): string =>
    k === undefined ? `the bias is ${sign}` : `term ${String(k)} is ${text(k)} = ${sign}`;
  return {
    formula: `of the ${String(factors.length)} terms that ${op} adds up, ${side(plus, '+inf')} and ${side(minus, '−inf')}: their sum is NaN`,
    meaning:
      bias !== null && isInfinite(bias)
        ? noSum
        : factors.some((term) => term.some(isInfinite))
          ? 'An operand was already infinite, and the other one has both signs.'
          : `The products themselves left the range of ${dtype}.`,
    examples: [...(plus === undefined ? [] : [plus]), ...(minus === undefined ? [] : [minus])],
  };
}

function partialSums({ dtype, values, bias }: Terms): TermsWords {
  const limit = largest(dtype);
  const sum = { up: 0, down: 0 };
  for (const value of bias === null ? values : [...values, bias]) {
    if (value > 0) sum.up += value;
    else sum.down += value;
  }
  if (sum.up <= limit || sum.down >= -limit) return null;
  return {
    formula: `the positive terms add up to ${show(sum.up)}, the negative ones to ${show(sum.down)}, both outside ${dtype} (±${show(limit)}): +inf − inf = NaN`,
    meaning: 'Partial sums left the range of the type in both directions, whatever the whole sum is.',
    examples: [],
    evidence: bothSums(sum),
  };
}

const bothSums = ({ up, down }: { readonly up: number; readonly down: number }): Evidence => ({
  positiveSum: jsonNumber(up),
  negativeSum: jsonNumber(down),
});

function infiniteElements({ op, plus, minus, all }: Under): Words | null {
  if (!sums.has(op) || plus < 0 || minus < 0) return null;
  return {
    formula: `of ${all}, element ${String(plus)} is +inf and element ${String(minus)} is −inf: +inf + (−inf) = NaN`,
    meaning: noSum,
    evidence: { elementsShown: [plus, minus] },
  };
}

function outgrownElements({ op, dtype, up, down, all }: Under): Words | null {
  const limit = largest(dtype);
  if (!sums.has(op) || up <= limit || down >= -limit) return null;
  return {
    formula: `of ${all}, the positive ones add up to ${show(up)}, the negative ones to ${show(down)}, both outside ${dtype}: +inf − inf = NaN`,
    meaning: 'Partial sums left the range of the type in both directions.',
    evidence: bothSums({ up, down }),
  };
}

/** log Σ exp subtracts the largest element first. */
function shifted({ op, values, plus, negInf, all }: Under): Words | null {
  if (op !== 'ReduceLogSumExp') return null;
  if (plus >= 0)
    return {
      formula: `the largest of ${all} is +inf, and subtracting it gives +inf − (+inf) = NaN`,
      meaning: 'The sum is shifted by its largest element, which had left the range of the type.',
    };
  if (values.length === 0 || negInf < values.length) return null;
  return {
    formula: `all of ${all} are −inf, and subtracting the largest gives −inf − (−inf) = NaN`,
    meaning: 'The sum is shifted by its largest element; without any finite element there is none to shift by.',
  };
}
