/** Which rows of a comparison are shown, under which names, and which runs of layers are folded into one line. */
import type { ComparedRow, Comparison } from '../../../core/compare/types';
import { stageName } from '../rows';

export interface ComparedChoice {
  /** Only rows in which variants differ. */
  readonly differences?: boolean | undefined;
  readonly layers?: readonly number[] | undefined;
  /** Every row, `in` ports included, nothing folded. */
  readonly all?: boolean | undefined;
}

export interface ComparedRowLine {
  readonly kind: 'row';
  readonly row: ComparedRow;
  /** Index in `rows`. */
  readonly index: number;
  readonly layer: string | null;
  /** From the model, so not safe to print. */
  readonly name: string;
}
export interface ComparedFold {
  readonly kind: 'fold';
  readonly layers: string;
}
export type ComparedLine = ComparedRowLine | ComparedFold;

/** Two equal layers are quicker read than folded. */
const shortestFold = 2;

export function comparedLines(comparison: Comparison, choice: ComparedChoice = {}): ComparedLine[] {
  const lines = comparison.rows.flatMap((row, index): ComparedRowLine[] =>
    isShown(row, index, comparison, choice)
      ? [
          {
            kind: 'row',
            row,
            index,
            layer: row.layer === null ? null : `${sideOf(row)}layer ${String(row.layer)}`,
            name: `${stageName(row)}${row.port === 'in' ? ' in' : ''}`,
          },
        ]
      : [],
  );
  return choice.all === true || choice.layers !== undefined ? lines : folded(lines);
}

const sideOf = ({ label }: ComparedRow): string => {
  const side = /(^|[./])(encoder|decoder)[./]/.exec(label)?.[2];
  return side === undefined ? '' : `${side} `;
};

/** As in the table of one run: what sublayers hand on, whole layers only where they have none; and where they part. */
function isShown(
  row: ComparedRow,
  index: number,
  { rows, verdict }: Pick<Comparison, 'rows' | 'verdict'>,
  choice: ComparedChoice,
): boolean {
  const { layers } = choice;
  if (choice.differences === true && row.same) return false;
  if (layers !== undefined && row.layer !== null && !layers.includes(row.layer)) return false;
  if (choice.all === true) return true;
  if (index === verdict.firstDifference) return true;
  if (row.port !== 'out') return false;
  if (isSublayer(row)) return true;
  return !rows.some((other) => other.layer === row.layer && isSublayer(other));
}

const isSublayer = ({ port, stage }: ComparedRow): boolean => port === 'out' && stage !== 'layer' && stage !== 'other';

function folded(lines: readonly ComparedRowLine[]): ComparedLine[] {
  const groups: ComparedRowLine[][] = [];
  for (const line of lines) {
    const group = groups.at(-1);
    if (group && line.layer !== null && group[0]?.layer === line.layer) group.push(line);
    else groups.push([line]);
  }
  const shown: ComparedLine[] = [];
  for (let start = 0; start < groups.length;) {
    const first = groups[start] ?? [];
    let end = start + 1;
    while (first[0]?.layer && end < groups.length && lookOf(groups[end] ?? []) === lookOf(first)) end++;
    const same = groups.slice(start + 1, end);
    const [from, to] = [same[0]?.[0]?.row.layer, same.at(-1)?.[0]?.row.layer];
    shown.push(
      ...first,
      ...(same.length < shortestFold
        ? same.flat()
        : [{ kind: 'fold' as const, layers: `layers ${String(from)}–${String(to)}` }]),
    );
    start = end;
  }
  return shown;
}

const lookOf = (group: readonly ComparedRowLine[]): string =>
  JSON.stringify(
    group.map(({ layer, name, row }) => [
      layer?.replace(/\d+$/, ''),
      name,
      row.cells.map((cells) => cells?.map(({ nanAt, of }) => [nanAt, of]) ?? null),
      row.whole ?? null,
      row.same,
    ]),
  );
