/** What stands in the margin of a table row: births and crossings, matched to the rows of the table. */
import type { Crossing, Finding, Origin, Report, TableRow } from '../../core/report';
import { countRanges } from '../../core/trace/ranges';
import { crossingFormula } from '../../core/trace/verdict';

export interface Note {
  readonly kind: 'birth' | 'crossing';
  readonly text: string;
  /** What it is about; absent where it stands for several. */
  readonly finding?: Finding;
}

/** More than this on one row says less, not more. */
const maxNotes = 3;

/** Notes by row, births before crossings; a finding whose stage has no row in the table is in no list. */
export function notesByRow(report: Report): ReadonlyMap<TableRow, readonly Note[]> {
  const notes = new Map<TableRow, Note[]>();
  const add = (finding: Finding, note: Omit<Note, 'finding'>): void => {
    const row = rowOf(report.table, finding);
    if (row === undefined) {
      return;
    }
    const list = notes.get(row) ?? [];
    if (!list.some((other) => other.text === note.text)) {
      list.push({ ...note, finding });
    }
    notes.set(row, list);
  };
  report.origins.forEach((origin, index) => {
    add(origin, { kind: 'birth', text: `${index === 0 ? 'NaN born here' : 'born here too'}: ${birthText(origin)}` });
  });
  for (const crossing of report.spread) {
    add(crossing, { kind: 'crossing', text: crossingText(crossing) });
  }
  for (const [row, list] of notes) {
    if (list.length > maxNotes) {
      const rest = list.length - maxNotes;
      notes.set(row, [...list.slice(0, maxNotes), { kind: 'crossing', text: `${String(rest)} more below` }]);
    }
  }
  return notes;
}

/** `Softmax, 30 fully masked rows`. */
export function birthText(origin: Origin): string {
  const op = origin.op ?? 'graph input';
  const count = positionCount(origin);
  const rows = count === null ? 'masked rows' : plural(count, 'row');
  switch (origin.mechanism) {
    case 'fully-masked-row':
      return `${op}, ${count === null ? 'fully masked rows' : plural(count, 'fully masked row')}`;
    case 'mask-overflow':
      return `${op}, masks overflow in ${rows}`;
    case 'score-overflow':
      return `${op}, +inf score in ${rows}`;
    case 'zero-times-inf':
      return `${op}, 0 × inf`;
    case 'inf-minus-inf':
      return `${op}, inf − inf`;
    case 'zero-over-zero':
      return `${op}, 0 / 0`;
    case 'inf-over-inf':
      return `${op}, inf / inf`;
    case 'log-of-negative':
      return `${op}, logarithm of a negative number`;
    case 'sqrt-of-negative':
      return `${op}, square root of a negative number`;
    case 'pow-of-negative':
      return `${op}, fractional power of a negative number`;
    case 'nan-in-weights':
      return `${op}, NaN in its weights`;
    case 'nan-in-input':
      return `the input ${origin.tensor} holds NaN`;
    case 'unknown':
      return `${op}, cause unknown`;
  }
}

export const crossingText = (crossing: Crossing): string => crossingFormula(crossing);

/** Positions over all samples; `null` where they are not known. */
export const positionCount = (finding: Finding): number | null =>
  finding.positions === null ? null : finding.positions.reduce((sum, positions) => sum + countRanges(positions), 0);

export const plural = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`;

/**
 * The row that a finding belongs to: same layer and stage, same block if any row has it, `out` before `in`. An
 * encoder and a decoder may both have a layer 0; then the one whose module path is in the node's name.
 */
export function rowOf(table: readonly TableRow[], finding: Finding): TableRow | undefined {
  const sameStage = table.filter((row) => row.layer === finding.layer && row.stage === finding.stage);
  const sameBlock = sameStage.filter((row) => row.block === finding.block);
  const candidates = sameBlock.length > 0 ? sameBlock : sameStage;
  const path = dotted(finding.node ?? finding.tensor);
  return best(
    candidates,
    (row) =>
      (row.tensor === finding.tensor ? 4 : 0) +
      (path.includes(dotted(row.label)) ? 2 : 0) +
      (row.port === 'out' ? 1 : 0),
  );
}

const dotted = (name: string): string => `.${name.replace(/[./]+/g, '.').replace(/^\.|\.$/g, '')}.`;

function best<T>(items: readonly T[], score: (item: T) => number): T | undefined {
  let found: T | undefined;
  let top = -1;
  for (const item of items) {
    if (score(item) > top) {
      top = score(item);
      found = item;
    }
  }
  return found;
}
