/** Two runs that were kept, laid side by side without running anything. */
import { compareRuns } from '../../core/compare/compare';
import { runOfReport } from '../../core/compare/runOfReport';
import type { Comparison } from '../../core/compare/types';
import type { Report } from '../../core/report';

export interface KeptReport {
  readonly report: Report;
  /** As the person calls it, or when it was. */
  readonly label: string;
  /** Half a sentence each. */
  readonly facts: readonly string[];
}

/** @param earlier what the other is compared with */
export function compareStored(earlier: KeptReport, later: KeptReport): Comparison {
  const runs = [earlier, later].map(({ report, label, facts }) => runOfReport(report, label, facts));
  const sameModel = earlier.report.model.name === later.report.model.name;
  return compareRuns(runs, [sameModel ? 'time' : 'model']);
}
