/** The content of a ZIP entry whose stored bytes stream by, checked against what the directory promised of it. */
import { Inflate } from 'fflate';
import { Crc32 } from './crc32';
import { damagedEntry, largestContent, type DirectoryEntry } from './zipDirectory';

/** 16 KiB of deflate are at most 17 MB inflated: what one step can take beyond the promised size. */
const inflateStep = 16_384;

export class EntryContent {
  private readonly crc = new Crc32();
  private readonly inflate: Inflate | null;
  private inflated: Uint8Array[] = [];
  private size = 0;

  /** @throws NanoscopeError `bad-inputs-file` for a promise that cannot be true */
  constructor(
    private readonly what: string,
    private readonly entry: DirectoryEntry,
  ) {
    if (entry.size > largestContent(entry.packed)) throw damagedEntry(what);
    this.inflate = entry.method === 0 ? null : new Inflate((chunk) => this.inflated.push(chunk));
  }

  /**
   * What these stored bytes give, piece by piece.
   * @param last no bytes follow
   * @throws NanoscopeError `bad-inputs-file`
   */
  *push(stored: Uint8Array, last: boolean): Generator<Uint8Array> {
    if (this.inflate === null) {
      yield this.checked(stored);
      return;
    }
    for (let at = 0; at < stored.byteLength; at += inflateStep) {
      const end = Math.min(at + inflateStep, stored.byteLength);
      this.unpack(stored.subarray(at, end), last && end === stored.byteLength);
      for (const chunk of this.inflated) if (chunk.byteLength > 0) yield this.checked(chunk);
      this.inflated = [];
    }
  }

  /** When all bytes went through. @throws NanoscopeError `bad-inputs-file` */
  end(): void {
    if (this.size !== this.entry.size || this.crc.value !== this.entry.crc) throw damagedEntry(this.what);
  }

  private unpack(stored: Uint8Array, last: boolean): void {
    try {
      this.inflate?.push(stored, last);
    } catch {
      throw damagedEntry(this.what);
    }
  }

  private checked(content: Uint8Array): Uint8Array {
    this.size += content.byteLength;
    if (this.size > this.entry.size) throw damagedEntry(this.what);
    this.crc.update(content);
    return content;
  }
}
