/** Numbers as a person reads them. */
import type { JsonNumber } from '../../core/report';

/** Two or three significant digits: `0.86`, `2.7e-6`, `1.2e+38`; the non-finite ones by name. */
export function shortNumber(value: JsonNumber | null): string {
  if (value === null) {
    return '–';
  }
  if (typeof value === 'string' || !Number.isFinite(value)) {
    return String(value).replace('-', '−').replace('Infinity', 'inf');
  }
  const size = Math.abs(value);
  if (size === 0) {
    return '0';
  }
  return size < 1e-3 || size >= 1e5
    ? value.toExponential(1).replace('.0e', 'e')
    : String(Number(value.toPrecision(size >= 100 ? Math.max(3, Math.floor(Math.log10(size)) + 1) : 3)));
}

/** `×1.02`. */
export const shortRatio = (ratio: number | null): string => (ratio === null ? '–' : `×${ratio.toFixed(2)}`);

/** `812 bytes`, `1.4 MB`. */
export function fileSize(bytes: number): string {
  if (bytes < 1000) {
    return `${String(bytes)} bytes`;
  }
  const units = ['kB', 'MB', 'GB', 'TB'] as const;
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1] ?? 'kB'}`;
}
