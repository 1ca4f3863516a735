import type { JsonNumber } from '../report';

/** A number as JSON carries it: the non-finite ones as strings. */
export function jsonNumber(value: number): JsonNumber {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}
