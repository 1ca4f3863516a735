/**
 * Reports that were saved as JSON. They may come from anywhere and open in untrusted workspaces, so nothing of a
 * file is believed before it has the contract's shape (`protocol/reportSchema`) *and* agrees with itself: a list
 * per sample has as many entries as the batch has samples. Unknown fields are dropped.
 */
import { traceReport } from '../app/live/traceReport';
import { NanoscopeError } from '../core/errors';
import type { Report } from '../core/report';
import { isModuleTrace, parseModuleTrace } from '../core/trace/moduleTrace';
import { reportSchema } from '../protocol/reportSchema';

/** A report of 61 layers and every node is below 5 MB; the limit keeps a wrong file from filling the memory. */
export const maxReportBytes = 64 * 1024 * 1024;

/**
 * @param bytes of a saved report, or of a trace that was recorded from a running program
 * @param name what the person knows the file by, for the message
 * @throws NanoscopeError `file-unreadable` when the bytes are neither
 */
export function parseReport(bytes: Uint8Array, name: string): Report {
  requireReportSize(bytes.byteLength, name);
  let json: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (isModuleTrace(text)) return traceReport(parseModuleTrace(text));
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof NanoscopeError) throw error;
    throw refusal(name, 'it is not JSON', error);
  }
  const version = schemaVersion(json);
  if (version !== null && version > 1) {
    throw refusal(name, `it has schema version ${String(version)}, and this NaNoscope reads version 1`);
  }
  const checked = checkReport(json);
  if ('problem' in checked) {
    throw refusal(name, checked.problem);
  }
  return checked.report;
}

/** @throws NanoscopeError `file-unreadable`; asked before a file is read into memory */
export function requireReportSize(bytes: number, name: string): void {
  if (bytes > maxReportBytes) {
    throw refusal(name, `it is larger than ${String(maxReportBytes / 1024 / 1024)} MB`);
  }
}

/** A value that claims to be a report: the report, or in one phrase why it is none. */
export function checkReport(value: unknown): { readonly report: Report } | { readonly problem: string } {
  let parsed;
  try {
    parsed = reportSchema.safeParse(value);
  } catch {
    return { problem: 'it is nested too deeply' }; // the checker recurses; a hostile file runs out of stack
  }
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue && issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ` : '';
    return { problem: `${where}${issue?.message ?? 'wrong shape'}` };
  }
  const report: Report = parsed.data;
  const problem = disagreement(report);
  return problem === null ? { report } : { problem };
}

/** As text that `parseReport` reads again; what `--json` prints. */
export function printReport(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
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
