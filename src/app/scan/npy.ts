/** One NumPy array, in a file of its own or in an archive: its header first, its elements only where they may be NaN. */
import { npyDataStart, npyPrefix } from '../../core/batch/npyHeader';
import { readMask, whyNoMask, type StoredMask } from '../../core/scan/mask';
import { npyEntry, type NpyEntry } from '../../core/scan/npyEntry';
import { TensorScan } from '../../core/scan/tensor';
import { headOf, type Chunks } from './chunks';
import type { ScanContext } from './context';

export interface ArraySource {
  /** How messages call it. */
  readonly what: string;
  readonly name: string | null;
  /** Bytes of header and elements. */
  readonly size: number;
  readonly chunks: () => Chunks;
}

/** @param begun called when the header is read, so that what fails later is known by its shape */
export async function scanArray(
  source: ArraySource,
  mask: StoredMask | null,
  { rules }: Pick<ScanContext, 'rules'>,
  begun: (scan: TensorScan) => void,
): Promise<TensorScan> {
  const chunks = source.chunks();
  try {
    const { entry, behind } = await opened(source, chunks);
    const scan = new TensorScan(entry, rules, mask);
    begun(scan);
    if (scan.counts === null) return scan;
    scan.counts.push(behind);
    for await (const chunk of chunks) scan.counts.push(chunk);
    return scan;
  } finally {
    await chunks.return();
  }
}

/** The mask, or half a sentence on why it is none. */
export async function maskArray(source: ArraySource, inverted: boolean): Promise<StoredMask | string> {
  const chunks = source.chunks();
  try {
    const { entry, behind } = await opened(source, chunks);
    const problem = whyNoMask(entry);
    if (problem !== null) return problem;
    const bytes = new Uint8Array(entry.bytes);
    bytes.set(behind);
    let filled = behind.byteLength;
    for await (const chunk of chunks) {
      bytes.set(chunk, filled);
      filled += chunk.byteLength;
    }
    return readMask(entry, bytes, inverted);
  } finally {
    await chunks.return();
  }
}

async function opened(
  { what, name, size }: ArraySource,
  chunks: Chunks,
): Promise<{ readonly entry: NpyEntry; readonly behind: Uint8Array }> {
  const { head } = await headOf(chunks, (bytes) =>
    bytes.byteLength < npyPrefix ? npyPrefix : npyDataStart(what, bytes),
  );
  const entry = npyEntry(what, name, head, size);
  return { entry, behind: head.subarray(entry.dataStart) };
}
