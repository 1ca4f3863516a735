/** A cell in words: for the screen reader, the card and the details; pure. */
import { countRanges } from '../../src/core/trace/ranges';
import type { TableRow } from '../../src/core/report';
import { plural, visible } from '../shared/text';
import type { PanelRow } from './rows';

export const rowTitle = (row: PanelRow): string => visible(row.layer === null ? row.name : `${row.layer} ${row.name}`);

/** `layer 0 attention, sample 0: NaN at 30 of 35 positions, 30 of 30 padding and 0 of 5 real`. */
export function describeCell(row: PanelRow, sample: number): string {
  const health = row.row.samples?.[sample];
  const where = `${rowTitle(row)}, sample ${String(sample)}`;
  if (health === undefined) {
    return `${where}: not measured`;
  }
  const infinities =
    (health.posInf > 0 ? `, +Inf at ${String(health.posInf)}` : '') +
    (health.negInf > 0 ? `, −Inf at ${String(health.negInf)}` : '');
  if (health.nan === 0) {
    return `${where}: no NaN in ${plural(health.of, 'position')}${infinities}`;
  }
  const split =
    health.pad === 0
      ? ''
      : `, ${String(health.padNan)} of ${String(health.pad)} padding and ${String(health.realNan)} of ${String(health.real)} real`;
  return `${where}: NaN at ${String(health.nan)} of ${plural(health.of, 'position')}${split}${infinities}`;
}

/** `float32 [2, 35, 64]`. */
export const typeOf = (row: TableRow): string => `${visible(row.dtype)} [${row.shape.join(', ')}]`;

/** `0-29` as `0–29`; long lists are cut with the number of positions they stand for. */
export function positionsText(ranges: string, longest = 120): string {
  if (ranges === '') {
    return 'none';
  }
  const text = ranges.replaceAll('-', '–').replaceAll(',', ', ');
  return text.length <= longest
    ? text
    : `${text.slice(0, text.lastIndexOf(',', longest))}, … (${plural(countRanges(ranges), 'position')})`;
}

/** Which axis a position counts along. */
export const axesWords: Readonly<Record<TableRow['axes'], string>> = {
  tokens: 'token positions',
  query: 'query positions',
  key: 'key positions',
  whole: 'the whole tensor: its positions could not be followed through the graph',
};
