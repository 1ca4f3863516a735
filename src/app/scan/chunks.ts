/** Files and entries of archives as pieces that stream by: none is ever whole in memory. */
import { EntryContent } from '../../core/batch/zipContent';
import {
  contentStart,
  damagedEntry,
  localSize,
  requirePlain,
  type DirectoryEntry,
} from '../../core/batch/zipDirectory';
import { NanoscopeError } from '../../core/errors';
import type { RandomAccessFile } from '../useCases';
import { goOn, type ScanContext } from './context';

/** Large enough for the disk, small enough for an editor's other extensions to get their turn in between. */
const chunkBytes = 1 << 20;
/** Of packed bytes: they may become a thousand times as much before the next piece is read. */
const packedBytes = 1 << 16;

export type Chunks = AsyncGenerator<Uint8Array, void, undefined>;
type Reading = Pick<ScanContext, 'signal' | 'onBytes'>;

/** The next piece is read while one is looked at. @throws NanoscopeError `cancelled`, `truncated`, … */
export async function* fileChunks(
  file: RandomAccessFile,
  what: string,
  { from, length, piece = chunkBytes }: { readonly from: number; readonly length: number; readonly piece?: number },
  { signal, onBytes }: Reading,
): Chunks {
  const read = (at: number): Promise<Uint8Array> => file.read(from + at, Math.min(piece, length - at));
  let next = length > 0 ? read(0) : null;
  for (let at = 0; next !== null;) {
    goOn(signal);
    const chunk = await next;
    const wanted = Math.min(piece, length - at);
    if (chunk.byteLength < wanted) throw grewShort(what);
    at += wanted;
    next = at < length ? read(at) : null;
    // Whoever stops early never waits for it.
    next?.catch(() => undefined);
    onBytes(wanted);
    yield chunk;
  }
}

/** The content of an entry, checked at its end. @throws NanoscopeError `bad-inputs-file`, and as `fileChunks` */
export async function* entryChunks(
  file: RandomAccessFile,
  what: string,
  entry: DirectoryEntry,
  reading: Reading,
): Chunks {
  requirePlain(what, entry);
  const from = contentStart(entry, await file.read(entry.local, localSize));
  if (from === null || from + entry.packed > file.size) throw damagedEntry(what);
  const content = new EntryContent(what, entry);
  let left = entry.packed;
  const piece = entry.method === 0 ? chunkBytes : packedBytes;
  for await (const stored of fileChunks(file, what, { from, length: entry.packed, piece }, reading)) {
    left -= stored.byteLength;
    yield* content.push(stored, left === 0);
  }
  content.end();
}

/** The first `length` bytes or more, and what comes behind them; fewer where that is all. */
export async function headOf(
  chunks: Chunks,
  length: (head: Uint8Array) => number,
): Promise<{ readonly head: Uint8Array; readonly atEnd: boolean }> {
  let head = new Uint8Array(0);
  while (head.byteLength < length(head)) {
    const { value, done } = await chunks.next();
    if (done === true) return { head, atEnd: true };
    const longer = new Uint8Array(head.byteLength + value.byteLength);
    longer.set(head);
    longer.set(value, head.byteLength);
    head = longer;
  }
  return { head, atEnd: false };
}

const grewShort = (what: string): NanoscopeError =>
  new NanoscopeError('truncated', `${what} became shorter while it was read.`, 'Scan it when nobody writes to it.');
