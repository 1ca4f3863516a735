/** A comparison as comma-separated values (RFC 4180): one line per row, variant and sample; every row of the table. */
import type { Comparison } from '../../../core/compare/types';

const head = [
  'layer',
  'block',
  'stage',
  'port',
  'label',
  'same',
  'variant',
  'sample',
  'nan',
  'of',
  'pad_nan',
  'pad',
  'real_nan',
  'real',
  'nan_at',
];

/** Ends with a line end, as its lines do: CR LF. */
export function csvComparison({ rows, variants }: Comparison): string {
  const lines = rows.flatMap((row) =>
    row.cells.flatMap((cells, variant) => {
      const place = [
        row.layer === null ? '' : String(row.layer),
        row.block ?? '',
        row.stage,
        row.port,
        row.label,
        String(row.same),
        variants[variant]?.label ?? '',
      ];
      const whole = row.whole?.[variant] ?? null;
      // Of a value without positions, in no sample's name: whether it holds NaN.
      if (cells === null) return whole === null ? [] : [[...place, '', String(+whole), '1', '', '', '', '', '']];
      return cells.map((cell, sample) => [
        ...place,
        String(sample),
        ...[cell.nan, cell.of, cell.padNan, cell.pad, cell.realNan, cell.real].map(String),
        cell.nanAt,
      ]);
    }),
  );
  return [head, ...lines].map((cells) => `${cells.map(field).join(',')}\r\n`).join('');
}

/** Spreadsheets run what begins like a formula; names come from untrusted files. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
