/** From what a fix left behind to its verdict; definitions in ARCHITECTURE.md and the report contract. */
import type { FixResult, JsonNumber, Origin, Reference, Verdict } from '../report';
import { madeFor } from './madeFor';

export interface Outcome {
  readonly reference: Reference;
  /** NaN positions left in the outputs, over all samples; those of real tokens among them. */
  readonly nanAfter: number;
  readonly realNanAfter: number;
  readonly realMaxAbsDiff: JsonNumber | null;
  readonly tolerance: number | null;
  /** Why there is no reference. Figures then tell of the samples that are right without any fix. */
  readonly withoutReference: string | null;
}

export function verdictOf(outcome: Outcome): { readonly verdict: Verdict; readonly reason: string } {
  const { reference, nanAfter, realNanAfter, realMaxAbsDiff: diff, tolerance } = outcome;
  if (realNanAfter > 0) {
    return { verdict: 'fails', reason: `NaN is left at ${count(realNanAfter, 'real position')} of the outputs.` };
  }
  if (reference === 'none' && tolerance !== null && diff !== null && !(typeof diff === 'number' && diff <= tolerance)) {
    return {
      verdict: 'hides',
      reason: `Samples that are right without it are changed (largest difference ${show(diff)}, tolerance ${show(tolerance)}).`,
    };
  }
  if (reference === 'none' || tolerance === null || diff === null) {
    const why = outcome.withoutReference ?? 'there is nothing to compare with';
    return {
      verdict: 'unproven',
      reason: `No NaN is left at real tokens, but nothing says what the right numbers are: ${why}.`,
    };
  }
  const equal = typeof diff === 'number' && diff <= tolerance;
  const figures = `largest difference ${show(diff)}, tolerance ${show(tolerance)}`;
  if (!equal)
    return {
      verdict: 'hides',
      reason: `Real tokens differ from the ${reference} run (${figures}): the NaN is gone, the error is not.`,
    };
  if (nanAfter > 0) {
    return {
      verdict: 'partial',
      reason: `Real tokens equal the ${reference} run (${figures}); NaN is left at ${count(nanAfter, 'pad position')}.`,
    };
  }
  return { verdict: 'heals', reason: `No NaN is left and real tokens equal the ${reference} run (${figures}).` };
}

const rank: Readonly<Record<Verdict, number>> = { heals: 0, partial: 1, unproven: 2, hides: 3, fails: 4, declines: 5 };

/** Run times of small models scatter: only a cost that is half as much again counts as higher. */
const costStep = (ratio: number | null): number =>
  ratio === null ? Infinity : Math.max(0, Math.floor(Math.log(ratio) / Math.log(1.5)));

/** A tenth of the tolerance in float32: two fixes whose real tokens differ by less differ by rounding. */
const rounding = 1e-5;
const roundingOf = (value: JsonNumber | null): number =>
  typeof value !== 'number' ? Infinity : value <= rounding ? 0 : value;

/**
 * Best first, traps after all else: verdict, difference of real tokens, NaN left, cost; what is equal in all of that by
 * being made for the cause, then in the given order.
 */
export function rankFixes(results: readonly FixResult[], origins: readonly Origin[]): FixResult[] {
  const atBirth = new Set(origins.flatMap(({ mechanism }) => madeFor[mechanism]));
  const aside = ({ id, parts }: FixResult): number => Number(!(parts ?? [id]).some((part) => atBirth.has(part)));
  return [...results].sort(
    (a, b) =>
      Number(a.kind === 'trap') - Number(b.kind === 'trap') ||
      rank[a.verdict] - rank[b.verdict] ||
      roundingOf(a.realMaxAbsDiff) - roundingOf(b.realMaxAbsDiff) ||
      (a.nanAfter ?? Infinity) - (b.nanAfter ?? Infinity) ||
      costStep(a.costRatio) - costStep(b.costRatio) ||
      aside(a) - aside(b),
  );
}

const count = (n: number, noun: string): string => `${String(n)} ${noun}${n === 1 ? '' : 's'}`;
/** `2.2e-5` and not `0.000022`: two figures that stand side by side are read by their exponents. */
const show = (value: JsonNumber): string =>
  typeof value !== 'number'
    ? value
    : Math.abs(value) < 1e-3 && value !== 0
      ? value.toExponential(1).replace('.0e', 'e')
      : value.toPrecision(2);
