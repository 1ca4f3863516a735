import type { TensorData } from '../tensor';

let halfTable: Float32Array | undefined;

/** Value of every float16 bit pattern; 256 KB, made on first use. IEEE 754 binary16. */
function halves(): Float32Array {
  if (halfTable) return halfTable;
  const values = new Float32Array(0x10000);
  for (let bits = 0; bits < 0x10000; bits += 1) {
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    let magnitude: number;
    if (exponent === 0) magnitude = fraction * 2 ** -24;
    else if (exponent === 0x1f) magnitude = fraction === 0 ? Infinity : NaN;
    else magnitude = (1 + fraction / 1024) * 2 ** (exponent - 15);
    values[bits] = (bits & 0x8000) !== 0 ? -magnitude : magnitude;
  }
  halfTable = values;
  return values;
}

/** Elements as numbers. float32 and float64 are returned as they are, the 16-bit floats are widened. */
export function floatsOf(tensor: TensorData): ArrayLike<number> {
  const { data, dtype } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (dtype === 'float16' && data instanceof Uint16Array) {
    const table = halves();
    return Float32Array.from(data, (bits) => table[bits] ?? NaN);
  }
  if (dtype === 'bfloat16' && data instanceof Uint16Array) {
    // A bfloat16 is the upper half of a float32.
    const words = Uint32Array.from(data, (bits) => bits << 16);
    return new Float32Array(words.buffer);
  }
  return Float64Array.from(data, Number);
}
