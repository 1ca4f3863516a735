/** Overflow risk: everything is finite, and little is missing to the limit of the type, or of float16. */
import type { Evidence } from '../../report';

/** Largest finite numbers (IEEE 754-2019, table 3.5). */
const limits = { float16: 65504, float32: 3.4028234663852886e38 } as const;

/** A value is close to a limit from this factor on. */
export const margin = 4;

export interface Magnitude {
  readonly label: string;
  readonly dtype: string;
  /** Over the finite elements. */
  readonly absMax: number;
}

export interface OverflowRisk {
  readonly mechanism: 'overflow-risk';
  /** Index of the largest among those given. */
  readonly at: number;
  readonly limitOf: 'float16' | 'float32';
  readonly evidence: Evidence;
  readonly explanation: string;
}

const shown = 4;

/**
 * One finding for the whole model, at the largest magnitude; null where nothing comes near a limit. In a model that
 * computes in float16, what it keeps in float32 is measured against the limit of float32 alone. What is infinite
 * already is no risk: it is the birth of something else (`score-overflow`, `inf-minus-inf`).
 *
 * @param run `allFinite`: none of the measured values is infinite or NaN.
 */
export function overflowRisk(magnitudes: readonly Magnitude[], { allFinite = true } = {}): OverflowRisk | null {
  const hasHalf = magnitudes.some(({ dtype }) => dtype === 'float16');
  const limitOf = magnitudes.some(({ dtype, absMax }) => dtype === 'float32' && absMax * margin >= limits.float32)
    ? 'float32'
    : 'float16';
  const limit = limits[limitOf];
  const near = magnitudes
    .map((entry, at) => ({ ...entry, at }))
    .filter(({ dtype, absMax }) => {
      const counts = limitOf === 'float32' ? dtype === 'float32' : !hasHalf || dtype === 'float16';
      return counts && absMax * margin >= limit;
    })
    .sort((a, b) => b.absMax - a.absMax || a.at - b.at);
  const [worst] = near;
  if (!worst) return null;
  const size = figure(worst.absMax);
  const own = worst.dtype === limitOf;
  const over = worst.absMax > limit;
  return {
    mechanism: 'overflow-risk',
    at: worst.at,
    limitOf,
    evidence: {
      absMax: worst.absMax,
      dtype: worst.dtype,
      limitOf,
      limit,
      margin,
      places: near.length,
      largest: near.slice(0, shown).map(({ label, absMax }) => ({ label, absMax })),
    },
    explanation:
      `The largest magnitude is ${size} (${worst.label}); ${limitOf} ends at ${figure(limit)}. ` +
      (own
        ? allFinite
          ? `Everything is finite here, but a factor of ${figure(limit / worst.absMax)} is all that is left.`
          : `Other values of this run are not finite; here a factor of ${figure(limit / worst.absMax)} is left.`
        : over
          ? 'This run is in ' +
            worst.dtype +
            ' and finite; in float16 the same value is infinite, and the next difference or softmax makes it NaN.'
          : `This run is in ${worst.dtype}; in float16 a factor of ${figure(limit / worst.absMax)} would be left.`) +
      (near.length === 1 ? '' : ` ${String(near.length)} measured stages come within a factor of ${String(margin)}.`),
  };
}

const figure = (value: number): string => String(Number(value.toPrecision(3)));
