/** Which positions of a row are padding; pure. */
import type { BatchInfo, TableRow } from '../../src/core/report';

/**
 * `p` or `r` per position of the sequence that a row is counted on; empty where that is not known. In reports of before
 * rows named their sequence, its length tells.
 */
export function rolesOfRow({ positions, roles, memory }: BatchInfo, row: TableRow, sample: number): string {
  const of = row.samples?.[sample]?.of ?? 0;
  // A row of some positions only is drawn on its whole sequence.
  if (row.held !== undefined) return (row.sequence === 'memory' ? memory?.roles : roles)?.[sample] ?? '';
  const ofMemory = row.sequence === 'memory' || (of !== positions && of === memory?.positions);
  const own = (ofMemory ? memory?.roles : roles)?.[sample] ?? '';
  return own.length === of ? own : '';
}
