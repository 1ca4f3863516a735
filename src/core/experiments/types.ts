/**
 * The experiments of the investigation that this project began with, as anybody can run them again: what was found
 * then, what is measured now, and what PyTorch gave where it was asked. Versioned like the report: fields are added,
 * never changed.
 */
import type { Comparison } from '../compare/types';

export interface ExperimentResult {
  readonly schemaVersion: 1;
  readonly kind: 'experiment';
  readonly id: string;
  readonly title: string;
  /** What people wanted to know. */
  readonly question: string;
  readonly checks: readonly Check[];
  /** No check disagrees. */
  readonly agrees: boolean;
  /** Why it happens: as it was explained then, and what measurement says to that. */
  readonly explanation: Explanation | null;
  /** What of the investigation cannot be run here, and what stands in for it. */
  readonly standIns: readonly string[];
  readonly comparison?: Comparison;
  readonly milliseconds: number;
}

/**
 * `agrees`: as the investigation found. `disagrees`: not so, or not as it is explained. `differs`: the engine is known
 * to behave differently from what was investigated, and did so. `measured`: nothing was said of it then.
 */
export type CheckVerdict = 'agrees' | 'disagrees' | 'differs' | 'measured';

export interface Check {
  readonly what: string;
  /** What the investigation found; null where it says nothing. */
  readonly expected: string | null;
  readonly measured: string;
  /** What PyTorch gave for the same; null where it was not asked. */
  readonly pytorch: string | null;
  readonly verdict: CheckVerdict;
}

export interface Explanation {
  readonly then: string;
  readonly measured: string;
  /** `corrected`: measurement refutes some of it. `open`: this run measured something that it does not explain. */
  readonly verdict: 'confirmed' | 'corrected' | 'open';
}
