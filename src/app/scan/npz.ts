/** NumPy archives, array by array: the directory first, then each entry as a stream. */
import { directoryEntries, endOfZip, longestEnd, type DirectoryEntry } from '../../core/batch/zipDirectory';
import { NanoscopeError, toPayload } from '../../core/errors';
import { show } from '../../core/onnx/show';
import { mostKeys } from '../../core/scan/headerText';
import type { StoredMask } from '../../core/scan/mask';
import type { TensorScan } from '../../core/scan/tensor';
import type { ScannedTensor } from '../../core/scan/types';
import type { RandomAccessFile } from '../useCases';
import { entryChunks } from './chunks';
import { goOn, type ScanContext } from './context';
import { maskArray, scanArray, type ArraySource } from './npy';

/** Of its central directory. */
const longestDirectory = 100_000_000;

interface Contents {
  readonly tensors: readonly ScannedTensor[];
  readonly notes: readonly string[];
}

/** @throws NanoscopeError `bad-inputs-file` where the archive as a whole cannot be read */
export async function scanNpz(file: RandomAccessFile, what: string, context: ScanContext): Promise<Contents> {
  const { entries, others } = await arraysIn(file, what);
  const source = (entry: DirectoryEntry): ArraySource => ({
    what: `${what} (${arrayName(entry)})`,
    name: arrayName(entry),
    size: entry.size,
    chunks: () => entryChunks(file, `${what} (${arrayName(entry)})`, entry, context),
  });
  const { mask, notes } = await maskIn(what, entries.map(source), context);
  const tensors: ScannedTensor[] = [];
  const problems: string[] = [];
  for (const entry of entries) {
    goOn(context.signal);
    let begun: TensorScan | undefined;
    try {
      const scan = await scanArray(source(entry), mask, context, (one) => (begun = one));
      if (scan.problem !== null) problems.push(scan.problem);
      tensors.push(scan.result());
    } catch (error) {
      const payload = toPayload(error);
      if (payload.code === 'cancelled') throw error;
      tensors.push(begun?.result(payload) ?? unopened(arrayName(entry), payload));
    }
  }
  return { tensors: [...tensors, ...others], notes: [...notes, ...problems] };
}

const unopened = (name: string, error: ReturnType<typeof toPayload>): ScannedTensor => ({
  name,
  dtype: '?',
  shape: [],
  elements: 0,
  state: 'failed',
  nan: 0,
  posInf: 0,
  negInf: 0,
  min: null,
  max: null,
  axes: null,
  where: null,
  error,
});

const arrayName = ({ name }: DirectoryEntry): string => name.replace(/\.npy$/, '');

async function maskIn(
  what: string,
  sources: readonly ArraySource[],
  { mask }: ScanContext,
): Promise<{ readonly mask: StoredMask | null; readonly notes: readonly string[] }> {
  if (mask === null) return { mask: null, notes: [] };
  const source = sources.find(({ name }) => name === mask.name);
  if (source === undefined) return { mask: null, notes: [noMask(what, mask.name)] };
  try {
    const found = await maskArray(source, mask.inverted);
    return typeof found === 'string'
      ? { mask: null, notes: [wrongMask(mask.name, what, found)] }
      : { mask: found, notes: [] };
  } catch (error) {
    const { code, message } = toPayload(error);
    if (code === 'cancelled') throw error;
    return { mask: null, notes: [message] };
  }
}

export const noMask = (what: string, name: string): string =>
  `${what} has no ${show(name)}: padding and real tokens are not told apart in it.`;
export const wrongMask = (name: string, what: string, why: string): string =>
  `${show(name)} in ${what} is not used as a mask: ${why}.`;

/** @throws NanoscopeError where nothing in it is an array; what lies beside arrays is an entry that failed */
async function arraysIn(
  file: RandomAccessFile,
  what: string,
): Promise<{ readonly entries: readonly DirectoryEntry[]; readonly others: readonly ScannedTensor[] }> {
  const all = await directoryOf(file, what);
  const entries = all.filter(({ name }) => name.endsWith('.npy'));
  const others: ScannedTensor[] = [];
  const names = new Set<string>();
  let stored = 0;
  for (const { name, packed } of all) {
    if (/\.pkl$/i.test(name))
      throw bad(
        `${what} is a PyTorch file with a pickle inside, which is code that runs when it is loaded.`,
        'Save its tensors as .safetensors.',
      );
    if (!name.endsWith('.npy')) {
      const error = bad(
        `${what} holds ${show(name)}, which is not a NumPy array.`,
        'Save the arrays with numpy.savez.',
      );
      if (entries.length === 0) throw error;
      others.push(unopened(name, toPayload(error)));
    }
    if (names.has(name)) throw bad(`${what} holds ${show(name)} twice.`, 'Save every array once.');
    names.add(name);
    stored += packed;
  }
  // Entries that lie on top of each other could make days of work out of a small file.
  if (stored > file.size) throw bad(`${what} has entries that overlap.`, 'Save it again with numpy.savez.');
  return { entries, others };
}

async function directoryOf(file: RandomAccessFile, what: string): Promise<readonly DirectoryEntry[]> {
  try {
    const tailAt = Math.max(0, file.size - longestEnd);
    const { count, start, size } = endOfZip(await file.read(tailAt, file.size - tailAt), tailAt);
    if (count > mostKeys)
      throw bad(`${what} holds ${String(count)} entries, more than are looked at.`, 'Save it in several archives.');
    if (size > longestDirectory || start + size > file.size) throw new RangeError('directory outside of the file');
    const entries = [...directoryEntries(await file.read(start, size), count)];
    return entries.filter(({ name }) => !name.endsWith('/'));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw bad(
      `${what} is cut off or damaged: the list of its entries cannot be read.`,
      'Save it again with numpy.savez, or copy the file again.',
    );
  }
}

const bad = (message: string, hint: string): NanoscopeError => new NanoscopeError('bad-inputs-file', message, hint);
