/**
 * What reading and writing a model needs of the world, declared here so that `core` knows no file system.
 * `FileAccess` of the app is assignable to both interfaces.
 */

/** Bytes that can be read at any place without reading the rest. */
export interface RandomAccess {
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface ClosableAccess extends RandomAccess {
  close(): Promise<void>;
}

export interface ModelFiles {
  /** @throws NanoscopeError `file-not-found`, `file-unreadable` */
  open(path: string): Promise<ClosableAccess>;
  exists(path: string): Promise<boolean>;
  /** Absolute path with symlinks resolved. */
  realPath(path: string): Promise<string>;
  readonly join: (...parts: string[]) => string;
  readonly dirname: (path: string) => string;
  readonly basename: (path: string) => string;
}

/** Bytes in memory behind the same interface. */
export function accessBytes(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.byteLength,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/**
 * A window over a `RandomAccess` for parsers: small after a jump, growing while the reading goes straight on, so
 * that hopping over a thousand big tensors costs a thousand small reads.
 */
export class Window {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  private nextSize = smallestWindow;

  constructor(private readonly source: RandomAccess) {}

  get size(): number {
    return this.source.size;
  }

  /** Whether `length` bytes from `offset`, or all that are left of the source, are in memory. */
  covers(offset: number, length: number): boolean {
    return offset >= this.start && Math.min(offset + length, this.source.size) <= this.start + this.bytes.length;
  }

  async load(offset: number, atLeast: number): Promise<void> {
    const goesOn = offset >= this.start && offset <= this.start + this.bytes.length;
    this.nextSize = goesOn ? Math.min(this.nextSize * 2, largestWindow) : smallestWindow;
    const length = Math.min(Math.max(this.nextSize, atLeast), this.source.size - offset);
    this.bytes = length > 0 ? await this.source.read(offset, length) : new Uint8Array(0);
    this.start = offset;
  }

  /** A copy of `length` bytes, whatever the window holds. */
  async slice(offset: number, length: number): Promise<Uint8Array> {
    if (this.covers(offset, length)) {
      return this.bytes.slice(offset - this.start, offset - this.start + length);
    }
    return this.source.read(offset, length);
  }
}

const smallestWindow = 4 * 1024;
const largestWindow = 512 * 1024;
