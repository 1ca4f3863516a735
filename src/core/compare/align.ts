/** Rows of several tables, laid side by side by what they stand for. */
import type { SampleHealth, TableRow } from '../report';
import type { ComparedCell, ComparedRow, ComparedRun } from './types';

export type AlignedRow = Omit<ComparedRow, 'same'>;

/** In the order of the first run; what only others have comes where it stands there, behind what both have before it. */
export function align(runs: readonly ComparedRun[]): AlignedRow[] {
  const tables = runs.map(({ table }) => keyed(table));
  return mergedKeys(tables.map((table) => [...table.keys()])).flatMap((key): AlignedRow[] => {
    const found = tables.map((table) => table.get(key));
    const first = found.find((row) => row !== undefined);
    if (!first) return [];
    const { layer, block, stage, port, label, sequence } = first;
    const cells = found.map((row) => row?.samples?.map(cellOf) ?? null);
    const whole = found.map((row) => row?.whole?.nan ?? null);
    const isWhole = whole.some((nan) => nan !== null);
    return [{ layer, block, stage, port, label, ...(sequence && { sequence }), cells, ...(isWhole && { whole }) }];
  });
}

/** Rows of the same place are told apart by their order; those of no stage by their names. */
function keyed(table: readonly TableRow[]): ReadonlyMap<string, TableRow> {
  const rows = new Map<string, TableRow>();
  for (const row of table) {
    const place = [
      row.layer,
      row.block,
      row.stage,
      row.port,
      row.sequence,
      row.stage === 'other' ? row.label : sideOf(row),
    ];
    for (let repeated = 0; ; repeated++) {
      const key = JSON.stringify([...place, repeated]);
      if (rows.has(key)) continue;
      rows.set(key, row);
      break;
    }
  }
  return rows;
}

/** `encoder` and `decoder` have layers with the same numbers. */
const sideOf = ({ label }: TableRow): string => /(^|[./])(encoder|decoder)([./])/.exec(label)?.[2] ?? '';

function mergedKeys(lists: readonly (readonly string[])[]): string[] {
  const merged: string[] = [];
  for (const list of lists) {
    let at = 0;
    for (const key of list) {
      const found = merged.indexOf(key);
      if (found >= 0) at = found + 1;
      else merged.splice(at++, 0, key);
    }
  }
  return merged;
}

const cellOf = ({ nan, of, padNan, pad, realNan, real, nanAt }: SampleHealth): ComparedCell => ({
  nan,
  of,
  padNan,
  pad,
  realNan,
  real,
  nanAt,
});
