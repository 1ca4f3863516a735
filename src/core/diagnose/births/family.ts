/** Numbers as an element type holds them. */

/** Largest finite magnitude of an element type. */
export function largest(dtype: string): number {
  switch (dtype) {
    case 'float16':
      return 65504;
    case 'bfloat16':
      return 3.3895313892515355e38;
    case 'float64':
      return Number.MAX_VALUE;
    default:
      return 3.4028234663852886e38;
  }
}

/** A number as the element type holds it, as far as its range goes. */
export function inRange(value: number, dtype: string): number {
  const limit = largest(dtype);
  if (value > limit) return Infinity;
  return value < -limit ? -Infinity : value;
}

export const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;
