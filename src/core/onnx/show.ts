/**
 * A name out of a model as it may stand in a sentence: capped, and with everything escaped that could break the
 * line or turn its reading direction. The name itself is never changed.
 */
export function show(name: string, cap = 80): string {
  const cut = name.length > cap ? `${name.slice(0, cap)}…` : name;
  const safe = cut.replace(
    // Control characters, line separators and the marks that turn the reading direction.
    /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${safe}"`;
}

/** "12 bytes", "3.4 MB": sizes for a person. */
export function showBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? String(value) : value.toPrecision(3)} ${units[unit] ?? ''}`;
}
