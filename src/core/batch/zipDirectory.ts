/**
 * What a ZIP archive says of its entries: the end record and the central directory, read from the parts of the file
 * that hold them, so that an archive of any size can be read. ZIP64 is read, because `numpy.savez` writes its headers.
 * Every offset comes from the file: where one leads out of the bytes at hand, a RangeError is thrown.
 */
import { NanoscopeError } from '../errors';

export interface DirectoryEntry {
  readonly name: string;
  /** Bytes of its content, and of what is stored of it. */
  readonly size: number;
  readonly packed: number;
  /** 0: as it is, 8: deflate. */
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  /** Where its local header begins in the file. */
  readonly local: number;
}

export interface ZipEnd {
  readonly count: number;
  /** Of the central directory, in the file. */
  readonly start: number;
  readonly size: number;
}

const endSize = 22;

/** As many bytes from the end of a file hold its end records, with the longest comment. */
export const longestEnd = endSize + 0xffff + 20 + 56;

/**
 * Where the central directory is, from the end record, or from the ZIP64 one where that says so.
 * @param tail the end of the file, @param tailAt where in the file it begins
 * @throws RangeError
 */
export function endOfZip(tail: Uint8Array, tailAt: number): ZipEnd {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  // The end record is followed by a comment of at most 65,535 bytes.
  for (let at = view.byteLength - endSize; at >= Math.max(0, view.byteLength - endSize - 0xffff); at--) {
    if (view.getUint32(at, true) !== 0x06054b50) {
      continue;
    }
    const count = view.getUint16(at + 10, true);
    const size = view.getUint32(at + 12, true);
    const start = view.getUint32(at + 16, true);
    const locator = at - 20;
    if ((count === 0xffff || start === 0xffffffff) && locator >= 0 && view.getUint32(locator, true) === 0x07064b50) {
      const end64 = safe(view, locator + 8) - tailAt;
      return { count: safe(view, end64 + 32), size: safe(view, end64 + 40), start: safe(view, end64 + 48) };
    }
    return { count, size, start };
  }
  throw new RangeError('no end record');
}

/** @param bytes the central directory, and whatever follows it. @throws RangeError */
export function* directoryEntries(bytes: Uint8Array, count: number): Generator<DirectoryEntry> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== 0x02014b50) {
      throw new RangeError('no directory entry');
    }
    const extraStart = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = extraStart + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > bytes.byteLength) {
      throw new RangeError('entry outside of the file');
    }
    const large = zip64Fields(view, extraStart, extraEnd);
    // Only those fields that do not fit are in the extra field, in this order.
    const wide = (value: number): number => (value === 0xffffffff ? large() : value);
    const size = wide(view.getUint32(at + 24, true));
    const packed = wide(view.getUint32(at + 20, true));
    const local = wide(view.getUint32(at + 42, true));
    yield {
      name: new TextDecoder().decode(bytes.subarray(at + 46, extraStart)),
      size,
      packed,
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      crc: view.getUint32(at + 16, true),
      local,
    };
    at = next;
  }
}

/** Hands out the 64-bit values of the ZIP64 extra field one by one. */
function zip64Fields(view: DataView, start: number, end: number): () => number {
  let at = start;
  while (at + 4 <= end && view.getUint16(at, true) !== 1) {
    at += 4 + view.getUint16(at + 2, true);
  }
  at += 4;
  return () => {
    if (at + 8 > end) {
      throw new RangeError('no ZIP64 field');
    }
    at += 8;
    return safe(view, at - 8);
  };
}

function safe(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError('64-bit value too large');
  }
  return Number(value);
}

/** Of a local header, before name and extra field. */
export const localSize = 30;

/** Where the content of an entry begins in the file; null where no local header is. @param head the bytes at `entry.local` */
export function contentStart(entry: DirectoryEntry, head: Uint8Array): number | null {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.byteLength < localSize || view.getUint32(0, true) !== 0x04034b50) return null;
  return entry.local + localSize + view.getUint16(26, true) + view.getUint16(28, true);
}

/** Deflate packs at most 1032 to 1: what promises more lies. */
export const largestContent = (packed: number): number => packed * 1032 + 1032;

export const damagedEntry = (what: string): NanoscopeError =>
  new NanoscopeError(
    'bad-inputs-file',
    `${what} is cut off or damaged.`,
    'Save it again with numpy.savez, or copy the file again.',
  );

/** @throws NanoscopeError for what cannot be unpacked here */
export function requirePlain(what: string, { encrypted, method }: DirectoryEntry): void {
  if (encrypted || (method !== 0 && method !== 8)) {
    throw new NanoscopeError(
      'bad-inputs-file',
      `${what} is ${encrypted ? 'encrypted' : 'packed with a method other than deflate'}.`,
      'Save it again with numpy.savez or numpy.savez_compressed.',
    );
  }
}
