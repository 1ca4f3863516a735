/**
 * Reports and comparisons that were saved as JSON. They may come from anywhere and open in untrusted workspaces, so
 * nothing of a file is believed before it has the contract's shape (`protocol/reportSchema`) *and* agrees with itself:
 * a list per sample has as many entries as the batch has samples. Unknown fields are dropped.
 */
import type { z } from 'zod';
import { traceReport } from '../app/live/traceReport';
import { NanoscopeError } from '../core/errors';
import type { Comparison } from '../core/compare/types';
import type { Report } from '../core/report';
import { isModuleTrace, parseModuleTrace } from '../core/trace/moduleTrace';
import { comparisonSchema } from '../protocol/comparisonSchema';
import { reportSchema } from '../protocol/reportSchema';

/** A report of 61 layers and every node is below 5 MB; the limit keeps a wrong file from filling the memory. */
export const maxReportBytes = 64 * 1024 * 1024;

export type Saved =
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'comparison'; readonly comparison: Comparison };

/**
 * @param bytes of a saved report or comparison, or of a trace that was recorded from a running program
 * @param name what the person knows the file by, for the message
 * @throws NanoscopeError `file-unreadable` when the bytes are none of these
 */
export function parseSaved(bytes: Uint8Array, name: string): Saved {
  requireReportSize(bytes.byteLength, name);
  let json: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (isModuleTrace(text)) return { kind: 'report', report: traceReport(parseModuleTrace(text)) };
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof NanoscopeError) throw error;
    throw refusal(name, 'it is not JSON', error);
  }
  const version = schemaVersion(json);
  if (version !== null && version > 1) {
    throw refusal(name, `it has schema version ${String(version)}, and this NaNoscope reads version 1`);
  }
  const checked = isComparison(json) ? checkComparison(json) : checkReport(json);
  if ('problem' in checked) {
    throw refusal(name, checked.problem);
  }
  return 'report' in checked ? { kind: 'report', ...checked } : { kind: 'comparison', ...checked };
}

/** Where only a report will do. @throws NanoscopeError `file-unreadable`, as `parseSaved` */
export function parseReport(bytes: Uint8Array, name: string): Report {
  const saved = parseSaved(bytes, name);
  if (saved.kind !== 'report') throw refusal(name, 'it is a comparison');
  return saved.report;
}

/** @throws NanoscopeError `file-unreadable`; asked before a file is read into memory */
export function requireReportSize(bytes: number, name: string): void {
  if (bytes > maxReportBytes) {
    throw refusal(name, `it is larger than ${String(maxReportBytes / 1024 / 1024)} MB`);
  }
}

/** A value that claims to be a report: the report, or in one phrase why it is none. */
export function checkReport(value: unknown): { readonly report: Report } | { readonly problem: string } {
  const shaped = shapedAs<Report>(reportSchema, value);
  if ('problem' in shaped) return shaped;
  const problem = disagreement(shaped.data);
  return problem === null ? { report: shaped.data } : { problem };
}

/** The same of a value that claims to be a comparison. */
export function checkComparison(value: unknown): { readonly comparison: Comparison } | { readonly problem: string } {
  const shaped = shapedAs<Comparison>(comparisonSchema, value);
  if ('problem' in shaped) return shaped;
  const { variants, rows, verdict } = shaped.data;
  for (const [index, row] of rows.entries()) {
    if (row.cells.length !== variants.length)
      return {
        problem: `rows.${String(index)}.cells has ${String(row.cells.length)} entries for ${String(variants.length)} variants`,
      };
    const at = row.cells.findIndex((cells, variant) => cells && cells.length !== variants[variant]?.roles.length);
    if (at >= 0)
      return {
        problem: `rows.${String(index)}.cells.${String(at)} has not as many entries as that variant has samples`,
      };
  }
  if (verdict.firstDifference !== null && verdict.firstDifference >= rows.length)
    return { problem: 'verdict.firstDifference is no row' };
  return { comparison: shaped.data };
}

function shapedAs<T>(schema: z.ZodType<T>, value: unknown): { readonly data: T } | { readonly problem: string } {
  let parsed;
  try {
    parsed = schema.safeParse(value);
  } catch {
    return { problem: 'it is nested too deeply' }; // the checker recurses; a hostile file runs out of stack
  }
  if (parsed.success) return { data: parsed.data };
  const issue = parsed.error.issues[0];
  const where = issue && issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ` : '';
  return { problem: `${where}${issue?.message ?? 'wrong shape'}` };
}

const isComparison = (json: unknown): boolean =>
  typeof json === 'object' && json !== null && 'kind' in json && json.kind === 'comparison';

/** As text that `parseSaved` reads again; what `--json` prints. */
export function printSaved(saved: Report | Comparison): string {
  return `${JSON.stringify(saved, null, 2)}\n`;
}

function refusal(name: string, what: string, cause?: unknown): NanoscopeError {
  return new NanoscopeError(
    'file-unreadable',
    `${name} is not a saved NaNoscope report: ${what}.`,
    'Choose a file that was written by “Save Report as JSON…” or by `nanoscope diagnose --json`.',
    { cause },
  );
}

function schemaVersion(json: unknown): number | null {
  const found = typeof json === 'object' && json !== null && 'schemaVersion' in json ? json.schemaVersion : null;
  return typeof found === 'number' ? found : null;
}

function disagreement(report: Report): string | null {
  const { samples } = report.batch;
  for (const [where, list] of perSample(report)) {
    if (list && list.length !== samples) {
      return `${where} has ${String(list.length)} entries for a batch of ${String(samples)}`;
    }
  }
  return null;
}

type NamedList = readonly [where: string, list: readonly unknown[] | null];

function* perSample(report: Report): Generator<NamedList> {
  yield ['batch.roles', report.batch.roles];
  yield ['batch.padding', report.batch.padding];
  for (const [index, output] of report.outputs.entries()) {
    yield [`outputs.${String(index)}.nanPositions`, output.nanPositions];
    yield [`outputs.${String(index)}.nanAt`, output.nanAt];
  }
  for (const [index, row] of report.table.entries()) {
    yield [`table.${String(index)}.samples`, row.samples];
  }
  for (const name of ['origins', 'spread', 'silent'] as const) {
    for (const [index, finding] of report[name].entries()) {
      yield [`${name}.${String(index)}.positions`, finding.positions];
    }
  }
}
