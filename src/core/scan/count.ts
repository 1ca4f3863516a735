/** Counts NaN and infinities of a tensor whose bytes stream by, in pieces of any length. */
import { smallFloats } from '../smallFloats';
import type { FloatType } from './elements';

/** Told of every element that is no finite number, ascending by where it is stored. */
export type OnSpecial = (index: number, isNaN: boolean) => void;

export class Counts {
  nan = 0;
  posInf = 0;
  negInf = 0;
  min = Infinity;
  max = -Infinity;
  /** Elements so far. */
  seen = 0;
  private readonly width: number;
  private readonly table: Float32Array | null;
  /** Bytes of an element whose other bytes have not come yet. */
  private rest = new Uint8Array(0);

  constructor(
    private readonly type: FloatType,
    private readonly bigEndian: boolean,
    private readonly onSpecial: OnSpecial,
  ) {
    const { kind, parts } = type;
    this.table = kind === 'float32' || kind === 'float64' ? null : smallFloats(kind);
    this.width = partBytes(type) * parts;
  }

  /** The bytes of big-endian elements may be reordered in place. */
  push(bytes: Uint8Array): void {
    let own = bytes;
    if (this.rest.length > 0 || bytes.byteOffset % 8 !== 0) {
      own = new Uint8Array(this.rest.length + bytes.length);
      own.set(this.rest);
      own.set(bytes, this.rest.length);
    }
    const whole = own.length - (own.length % this.width);
    this.rest = own.slice(whole);
    if (whole > 0) this.count(own.subarray(0, whole));
  }

  private count(bytes: Uint8Array): void {
    const { kind, parts } = this.type;
    const part = partBytes(this.type);
    if (this.bigEndian && part > 1) swap(bytes, part);
    const { buffer, byteOffset } = bytes;
    const length = bytes.length / part;
    if (this.table !== null) {
      const codes = part === 1 ? bytes : new Uint16Array(buffer, byteOffset, length);
      this.codes(codes, this.table);
    } else {
      const values =
        kind === 'float32'
          ? new Float32Array(buffer, byteOffset, length)
          : new Float64Array(buffer, byteOffset, length);
      if (parts === 1) this.values(values);
      else this.pairs(values);
    }
    this.seen += length / parts;
  }

  private values(values: Float32Array | Float64Array): void {
    let { min, max } = this;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      // Only what is finite gives 0 when taken from itself.
      if (value - value === 0) {
        if (value < min) min = value;
        if (value > max) max = value;
      } else this.special(this.seen + i, value);
    }
    this.min = min;
    this.max = max;
  }

  private codes(codes: Uint8Array | Uint16Array, table: Float32Array): void {
    let { min, max } = this;
    for (let i = 0; i < codes.length; i++) {
      const value = table[codes[i] ?? 0] ?? 0;
      if (value - value === 0) {
        if (value < min) min = value;
        if (value > max) max = value;
      } else this.special(this.seen + i, value);
    }
    this.min = min;
    this.max = max;
  }

  private pairs(values: Float32Array | Float64Array): void {
    for (let i = 0; i + 1 < values.length; i += 2) {
      const [real, imaginary] = [values[i] ?? 0, values[i + 1] ?? 0];
      if (real - real === 0 && imaginary - imaginary === 0) continue;
      this.special(this.seen + i / 2, worse(real, imaginary));
    }
  }

  private special(index: number, value: number): void {
    if (value === Infinity) this.posInf += 1;
    else if (value === -Infinity) this.negInf += 1;
    else this.nan += 1;
    this.onSpecial(index, Number.isNaN(value));
  }
}

/** What a complex number with a part that is not finite counts as. */
const worse = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? NaN : a === Infinity || b === Infinity ? Infinity : -Infinity;

function partBytes({ kind }: FloatType): number {
  switch (kind) {
    case 'float64':
      return 8;
    case 'float32':
      return 4;
    case 'float16':
    case 'bfloat16':
      return 2;
    default:
      return 1;
  }
}

/** Reverses every element in place. */
function swap(bytes: Uint8Array, width: number): void {
  for (let start = 0; start < bytes.length; start += width)
    for (let low = start, high = start + width - 1; low < high; low++, high--) {
      const byte = bytes[low] ?? 0;
      bytes[low] = bytes[high] ?? 0;
      bytes[high] = byte;
    }
}
