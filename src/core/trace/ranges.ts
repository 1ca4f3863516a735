/**
 * Positions as the report carries them: 0-based inclusive ranges, ascending and merged, `"0-3,7"`, `""` for none.
 */

export interface Range {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
}

/**
 * Reads a `positions` string.
 * @throws RangeError when the text is not ascending, merged ranges: a report that was edited by hand.
 */
export function parseRanges(text: string): Range[] {
  if (text === '') {
    return [];
  }
  let last = -2;
  return text.split(',').map((part) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match === null || from <= last || to < from) {
      throw new RangeError(`"${text}" is not a list of ascending ranges such as "0-3,7"`);
    }
    last = to;
    return { from, to };
  });
}

/** Ascending indices for which `holds(i)` is true, `0 <= i < length`, as a `positions` string. */
export function formatRanges(length: number, holds: (index: number) => boolean): string {
  const parts: string[] = [];
  for (let from = 0; from < length; from++) {
    if (!holds(from)) {
      continue;
    }
    let to = from;
    while (to + 1 < length && holds(to + 1)) {
      to++;
    }
    parts.push(from === to ? String(from) : `${String(from)}-${String(to)}`);
    from = to;
  }
  return parts.join(',');
}

/** @param positions ascending; there may be more than a call can have arguments. */
export const ranges = (positions: readonly number[]): string => {
  const set = new Set(positions);
  return formatRanges((positions.at(-1) ?? -1) + 1, (i) => set.has(i));
};

/** How many positions a `positions` string names. */
export const countRanges = (text: string): number =>
  parseRanges(text).reduce((sum, range) => sum + range.to - range.from + 1, 0);

/** How many of the named positions have this role in a `roles` string (`p` or `r` per position). */
export function countRole(text: string, roles: string, role: 'p' | 'r'): number {
  let count = 0;
  for (const { from, to } of parseRanges(text)) {
    for (let i = from; i <= to && i < roles.length; i++) {
      count += roles[i] === role ? 1 : 0;
    }
  }
  return count;
}
