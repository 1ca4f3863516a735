/** NaN inside a product's sum of terms: 0 × inf in one of them, or infinities of both signs among them. */
import type { Evidence } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import type { Family } from './family';
import { inRange, isInfinite, largest } from './family';
import { showNumber } from './types';

const products = new Set(['MatMul', 'Gemm', 'Einsum', 'Conv']);
const shownTerms = 3;

export const contraction: Family = ({ birth, lane, dtype, sampleOf, positionOf }) => {
  const { op } = birth.node;
  if (!products.has(op)) return null;
  if (!lane) return { declines: 'the terms of its sum could not be told' };
  const factorCount = op === 'Einsum' ? lane.operands.length : 2;
  const factors = lane.operands.slice(0, factorCount).map((operand) => operand.values);
  const bias = lane.operands[factorCount]?.values?.[0] ?? null;
  const size = factors[0]?.length ?? 0;
  if (factors.some((values) => values === null)) return { declines: 'one of its operands could not be read' };
  const terms = Array.from({ length: size }, (_, k) => factors.map((values) => values?.[k] ?? NaN));
  const values = terms.map((term) => term.reduce((product, factor) => inRange(product * factor, dtype), 1));
  const undefinedAt = terms.flatMap((term, k) => (term.includes(0) && term.some(isInfinite) ? [k] : []));
  const positive = values.flatMap((value, k) => (value === Infinity ? [k] : []));
  const negative = values.flatMap((value, k) => (value === -Infinity ? [k] : []));
  const shown = (ks: readonly number[]): Evidence[] =>
    ks.slice(0, shownTerms).map((k) => ({
      k,
      factors: (terms[k] ?? []).map(jsonNumber),
      product: jsonNumber(values[k] ?? NaN),
    }));
  const evidence = (examples: readonly number[]): Evidence => ({
    sample: sampleOf(lane.cell),
    position: positionOf(lane.cell),
    at: lane.at,
    operands: lane.names,
    terms: size,
    zeroTimesInf: undefinedAt.length,
    posInfTerms: positive.length,
    negInfTerms: negative.length,
    ...(bias === null ? {} : { bias: jsonNumber(bias) }),
    examples: shown(examples),
  });
  const text = (k: number): string => (terms[k] ?? []).map((factor) => showNumber(jsonNumber(factor))).join(' × ');
  const first = undefinedAt[0];
  if (first !== undefined) {
    return {
      mechanism: 'zero-times-inf',
      formula: `term ${String(first)} of the ${String(size)} that ${op} adds up is ${text(first)} = NaN`,
      meaning: 'An operand was already infinite: a zero on the other side does not switch it off.',
      evidence: evidence(undefinedAt),
    };
  }
  const plus = positive[0];
  const minus = negative[0];
  const biased = bias !== null && isInfinite(bias);
  if ((plus !== undefined || bias === Infinity) && (minus !== undefined || bias === -Infinity)) {
    const side = (k: number | undefined, sign: string): string =>
      k === undefined ? `the bias is ${sign}` : `term ${String(k)} is ${text(k)} = ${sign}`;
    return {
      mechanism: 'inf-minus-inf',
      formula: `of the ${String(size)} terms that ${op} adds up, ${side(plus, '+inf')} and ${side(minus, '−inf')}: their sum is NaN`,
      meaning: biased
        ? 'Infinities of opposite sign have no sum.'
        : terms.some((term) => term.some(isInfinite))
          ? 'An operand was already infinite, and the other one has both signs.'
          : `The products themselves left the range of ${dtype}.`,
      evidence: evidence([...(plus === undefined ? [] : [plus]), ...(minus === undefined ? [] : [minus])]),
    };
  }
  const limit = largest(dtype);
  const sums = { up: 0, down: 0 };
  for (const value of bias === null ? values : [...values, bias]) {
    if (value > 0) sums.up += value;
    else sums.down += value;
  }
  if (sums.up > limit && sums.down < -limit) {
    return {
      mechanism: 'inf-minus-inf',
      formula: `the positive terms add up to ${showNumber(sums.up)}, the negative ones to ${showNumber(sums.down)}, both outside ${dtype} (±${showNumber(limit)}): +inf − inf = NaN`,
      meaning: 'Partial sums left the range of the type in both directions, whatever the whole sum is.',
      evidence: { ...evidence([]), positiveSum: jsonNumber(sums.up), negativeSum: jsonNumber(sums.down) },
    };
  }
  return { declines: `none of the ${String(size)} terms is undefined, nor is their sum` };
};
