/** Which part of a long list is worth a place in the document; pure. */

export interface Window {
  /** First index that is drawn. */
  readonly from: number;
  /** One past the last. */
  readonly to: number;
}

/**
 * Begins and ends at multiples of `spare`, so that most steps of a scroll change nothing.
 *
 * @param total items, each `size` pixels
 * @param offset pixels scrolled away before the first visible one
 * @param room pixels that are visible
 * @param spare items drawn beyond both ends at least, so that a fast scroll shows rows and not a gap
 */
export function windowOf(total: number, size: number, offset: number, room: number, spare: number): Window {
  const step = Math.max(1, spare);
  const first = Math.floor((Math.floor(offset / size) - spare) / step) * step;
  const last = Math.ceil((Math.ceil((offset + room) / size) + spare) / step) * step;
  const from = Math.max(0, Math.min(first, total - 1));
  return { from, to: Math.max(from, Math.min(total, last)) };
}

export const sameWindow = (a: Window, b: Window): boolean => a.from === b.from && a.to === b.to;

/** The scroll offset, nearest to the current one, at which item `index` is wholly visible. */
export function reveal(index: number, size: number, offset: number, room: number): number {
  const top = index * size;
  return top < offset ? top : top + size > offset + room ? top + size - room : offset;
}
