/** A `.safetensors` file: its header, then tensor by tensor where one may hold NaN. */
import { readMask, whyNoMask, type StoredMask } from '../../core/scan/mask';
import {
  headerLengthBytes,
  readSafetensorsHeader,
  safetensorsHeaderLength,
  type SafetensorsEntry,
} from '../../core/scan/safetensors';
import { TensorScan } from '../../core/scan/tensor';
import type { ScannedTensor } from '../../core/scan/types';
import type { RandomAccessFile } from '../useCases';
import { fileChunks } from './chunks';
import type { ScanContext } from './context';
import { noMask, wrongMask } from './npz';

/** @throws NanoscopeError `bad-inputs-file` where the file is not as the format asks */
export async function scanSafetensors(
  file: RandomAccessFile,
  what: string,
  context: ScanContext,
): Promise<{ readonly tensors: readonly ScannedTensor[]; readonly notes: readonly string[] }> {
  const length = safetensorsHeaderLength(what, await file.read(0, headerLengthBytes), file.size);
  const header = await file.read(headerLengthBytes, length);
  const entries = readSafetensorsHeader(what, header, file.size);
  const notes: string[] = [];
  const mask = await maskIn(file, what, entries, context, (note) => notes.push(note));
  const tensors: ScannedTensor[] = [];
  for (const entry of entries) {
    const scan = new TensorScan(entry, context.rules, mask);
    if (scan.problem !== null) notes.push(scan.problem);
    if (scan.counts !== null)
      for await (const chunk of fileChunks(file, what, { from: entry.at, length: entry.bytes }, context))
        scan.counts.push(chunk);
    tensors.push(scan.result());
  }
  return { tensors, notes };
}

async function maskIn(
  file: RandomAccessFile,
  what: string,
  entries: readonly SafetensorsEntry[],
  { mask }: ScanContext,
  note: (text: string) => void,
): Promise<StoredMask | null> {
  if (mask === null) return null;
  const entry = entries.find(({ name }) => name === mask.name);
  if (entry === undefined) {
    note(noMask(what, mask.name));
    return null;
  }
  const problem = whyNoMask(entry);
  const found = problem ?? readMask(entry, await file.read(entry.at, entry.bytes), mask.inverted);
  if (typeof found !== 'string') return found;
  note(wrongMask(mask.name, what, found));
  return null;
}
