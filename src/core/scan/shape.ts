/** How many elements and bytes a shape stands for, checked: it was read in a file. */
import type { ElementType } from './elements';

/** NumPy has 64 axes at most. */
const mostAxes = 64;

/** null for what is no shape, or is beyond all files. A size of 0 makes a tensor empty, whatever the others are. */
export function sizeOf(dims: readonly number[], type: ElementType): { elements: number; bytes: number } | null {
  if (dims.length > mostAxes || dims.some((size) => !Number.isSafeInteger(size) || size < 0)) return null;
  const elements = dims.includes(0) ? 0 : dims.reduce((product, size) => product * size, 1);
  const bytes = (elements * type.bits) / 8;
  return Number.isSafeInteger(elements * type.bits) && Number.isInteger(bytes) ? { elements, bytes } : null;
}

export const dimsText = (dims: readonly number[]): string =>
  `[${dims.slice(0, 16).map(String).join(', ')}${dims.length > 16 ? ', …' : ''}]`;
