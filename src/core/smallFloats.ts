/** Floats of 16 bits and fewer as tables: the value of every bit pattern. */

interface Layout {
  readonly exponentBits: number;
  readonly fractionBits: number;
  readonly bias: number;
  /**
   * What the patterns at the edge mean. `ieee`: the largest exponent is ±Inf and NaN. `fn`: all ones is NaN, there is
   * no Inf. `fnuz`: what would be −0 is NaN, there is no Inf.
   */
  readonly edge: 'ieee' | 'fn' | 'fnuz';
}

/** IEEE 754 binary16, bfloat16, and the float8 of the Open Compute Project and of Graphcore and AMD ("fnuz"). */
const layouts = {
  float16: { exponentBits: 5, fractionBits: 10, bias: 15, edge: 'ieee' },
  bfloat16: { exponentBits: 8, fractionBits: 7, bias: 127, edge: 'ieee' },
  float8_e5m2: { exponentBits: 5, fractionBits: 2, bias: 15, edge: 'ieee' },
  float8_e4m3fn: { exponentBits: 4, fractionBits: 3, bias: 7, edge: 'fn' },
  float8_e5m2fnuz: { exponentBits: 5, fractionBits: 2, bias: 16, edge: 'fnuz' },
  float8_e4m3fnuz: { exponentBits: 4, fractionBits: 3, bias: 8, edge: 'fnuz' },
} as const satisfies Readonly<Record<string, Layout>>;

export type SmallFloat = keyof typeof layouts | 'float8_e8m0';

const tables = new Map<SmallFloat, Float32Array>();

/** 256 or 65,536 values, each exact in float32; made on first use. */
export function smallFloats(kind: SmallFloat): Float32Array {
  let table = tables.get(kind);
  if (table === undefined) {
    table = kind === 'float8_e8m0' ? scales() : tableOf(layouts[kind]);
    tables.set(kind, table);
  }
  return table;
}

/** Powers of two without sign or zero, the scales of OCP's microscaling formats. */
const scales = (): Float32Array =>
  Float32Array.from({ length: 256 }, (_, bits) => (bits === 255 ? NaN : 2 ** (bits - 127)));

function tableOf({ exponentBits, fractionBits, bias, edge }: Layout): Float32Array {
  const signBit = 1 << (exponentBits + fractionBits);
  const fractions = 1 << fractionBits;
  const values = new Float32Array(2 * signBit);
  for (let bits = 0; bits < values.length; bits += 1) {
    const exponent = (bits & (signBit - 1)) >> fractionBits;
    const fraction = bits & (fractions - 1);
    let magnitude =
      exponent === 0 ? (fraction / fractions) * 2 ** (1 - bias) : (1 + fraction / fractions) * 2 ** (exponent - bias);
    if (exponent === (1 << exponentBits) - 1) {
      if (edge === 'ieee') magnitude = fraction === 0 ? Infinity : NaN;
      else if (edge === 'fn' && fraction === fractions - 1) magnitude = NaN;
    }
    if (edge === 'fnuz' && bits === signBit) magnitude = NaN;
    values[bits] = (bits & signBit) !== 0 ? -magnitude : magnitude;
  }
  return values;
}
