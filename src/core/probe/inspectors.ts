/**
 * Pure functions that run beside the tensors (in the engine's child process), so that statistics travel and
 * tensors stay. An inspector gets the tensors that the request names, in that order, and plain parameters.
 */
import type { EvidenceValue } from '../report';
import type { TensorData } from '../tensor';

/** The result must survive a structured clone: numbers (any), strings, arrays, plain objects, typed arrays. */
export type Inspector = (tensors: readonly TensorData[], params: EvidenceValue) => unknown;

export interface ElementCounts {
  readonly nan: number;
  readonly posInf: number;
  readonly negInf: number;
  /** Over the finite elements; `null` when there is none. */
  readonly min: number | null;
  readonly max: number | null;
}

let halfValues: Float32Array | undefined;

/** Value of every float16 bit pattern; 256 KB, made on first use. IEEE 754 binary16. */
function halves(): Float32Array {
  if (halfValues) return halfValues;
  const values = new Float32Array(0x10000);
  for (let bits = 0; bits < 0x10000; bits++) {
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 0x1f
          ? fraction === 0
            ? Infinity
            : NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    values[bits] = bits & 0x8000 ? -magnitude : magnitude;
  }
  halfValues = values;
  return values;
}

/** NaN, +Inf and −Inf elements and the finite range of one floating point tensor; other types are all finite. */
export function countElements(tensor: TensorData): ElementCounts {
  const { data, dtype } = tensor;
  let nan = 0;
  let posInf = 0;
  let negInf = 0;
  let min = Infinity;
  let max = -Infinity;
  const see = (value: number): void => {
    // The finite case first: it is nearly all of them. A NaN fails both comparisons.
    if (value > -Infinity && value < Infinity) {
      if (value < min) min = value;
      if (value > max) max = value;
    } else if (value === Infinity) posInf++;
    else if (value === -Infinity) negInf++;
    else nan++;
  };
  if (dtype === 'float16' && data instanceof Uint16Array) {
    const values = halves();
    for (const bits of data) see(values[bits] ?? NaN);
  } else if (dtype === 'bfloat16' && data instanceof Uint16Array) {
    // A bfloat16 is the upper half of a float32.
    const word = new Uint32Array(1);
    const float = new Float32Array(word.buffer);
    for (const bits of data) {
      word[0] = bits << 16;
      see(float[0] ?? NaN);
    }
  } else {
    for (let i = 0; i < data.length; i++) see(Number(data[i]));
  }
  const any = min <= max;
  return { nan, posInf, negInf, min: any ? min : null, max: any ? max : null };
}

export const inspectors: Readonly<Record<string, Inspector>> = {
  /** One `ElementCounts` per tensor. */
  count: (tensors): readonly ElementCounts[] => tensors.map(countElements),
};
