/** The protobuf wire format, as far as a scanner needs it. Lengths are numbers, exact up to 2^53. */

export const wireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Longest tag plus longest varint; what a parser wants to see ahead. */
export const lookAhead = 20;

export interface Varint {
  /** Exact below 2^53; larger values are only known to be larger. */
  readonly value: number;
  readonly next: number;
}

/** @returns null when it does not end within ten bytes or within `bytes`. */
export function readVarint(bytes: Uint8Array, at: number): Varint | null {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) {
      return null;
    }
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) {
      return { value, next: at + i + 1 };
    }
  }
  return null;
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** Tag and length of a length-delimited field whose payload follows. */
export function lengthHead(field: number, length: number): Uint8Array {
  return concat([varint(field * 8 + wireType.bytes), varint(length)]);
}
