/** Fewer of something while a property holds: samples, positions. */

/**
 * Takes parts away, large ones first, as long as `holds` of what is left (delta debugging). What comes out still holds,
 * and no single part of it can be taken away, unless `holds` was asked `most` times before.
 * @param all not empty; `holds` is true of it
 */
export async function fewest<T>(
  all: readonly T[],
  holds: (left: readonly T[]) => Promise<boolean>,
  most: number,
): Promise<readonly T[]> {
  let left = all;
  let asked = 0;
  for (let size = Math.ceil(left.length / 2); size >= 1 && left.length > 1;) {
    let taken = false;
    for (let from = 0; from < left.length && left.length > 1;) {
      const without = [...left.slice(0, from), ...left.slice(from + size)];
      if (without.length === 0) break;
      asked += 1;
      if (asked > most) return left;
      if (await holds(without)) {
        left = without;
        taken = true;
      } else from += size;
    }
    if (size === 1 && !taken) break;
    if (size > 1) size = Math.ceil(size / 2);
  }
  return left;
}

/** The smallest of ascending candidates for which `holds`; the last one holds already and is not asked. */
export async function smallest<T>(
  candidates: readonly T[],
  holds: (candidate: T) => Promise<boolean>,
): Promise<T | null> {
  for (const candidate of candidates.slice(0, -1)) if (await holds(candidate)) return candidate;
  return candidates.at(-1) ?? null;
}
