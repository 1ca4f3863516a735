/** Which positions had NaN before a step of the story, and which have it from there on; pure. */
import { rowOf } from '../../src/app/render/notes';
import type { Finding, Report } from '../../src/core/report';
import { formatRanges, parseRanges } from '../../src/core/trace/ranges';
import { rolesOfRow } from './roles';

export interface Reach {
  readonly sample: number;
  /** `p` and `r`, one per position of the sequence that the step counts on. */
  readonly roles: string;
  /** Ranges. */
  readonly before: string;
  /** Ranges that were clean before. */
  readonly fresh: string;
  readonly clean: number;
}

/**
 * One per sample that the step touches. What was NaN before is what the leading birth and the crossings ahead of this
 * one had made so, on the same sequence, and what the step's own evidence says it read.
 *
 * @param index in `report.spread`; -1 for the leading birth
 */
export function reachOf(report: Report, index: number): readonly Reach[] {
  const [leading] = report.origins;
  const step = index < 0 ? leading : report.spread[index];
  if (step === undefined || step.positions === null || leading === undefined) {
    return [];
  }
  const sequence = sequenceOf(report, step);
  const row = rowOf(report.table, step);
  const earlier = (index < 0 ? [] : [leading, ...report.spread.slice(0, index)]).filter(
    (finding) => finding.positions !== null && sequenceOf(report, finding) === sequence,
  );
  const read = readBefore(step);
  return step.positions.flatMap((ranges, sample) => {
    const roles = row === undefined ? (report.batch.roles[sample] ?? '') : rolesOfRow(report.batch, row, sample);
    if (ranges === '' || roles === '') {
      return [];
    }
    const held = new Uint8Array(roles.length);
    for (const finding of earlier) {
      mark(held, finding.positions?.[sample] ?? '');
    }
    if (read?.sample === sample) {
      mark(held, read.ranges);
    }
    const fresh = new Uint8Array(roles.length);
    mark(fresh, ranges);
    return [
      {
        sample,
        roles,
        before: formatRanges(roles.length, (i) => held[i] === 1 && fresh[i] === 0),
        fresh: formatRanges(roles.length, (i) => fresh[i] === 1),
        clean: roles.length - held.filter((flag, i) => flag === 1 || fresh[i] === 1).length,
      },
    ];
  });
}

/**
 * The same as one character per position: `o` NaN before, `n` NaN from here on, `.` clean. Where nothing is new, as at
 * an output, `r` is NaN at a real token.
 */
export function reachCodes({ roles, before, fresh }: Reach): string {
  const codes = Array.from(roles, () => '.');
  for (const [ranges, code] of [
    [before, 'o'],
    [fresh, 'n'],
  ] as const) {
    for (const { from, to } of parseRanges(ranges)) {
      codes.fill(code, from, to + 1);
    }
  }
  return fresh === ''
    ? codes.map((code, i) => (code === 'o' && roles[i] === 'r' ? 'r' : code)).join('')
    : codes.join('');
}

function readBefore({ evidence }: Finding): { readonly sample: number; readonly ranges: string } | null {
  const ranges = evidence['nanPositionsRead'];
  const example = evidence['example'];
  const sample = typeof example === 'object' && example !== null && 'sample' in example ? example['sample'] : undefined;
  return typeof ranges === 'string' && typeof sample === 'number' && areRanges(ranges) ? { sample, ranges } : null;
}

/** Tells the sequences apart that findings count on; the batch's own where no row of the table tells. */
function sequenceOf({ table, batch }: Report, finding: Finding): string {
  const row = rowOf(table, finding);
  const length = row?.held === undefined ? row?.samples?.[0]?.of : undefined;
  return `${row?.sequence ?? ''} ${String(length ?? batch.positions)}`;
}

function mark(flags: Uint8Array, ranges: string): void {
  for (const { from, to } of parseRanges(ranges)) {
    flags.fill(1, from, to + 1);
  }
}

/** Evidence is free text to the schema; a saved report may hold anything. */
function areRanges(text: string): boolean {
  try {
    parseRanges(text);
    return true;
  } catch {
    return false;
  }
}
