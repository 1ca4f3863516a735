/** Two stored reports: what became worse, what became better. */
import { diffReports, type ReportDiff } from '../../core/compare/changes';
import { compareRuns } from '../../core/compare/compare';
import { runOfReport } from '../../core/compare/runOfReport';
import type { Report } from '../../core/report';

export interface NamedReport {
  /** What a person knows it by. */
  readonly name: string;
  readonly report: Report;
}

/** @param before, after in the order of time */
export function diff(before: NamedReport, after: NamedReport): ReportDiff {
  const sameModel = before.report.model.name === after.report.model.name;
  const comparison = compareRuns(
    [runOfReport(before.report, before.name), runOfReport(after.report, after.name)],
    [sameModel ? 'time' : 'model'],
  );
  return diffReports(before.report, after.report, comparison);
}
