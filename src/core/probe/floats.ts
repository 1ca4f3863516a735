import { smallFloats } from '../smallFloats';
import type { TensorData } from '../tensor';

/** Elements as numbers. float32 and float64 are returned as they are, the 16-bit floats are widened. */
export function floatsOf(tensor: TensorData): ArrayLike<number> {
  const { data } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  const read = readerOf(tensor);
  // Plain loops: `from` with a function takes ten times as long.
  const values = isHalf(tensor) ? new Float32Array(data.length) : new Float64Array(data.length);
  for (let i = 0; i < values.length; i += 1) values[i] = read(i);
  return values;
}

/** Elements one by one, for whoever wants few of many; NaN beyond the end. */
export function readerOf({ data, dtype }: TensorData): (index: number) => number {
  if (data instanceof Float32Array || data instanceof Float64Array) return (index) => data[index] ?? NaN;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return (index) => Number(data[index] ?? NaN);
  if (dtype === 'float16') {
    const table = smallFloats('float16');
    return (index) => table[data[index] ?? nanBits] ?? NaN;
  }
  if (dtype === 'bfloat16') {
    // A bfloat16 is the upper half of a float32.
    const word = new Uint32Array(1);
    const value = new Float32Array(word.buffer);
    return (index) => {
      word[0] = (data[index] ?? nanBits) << 16;
      return value[0] ?? NaN;
    };
  }
  return (index) => data[index] ?? NaN;
}

/** NaN in both 16-bit types. */
const nanBits = 0x7fff;

const isHalf = ({ dtype }: TensorData): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** Whether a tensor can hold NaN or infinities at all. */
export const isFloatTensor = (tensor: TensorData): boolean =>
  tensor.dtype === 'float32' || tensor.dtype === 'float64' || isHalf(tensor);
