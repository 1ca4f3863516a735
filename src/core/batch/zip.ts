/**
 * Reads ZIP archives with every bound that a hostile one needs: the central directory says how much comes out,
 * the whole is checked against a limit before anything is inflated, and inflating stops where an entry grows past
 * what it promised. (fflate's own reader allocates what the archive asks for.) ZIP64 is read, because
 * `numpy.savez` writes its headers; encryption and several disks are not.
 */
import { Inflate, zipSync } from 'fflate';
import { NanoscopeError } from '../errors';
import { batchLimits, megabytes } from './limits';

export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Inflates and checks the entry. @throws NanoscopeError `bad-inputs-file` */
  readonly read: () => Uint8Array;
}

export function isZip(bytes: Uint8Array): boolean {
  // PK\3\4 is the first entry, PK\5\6 the end record of an empty archive.
  return bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5);
}

/**
 * The entries of an archive, in its order. Nothing is inflated yet.
 * @throws NanoscopeError `bad-inputs-file`
 */
export function readZip(what: string, bytes: Uint8Array): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const broken = (): NanoscopeError =>
    new NanoscopeError(
      'bad-inputs-file',
      `${what} is cut off or damaged: the list of its entries cannot be read.`,
      'Save it again with numpy.savez, or copy the file again.',
    );
  try {
    return entries(what, bytes, view);
  } catch (error) {
    // DataView throws a RangeError wherever an offset of the archive points outside of it.
    throw error instanceof RangeError ? broken() : error;
  }
}

/** Entries stored without compression, with a fixed date, so that equal contents give equal bytes. */
export function writeZip(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return zipSync({ ...files }, { level: 0, mtime: new Date(1980, 0, 1) });
}

const endSize = 22;

function entries(what: string, bytes: Uint8Array, view: DataView): ZipEntry[] {
  const { count, start } = directory(view);
  if (count > batchLimits.tensors) {
    throw new NanoscopeError(
      'bad-inputs-file',
      `${what} has ${String(count)} entries; an inputs file has at most ${String(batchLimits.tensors)}.`,
      'Save only the inputs of the model.',
    );
  }
  const found: ZipEntry[] = [];
  let total = 0;
  let at = start;
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== 0x02014b50) {
      throw new RangeError('no directory entry');
    }
    const head = directoryEntry(bytes, view, at);
    at = head.next;
    total += head.size;
    if (total > batchLimits.totalBytes) {
      throw new NanoscopeError(
        'bad-inputs-file',
        `${what} would unpack to more than ${megabytes(batchLimits.totalBytes)}.`,
        'Use fewer samples or shorter ones.',
      );
    }
    if (!head.name.endsWith('/')) {
      found.push({ name: head.name, size: head.size, read: () => readEntry(`${what} (${head.name})`, bytes, head) });
    }
  }
  return found;
}

/** Where the central directory is, from the end record, or from the ZIP64 one where that says so. */
function directory(view: DataView): { readonly count: number; readonly start: number } {
  // The end record is followed by a comment of at most 65,535 bytes.
  for (let at = view.byteLength - endSize; at >= Math.max(0, view.byteLength - endSize - 0xffff); at--) {
    if (view.getUint32(at, true) !== 0x06054b50) {
      continue;
    }
    const count = view.getUint16(at + 10, true);
    const start = view.getUint32(at + 16, true);
    const locator = at - 20;
    if ((count === 0xffff || start === 0xffffffff) && locator >= 0 && view.getUint32(locator, true) === 0x07064b50) {
      const end64 = safe(view, locator + 8);
      return { count: safe(view, end64 + 32), start: safe(view, end64 + 48) };
    }
    return { count, start };
  }
  throw new RangeError('no end record');
}

interface DirectoryEntry {
  readonly name: string;
  readonly size: number;
  readonly packed: number;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly local: number;
  readonly next: number;
}

function directoryEntry(bytes: Uint8Array, view: DataView, at: number): DirectoryEntry {
  const flags = view.getUint16(at + 8, true);
  const nameLength = view.getUint16(at + 28, true);
  const extraLength = view.getUint16(at + 30, true);
  const extraStart = at + 46 + nameLength;
  const next = extraStart + extraLength + view.getUint16(at + 32, true);
  if (next > bytes.byteLength) {
    throw new RangeError('entry outside of the file');
  }
  const large = zip64Fields(view, extraStart, extraStart + extraLength);
  // Only those fields that do not fit are in the extra field, in this order.
  const wide = (value: number): number => (value === 0xffffffff ? large() : value);
  const size = wide(view.getUint32(at + 24, true));
  const packed = wide(view.getUint32(at + 20, true));
  const local = wide(view.getUint32(at + 42, true));
  return {
    name: new TextDecoder().decode(bytes.subarray(at + 46, extraStart)),
    size,
    packed,
    method: view.getUint16(at + 10, true),
    encrypted: (flags & 1) !== 0,
    crc: view.getUint32(at + 16, true),
    local,
    next,
  };
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

function readEntry(what: string, bytes: Uint8Array, entry: DirectoryEntry): Uint8Array {
  const damaged = (): NanoscopeError =>
    new NanoscopeError(
      'bad-inputs-file',
      `${what} is cut off or damaged.`,
      'Save it again with numpy.savez, or copy the file again.',
    );
  if (entry.encrypted || (entry.method !== 0 && entry.method !== 8)) {
    throw new NanoscopeError(
      'bad-inputs-file',
      `${what} is ${entry.encrypted ? 'encrypted' : 'packed with a method other than deflate'}.`,
      'Save it again with numpy.savez or numpy.savez_compressed.',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (entry.local + 30 > bytes.byteLength || view.getUint32(entry.local, true) !== 0x04034b50) {
    throw damaged();
  }
  const start = entry.local + 30 + view.getUint16(entry.local + 26, true) + view.getUint16(entry.local + 28, true);
  const packed = bytes.subarray(start, start + entry.packed);
  if (packed.byteLength !== entry.packed) {
    throw damaged();
  }
  const content = entry.method === 0 ? packed : inflate(packed, entry.size);
  if (content?.byteLength !== entry.size || crc32(content) !== entry.crc) {
    throw damaged();
  }
  return content;
}

/** `null` when the data are no deflate stream, or grow past `size`. Memory stays near `size` in either case. */
function inflate(packed: Uint8Array, size: number): Uint8Array | null {
  // Deflate packs at most 1032 to 1: a small stream that promises more lies, and nothing is allocated for it.
  if (size > packed.byteLength * 1032 + 1032) {
    return null;
  }
  const out = new Uint8Array(size);
  let filled = 0;
  const stream = new Inflate((chunk) => {
    out.set(chunk, filled); // throws a RangeError beyond `size`, which ends the loop below
    filled += chunk.byteLength;
  });
  try {
    for (let at = 0; at < packed.byteLength; at += inflateStep) {
      const end = Math.min(at + inflateStep, packed.byteLength);
      stream.push(packed.subarray(at, end), end === packed.byteLength);
    }
  } catch {
    return null;
  }
  return out.subarray(0, filled);
}

/** 64 KiB of deflate are at most 66 MB inflated: what one step can take beyond the promised size. */
const inflateStep = 65_536;

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) {
    c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  }
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
