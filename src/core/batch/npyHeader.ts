/**
 * The header of NumPy's `.npy` format (NEP 1, versions 1 to 3): what comes before the elements, and all that says what
 * they are.
 */
import { NanoscopeError } from '../errors';

export const npyMagic: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

export function isNpy(bytes: Uint8Array): boolean {
  return npyMagic.every((byte, i) => bytes[i] === byte);
}

export interface NpyHeader {
  /** NumPy's name of the element type, such as `<f4`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the elements begin. */
  readonly dataStart: number;
}

/** As many bytes from the start of a file are enough for `npyDataStart`. */
export const npyPrefix = 12;

/** @param bytes the start of a file, header included. @throws NanoscopeError `bad-inputs-file` */
export function readNpyHeader(what: string, bytes: Uint8Array): NpyHeader {
  const dataStart = npyDataStart(what, bytes);
  if (bytes.byteLength < dataStart) {
    throw bad(`${what} is cut off in its header.`, saveHint);
  }
  const version = bytes[6];
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(
    bytes.subarray(version === 1 ? 10 : 12, dataStart),
  );
  return { ...parseHeader(what, text), dataStart };
}

/** Where the elements begin: as many bytes are the header. @throws NanoscopeError `bad-inputs-file` */
export function npyDataStart(what: string, bytes: Uint8Array): number {
  if (!isNpy(bytes)) {
    throw bad(`${what} is not a NumPy array: its first bytes are not those of a .npy file.`, saveHint);
  }
  const version = bytes[6] ?? 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  if (bytes.byteLength < start) {
    throw bad(`${what} is cut off in its header.`, saveHint);
  }
  if (version < 1 || version > 3) {
    throw bad(`${what} has version ${String(version)} of the .npy format; 1 to 3 are known.`, saveHint);
  }
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderBytes) {
    throw bad(`${what} has a header of ${String(length)} bytes, which no plain array needs.`, saveHint);
  }
  return start + length;
}

const maxHeaderBytes = 65_536;
const saveHint = 'Save it again with numpy.save or numpy.savez.';

/** The header is a Python dictionary literal with three known keys, in any order. */
function parseHeader(what: string, text: string): Omit<NpyHeader, 'dataStart'> {
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const sizes = /['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(text)?.[1];
  const descr = /['"]descr['"]\s*:\s*(?:'([^']*)'|"([^"]*)"|(\[))/.exec(text);
  if (!text.trimStart().startsWith('{') || order === undefined || sizes === undefined || descr === null) {
    throw bad(`${what} has a header that is not that of a NumPy array.`, saveHint);
  }
  if (descr[3] !== undefined) {
    throw bad(`${what} is a structured array (several named fields in each element).`, 'Save each field as an array.');
  }
  const shape = sizes
    .split(',')
    .map((part) => part.trim().replace(/L$/, '')) // Python 2 wrote long integers as 35L
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  return { descr: descr[1] ?? descr[2] ?? '', fortranOrder: order === 'True', shape };
}

/** Arrays of Python objects are pickles. */
export const isPickled = (descr: string): boolean => /^[<>|=]?O/.test(descr);

export const pickledArray = (what: string): NanoscopeError =>
  bad(
    `${what} holds pickled Python objects, which can run code when they are loaded.`,
    'Save plain numbers: numpy.asarray(x, dtype=numpy.float32 or numpy.int64).',
  );

function bad(message: string, hint: string): NanoscopeError {
  return new NanoscopeError('bad-inputs-file', message, hint);
}
