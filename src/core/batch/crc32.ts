/** CRC-32 as ZIP and gzip use it (ISO 3309), of bytes that stream by; eight at a time ("slicing by 8"). */

/** `tables[k * 256 + b]`: what the byte b does to the remainder when k more bytes follow it in the same step. */
const tables = new Uint32Array(8 * 256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  tables[n] = c;
}
for (let n = 256; n < tables.length; n++) {
  const before = tables[n - 256] ?? 0;
  tables[n] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
}

export class Crc32 {
  private crc = 0xffffffff;

  update(bytes: Uint8Array): this {
    const t = tables;
    const { length } = bytes;
    let { crc } = this;
    let at = 0;
    const byte = (i: number): number => bytes[i] ?? 0;
    for (; at + 8 <= length; at += 8) {
      const first = crc ^ (byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24));
      crc =
        (t[1792 + (first & 0xff)] ?? 0) ^
        (t[1536 + ((first >>> 8) & 0xff)] ?? 0) ^
        (t[1280 + ((first >>> 16) & 0xff)] ?? 0) ^
        (t[1024 + (first >>> 24)] ?? 0) ^
        (t[768 + byte(at + 4)] ?? 0) ^
        (t[512 + byte(at + 5)] ?? 0) ^
        (t[256 + byte(at + 6)] ?? 0) ^
        (t[byte(at + 7)] ?? 0);
    }
    for (; at < length; at++) crc = (t[(crc ^ byte(at)) & 0xff] ?? 0) ^ (crc >>> 8);
    this.crc = crc;
    return this;
  }

  get value(): number {
    return (this.crc ^ 0xffffffff) >>> 0;
  }
}
