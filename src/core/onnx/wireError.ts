/** What the scanner has against bytes. The words for a person are made where the file is known. */

export type WireFault =
  /** A length reaches past the end of the bytes. */
  | 'ends-early'
  /** A length reaches past the end of the message that holds it, or a varint never ends. */
  | 'malformed'
  /** A field has a wire type that its schema does not know. */
  | 'wrong-type'
  | 'not-text'
  | 'too-deep'
  | 'too-many'
  | 'too-large';

/** What is wrong with the bytes and where; the caller knows which file it is and says so. */
export class WireError extends Error {
  override readonly name = 'WireError';
  constructor(
    readonly fault: WireFault,
    readonly offset: number,
    /** Fields of the outermost message that were read before; 0 means it is likely no such message at all. */
    readonly fieldsBefore: number,
    readonly detail: string,
  ) {
    super(`${fault} at byte ${String(offset)}: ${detail}`);
  }
}
