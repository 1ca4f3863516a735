/** Which files are looked at: by their name, and by their first bytes where a person named one that is called otherwise. */
import { isNpy } from '../../core/batch/npyHeader';
import { isZip } from '../../core/batch/zip';
import { NanoscopeError } from '../../core/errors';
import { storedFormats, type StoredFormat } from '../../core/scan/types';

const endingOf = (name: string): string => /\.([^.\\/]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';

export const formatOf = (name: string): StoredFormat | null =>
  storedFormats.find((format) => format === endingOf(name)) ?? null;

const pickles: ReadonlySet<string> = new Set(['pt', 'pth', 'bin', 'pkl', 'pickle', 'ckpt', 'joblib']);

/** Files that are pickles as a rule; a `.bin` may be something else, and is not opened to find out. */
export const isPickle = (name: string): boolean => pickles.has(endingOf(name));

/** @throws NanoscopeError `bad-inputs-file` for a file that only running it could read */
export function requireNoPickle(what: string): void {
  if (isPickle(what))
    throw new NanoscopeError(
      'bad-inputs-file',
      `${what} is not opened: such files are pickles, and a pickle is code that runs when it is loaded.`,
      'Convert it where you trust it: safetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors").',
    );
}

/**
 * What a file is.
 * @param start its first bytes
 * @throws NanoscopeError `bad-inputs-file`
 */
export function requireFormat(what: string, start: Uint8Array): StoredFormat {
  if (start.byteLength === 0) throw bad(`${what} is empty.`, 'Save it again, or copy the file again.');
  if (String.fromCharCode(...start.subarray(0, lfs.length)) === lfs)
    throw bad(`${what} is a pointer of Git LFS: its content was not downloaded.`, 'Fetch it with: git lfs pull');
  const named = formatOf(what);
  if (named !== null) return named;
  if (isNpy(start)) return 'npy';
  if (isZip(start)) return 'npz';
  throw bad(`${what} is no .npy, .npz or .safetensors file.`, 'Those are the formats that a scan reads.');
}

const lfs = 'version https://git-lfs';
/** So many first bytes are asked for. */
export const startBytes = 64;

const bad = (message: string, hint: string): NanoscopeError => new NanoscopeError('bad-inputs-file', message, hint);
