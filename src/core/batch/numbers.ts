/** Plain numbers into the elements of a dtype, refusing what it cannot hold. */
import { allocate, dtypes } from '../tensor';
import type { DType, TensorBytes } from '../tensor';
import { toBfloat16Bits, toFloat16Bits } from './half';

export const isDType = (name: string): name is DType => (dtypes as readonly string[]).includes(name);

export const isFloat = (dtype: DType): boolean => dtype.startsWith('float') || dtype === 'bfloat16';

const integerRange: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 4294967295],
  // What a plain number holds exactly; larger identifiers do not occur in batches.
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  bool: [0, 1],
};

/** Why `value` is no element of `dtype`, as the end of a sentence, or `null` when it is. */
export function whyNot(dtype: DType, value: number): string | null {
  const range = integerRange[dtype];
  if (range === undefined) {
    return null;
  }
  if (!Number.isInteger(value)) {
    return `${String(value)} is not ${dtype === 'bool' ? 'true or false' : 'a whole number'}`;
  }
  const [low, high] = range;
  return value < low || value > high
    ? `${String(value)} is outside of ${dtype} (${String(low)} to ${String(high)})`
    : null;
}

/** @param values of which `whyNot` says `null` */
export function toElements(dtype: DType, values: ArrayLike<number>): TensorBytes {
  if (dtype === 'float16') {
    return toFloat16Bits(values);
  }
  if (dtype === 'bfloat16') {
    return toBfloat16Bits(values);
  }
  const data = allocate(dtype, values.length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) {
      data[i] = BigInt(values[i] ?? 0);
    }
  } else {
    data.set(values);
  }
  return data;
}
