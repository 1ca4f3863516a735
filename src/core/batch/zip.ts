/**
 * Reads ZIP archives with every bound that a hostile one needs: the central directory says how much comes out,
 * the whole is checked against a limit before anything is inflated, and inflating stops where an entry grows past
 * what it promised. (fflate's own reader allocates what the archive asks for.) ZIP64 is read, because
 * `numpy.savez` writes its headers; encryption and several disks are not.
 */
import { zipSync } from 'fflate';
import { NanoscopeError } from '../errors';
import { batchLimits, megabytes } from './limits';
import {
  contentStart,
  damagedEntry,
  directoryEntries,
  endOfZip,
  localSize,
  requirePlain,
  type DirectoryEntry,
} from './zipDirectory';
import { EntryContent } from './zipContent';

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
  const broken = (): NanoscopeError =>
    new NanoscopeError(
      'bad-inputs-file',
      `${what} is cut off or damaged: the list of its entries cannot be read.`,
      'Save it again with numpy.savez, or copy the file again.',
    );
  try {
    return entries(what, bytes);
  } catch (error) {
    // DataView throws a RangeError wherever an offset of the archive points outside of it.
    throw error instanceof RangeError ? broken() : error;
  }
}

/** Entries stored without compression, with a fixed date, so that equal contents give equal bytes. */
export function writeZip(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return zipSync({ ...files }, { level: 0, mtime: new Date(1980, 0, 1) });
}

function entries(what: string, bytes: Uint8Array): ZipEntry[] {
  const { count, start } = endOfZip(bytes, 0);
  if (count > batchLimits.tensors) {
    throw new NanoscopeError(
      'bad-inputs-file',
      `${what} has ${String(count)} entries; an inputs file has at most ${String(batchLimits.tensors)}.`,
      'Save only the inputs of the model.',
    );
  }
  const found: ZipEntry[] = [];
  let total = 0;
  for (const head of directoryEntries(bytes.subarray(start), count)) {
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

function readEntry(what: string, bytes: Uint8Array, entry: DirectoryEntry): Uint8Array {
  requirePlain(what, entry);
  const start = contentStart(entry, bytes.subarray(entry.local, entry.local + localSize));
  if (start === null) {
    throw damagedEntry(what);
  }
  const packed = bytes.subarray(start, start + entry.packed);
  if (packed.byteLength !== entry.packed) {
    throw damagedEntry(what);
  }
  return contentOf(what, entry, packed);
}

/** Memory stays near `entry.size`, whatever the data are. */
function contentOf(what: string, entry: DirectoryEntry, packed: Uint8Array): Uint8Array {
  const stream = new EntryContent(what, entry);
  if (entry.method === 0) {
    const [content = packed] = stream.push(packed, true);
    stream.end();
    return content;
  }
  const out = new Uint8Array(entry.size);
  let filled = 0;
  for (const content of stream.push(packed, true)) {
    out.set(content, filled);
    filled += content.byteLength;
  }
  stream.end();
  return out;
}
