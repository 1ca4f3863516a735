/** A message as ranges of files and a few bytes of its own, so that payloads never need to be in memory. */
import type { RandomAccess } from './access';
import { Window } from './access';
import { concat } from './wire';

/** A piece of a message that is being put together. */
export type Segment =
  /** A range of the bytes that are walked. */
  | { readonly kind: 'source'; readonly offset: number; readonly length: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** A range of some file. */
  | { readonly kind: 'file'; readonly file: string; readonly offset: number; readonly length: number };

export const segmentLength = (segment: Segment): number =>
  segment.kind === 'bytes' ? segment.bytes.length : segment.length;

export const segmentsLength = (segments: readonly Segment[]): number =>
  segments.reduce((sum, segment) => sum + segmentLength(segment), 0);

/** All segments as one array; `source` ranges are read, `file` ranges must not occur. */
export async function assemble(source: RandomAccess, segments: readonly Segment[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const window = new Window(source);
  for (const segment of segments) {
    if (segment.kind === 'file') {
      throw new Error('a file range cannot be put into memory');
    }
    if (segment.kind === 'bytes') {
      parts.push(segment.bytes);
      continue;
    }
    if (!window.covers(segment.offset, segment.length)) {
      await window.load(segment.offset, segment.length);
    }
    parts.push(await window.slice(segment.offset, segment.length));
  }
  return concat(parts);
}
