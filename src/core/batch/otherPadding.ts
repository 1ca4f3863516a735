/** The same batch with other padding, as its mask says it: what holds tokens is not touched. */
import { toFloat16Bits } from './half';
import type { TensorData } from '../tensor';
import { allocate, elementCount } from '../tensor';

/** Which positions are padding, of `size`. */
export type PaddingPattern = (position: number, size: number) => boolean;

export const paddings = {
  none: () => false,
  onePadLeft: (position) => position === 0,
  oneRealRight: (position, size) => position < size - 1,
  onePadRight: (position, size) => position === size - 1,
  oneRealLeft: (position) => position > 0,
  empty: () => true,
} as const satisfies Record<string, PaddingPattern>;

/**
 * @param axis of the positions.
 * @param values what a real and a padding position hold.
 */
export function withPadding(
  mask: TensorData,
  axis: number,
  values: { readonly real: number; readonly pad: number },
  isPad: PaddingPattern,
): TensorData {
  const data = allocate(mask.dtype, elementCount(mask.dims));
  const stride = elementCount(mask.dims.slice(axis + 1));
  const size = mask.dims[axis] ?? 1;
  const half = (value: number): number => toFloat16Bits([value])[0] ?? 0;
  for (let i = 0; i < data.length; i += 1) {
    const value = isPad(Math.floor(i / stride) % size, size) ? values.pad : values.real;
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(value);
    else data[i] = mask.dtype === 'float16' ? half(value) : value;
  }
  return { dtype: mask.dtype, dims: mask.dims, data };
}
