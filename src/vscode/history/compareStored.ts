/** Two runs that were kept, laid side by side without running anything, with what became worse and better. */
import { diff } from '../../app/compare/diff';
import type { Comparison } from '../../core/compare/types';
import type { Report } from '../../core/report';

export interface KeptReport {
  readonly report: Report;
  /** As the person calls it, or when it was. */
  readonly name: string;
  /** Half a sentence each. */
  readonly facts: readonly string[];
}

/** @param earlier what the other is compared with */
export function compareStored(earlier: KeptReport, later: KeptReport): Comparison {
  const { comparison, changes } = diff(earlier, later);
  const facts = [earlier.facts, later.facts];
  return {
    ...comparison,
    variants: comparison.variants.map((variant, at) => ({ ...variant, facts: facts[at] ?? [] })),
    notes: [...comparison.notes, ...changes.map(({ text }) => text)],
  };
}
