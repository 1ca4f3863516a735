/** Element types of stored tensors: how wide they are, and whether one can be NaN. */
import type { SmallFloat } from '../smallFloats';

export interface ElementType {
  /** As it is shown: `float16`, `int64`, `float8_e4m3fn`. */
  readonly name: string;
  readonly bits: number;
  /** null: whole numbers, flags, text; none of them can be NaN or infinite. */
  readonly floats: FloatType | null;
}

export interface FloatType {
  readonly kind: 'float32' | 'float64' | SmallFloat;
  /** 2: complex numbers, real part first. */
  readonly parts: 1 | 2;
}

const float = (kind: FloatType['kind'], bits: number): ElementType => ({
  name: kind,
  bits,
  floats: { kind, parts: 1 },
});
const complex = (kind: 'float32' | 'float64', bits: number): ElementType => ({
  name: `complex${String(bits)}`,
  bits,
  floats: { kind, parts: 2 },
});
const whole = (name: string, bits: number): ElementType => ({ name, bits, floats: null });

/** By the names of the safetensors format. The floats of 4 and 6 bits have neither NaN nor Inf. */
export const safetensorsTypes: ReadonlyMap<string, ElementType> = new Map(
  Object.entries({
    BOOL: whole('bool', 8),
    F4: whole('float4_e2m1', 4),
    F6_E2M3: whole('float6_e2m3', 6),
    F6_E3M2: whole('float6_e3m2', 6),
    U8: whole('uint8', 8),
    I8: whole('int8', 8),
    F8_E5M2: float('float8_e5m2', 8),
    F8_E4M3: float('float8_e4m3fn', 8),
    F8_E8M0: float('float8_e8m0', 8),
    F8_E4M3FNUZ: float('float8_e4m3fnuz', 8),
    F8_E5M2FNUZ: float('float8_e5m2fnuz', 8),
    I16: whole('int16', 16),
    U16: whole('uint16', 16),
    F16: float('float16', 16),
    BF16: float('bfloat16', 16),
    I32: whole('int32', 32),
    U32: whole('uint32', 32),
    F32: float('float32', 32),
    C64: complex('float32', 64),
    F64: float('float64', 64),
    I64: whole('int64', 64),
    U64: whole('uint64', 64),
  }),
);

/** By NumPy's kind and width, without the byte order. */
const numpyTypes: ReadonlyMap<string, ElementType> = new Map(
  Object.entries({
    b1: whole('bool', 8),
    f2: float('float16', 16),
    f4: float('float32', 32),
    f8: float('float64', 64),
    c8: complex('float32', 64),
    c16: complex('float64', 128),
    ...Object.fromEntries(
      [1, 2, 4, 8].map((bytes) => [`i${String(bytes)}`, whole(`int${String(8 * bytes)}`, 8 * bytes)]),
    ),
    ...Object.fromEntries(
      [1, 2, 4, 8].map((bytes) => [`u${String(bytes)}`, whole(`uint${String(8 * bytes)}`, 8 * bytes)]),
    ),
  }),
);

/** @param descr such as `<f4`; null for what is not known, and for raw bytes, which could be anything */
export function numpyType(descr: string): { readonly type: ElementType; readonly bigEndian: boolean } | null {
  const [, order = '', kind = ''] = /^([<>|=]?)(.*)$/s.exec(descr) ?? [];
  const type = numpyTypes.get(kind) ?? textOrTime(kind);
  return type === null ? null : { type, bigEndian: order === '>' };
}

/** Text and dates: `U10` of four bytes a character, `S3`, `M8[ns]`, `m8[s]`. */
function textOrTime(kind: string): ElementType | null {
  const [, letter = '', width = ''] = /^([USMm])(\d{1,9})(?:\[[^\]]*\])?$/.exec(kind) ?? [];
  switch (letter) {
    case 'U':
      return whole('text', 32 * Number(width));
    case 'S':
      return whole('bytes', 8 * Number(width));
    case 'M':
      return whole('datetime64', 64);
    case 'm':
      return whole('timedelta64', 64);
    default:
      return null;
  }
}
