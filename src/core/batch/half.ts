/** Numbers to the raw 16 bits that float16 and bfloat16 tensors hold. */
import { Float16Array } from '@petamoriken/float16';

/** Rounded to nearest even; beyond 65504 becomes infinite. */
export function toFloat16Bits(values: ArrayLike<number>): Uint16Array {
  const half = Float16Array.from(values);
  return new Uint16Array(half.buffer, half.byteOffset, half.length);
}

/** Rounded to nearest even. */
export function toBfloat16Bits(values: ArrayLike<number>): Uint16Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  return Uint16Array.from(bits, (word) =>
    // A NaN stays quiet: rounding its payload could carry into the exponent and sign.
    (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16,
  );
}
