/** One file: what it is, what is in it, or why that cannot be said. */
import { isZip } from '../../core/batch/zip';
import { NanoscopeError, toPayload } from '../../core/errors';
import type { ScannedFile, ScannedTensor, StoredFormat } from '../../core/scan/types';
import type { FileAccess, RandomAccessFile } from '../useCases';
import { fileChunks } from './chunks';
import type { ScanContext } from './context';
import { requireFormat, requireNoPickle, startBytes } from './formats';
import { noMask, scanNpz } from './npz';
import { scanArray } from './npy';
import { scanSafetensors } from './safetensors';

/** @param what how it is called. @throws NanoscopeError `cancelled` only; every other failure is in the result */
export async function scanFile(
  files: Pick<FileAccess, 'open'>,
  path: string,
  what: string,
  context: ScanContext,
): Promise<ScannedFile> {
  let format: StoredFormat | null = null;
  let bytes = 0;
  let file: RandomAccessFile | undefined;
  try {
    requireNoPickle(what);
    file = await files.open(path);
    bytes = file.size;
    const start = await file.read(0, startBytes);
    format = requireFormat(what, start);
    if (format === 'npz' && !isZip(start))
      throw new NanoscopeError(
        'bad-inputs-file',
        `${what} is not an .npz archive: its first bytes are not those of a ZIP file.`,
        'Save it again with numpy.savez, or copy the file again.',
      );
    return { file: what, format, bytes, ...(await contents(file, what, format, context)) };
  } catch (error) {
    const payload = toPayload(error);
    if (payload.code === 'cancelled') throw error;
    return { file: what, format, bytes, tensors: [], notes: [], error: payload };
  } finally {
    await file?.close();
  }
}

async function contents(
  file: RandomAccessFile,
  what: string,
  format: StoredFormat,
  context: ScanContext,
): Promise<{ readonly tensors: readonly ScannedTensor[]; readonly notes: readonly string[] }> {
  switch (format) {
    case 'npz':
      return scanNpz(file, what, context);
    case 'safetensors':
      return scanSafetensors(file, what, context);
    case 'npy': {
      const { size } = file;
      const chunks = () => fileChunks(file, what, { from: 0, length: size }, context);
      const scan = await scanArray({ what, name: null, size, chunks }, null, context, () => undefined);
      return {
        tensors: [scan.result()],
        notes: context.mask === null ? [] : [noMask(what, context.mask.name)],
      };
    }
  }
}
