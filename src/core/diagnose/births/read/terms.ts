/** Products that add up terms: MatMul, Gemm, Einsum, Conv. The factors of every term of one NaN element. */
import type { Evidence } from '../../../report';
import { jsonNumber } from '../../../trace/jsonNumber';
import { inRange, isInfinite } from '../family';
import type { Invalid, OperationRule } from '../operation';
import type { BirthContext, Declined } from '../types';
import { show } from '../types';

export const products: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Einsum', 'Conv']);

export interface Terms {
  readonly op: string;
  readonly dtype: string;
  /** Factors by term. */
  readonly factors: readonly (readonly number[])[];
  /** Each term's product, as the type holds it. */
  readonly values: readonly number[];
  readonly bias: number | null;
  /** Terms that are undefined, +inf, −inf. */
  readonly undefinedAt: readonly number[];
  readonly positive: readonly number[];
  readonly negative: readonly number[];
  /** "+inf × 0" */
  readonly text: (term: number) => string;
}

const shownTerms = 3;

export function readTerms(
  { birth, lane, dtype, sampleOf, positionOf }: BirthContext,
  rules: readonly OperationRule[],
): Invalid | Declined | null {
  const { op } = birth.node;
  if (!products.has(op)) return null;
  if (!lane) return { declines: 'the terms of its sum could not be told' };
  const factorCount = op === 'Einsum' ? lane.operands.length : 2;
  const operands = lane.operands.slice(0, factorCount).map((operand) => operand.values);
  const bias = lane.operands[factorCount]?.values?.[0] ?? null;
  const size = operands[0]?.length ?? 0;
  if (operands.some((values) => values === null)) return { declines: 'one of its operands could not be read' };
  const factors = Array.from({ length: size }, (_, k) => operands.map((values) => values?.[k] ?? NaN));
  const values = factors.map((term) => term.reduce((product, factor) => inRange(product * factor, dtype), 1));
  const terms: Terms = {
    op,
    dtype,
    factors,
    values,
    bias,
    undefinedAt: factors.flatMap((term, k) => (term.includes(0) && term.some(isInfinite) ? [k] : [])),
    positive: values.flatMap((value, k) => (value === Infinity ? [k] : [])),
    negative: values.flatMap((value, k) => (value === -Infinity ? [k] : [])),
    text: (k) => (factors[k] ?? []).map(show).join(' × '),
  };
  for (const rule of rules) {
    const words = rule.terms?.(terms);
    if (!words) continue;
    const { formula, meaning } = words;
    const evidence: Evidence = {
      sample: sampleOf(lane.cell),
      position: positionOf(lane.cell),
      at: lane.at,
      operands: lane.names,
      terms: size,
      zeroTimesInf: terms.undefinedAt.length,
      posInfTerms: terms.positive.length,
      negInfTerms: terms.negative.length,
      ...(bias === null ? {} : { bias: jsonNumber(bias) }),
      examples: words.examples.slice(0, shownTerms).map((k) => ({
        k,
        factors: (factors[k] ?? []).map(jsonNumber),
        product: jsonNumber(values[k] ?? NaN),
      })),
      ...words.evidence,
    };
    return { mechanism: rule.id, formula, meaning, evidence };
  }
  return { declines: `none of the ${String(size)} terms is undefined, nor is their sum` };
}
