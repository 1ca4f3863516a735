/** What is on disk of an earlier application: which files are ours and whether a person changed them since. */
import { NanoscopeError } from '../../core/errors';
import type { RandomAccess } from '../../core/onnx/access';
import { dataFileOf } from '../../core/onnx/save';
import { scan } from '../../core/onnx/scan';
import { show } from '../../core/onnx/show';
import type { FileAccess } from '../useCases';
import type { Stamp } from './stamp';
import { Hasher, hashRange, isIntact, readStamp, stampKey } from './stamp';

export type Ledger =
  | { readonly kind: 'absent' }
  /** Not written by NaNoscope, as far as one can tell. */
  | { readonly kind: 'foreign' }
  /** Written by NaNoscope and changed since; `what` says where. */
  | { readonly kind: 'changed'; readonly what: string }
  /** Ours: exactly these files (absolute paths) were written, and they are as they were. */
  | { readonly kind: 'ours'; readonly stamp: Stamp; readonly written: readonly string[] }
  /** A model that was changed in place and is as it was written; `backup` is absolute and may be anything by now. */
  | { readonly kind: 'in-place'; readonly stamp: Stamp; readonly backup: string; readonly expected: Content };

export interface Content {
  readonly bytes: number;
  readonly sha256: string;
}

/** @param path absolute path of a model file. */
export async function inspectWritten(files: FileAccess, path: string): Promise<Ledger> {
  if (!(await files.exists(path))) {
    return { kind: 'absent' };
  }
  const file = await files.open(path);
  let stamp: Stamp | null;
  try {
    stamp = await readStamp(file);
    if (!stamp) {
      const name = files.basename(path);
      return (await mentionsStamp(name, file)) ? { kind: 'changed', what: show(name) } : { kind: 'foreign' };
    }
    if (!(await isIntact(files, file, stamp))) return { kind: 'changed', what: show(files.basename(path)) };
  } finally {
    await file.close();
  }
  if (stamp.backup) {
    const { name, ...expected } = stamp.backup;
    // Whatever a seal says: only a file in the same folder can be a backup.
    if (name !== files.basename(name) || name === '' || name === '.' || name === '..')
      return { kind: 'changed', what: show(files.basename(path)) };
    return { kind: 'in-place', stamp, expected, backup: files.join(files.dirname(path), name) };
  }
  const written = [path];
  for (const extra of stamp.files) {
    // Whatever a seal says: only the one data file that we name ourselves can be ours.
    if (extra.name !== files.basename(dataFileOf(path))) {
      return { kind: 'changed', what: `${show(files.basename(path))} (it was renamed or moved)` };
    }
    const extraPath = files.join(files.dirname(path), extra.name);
    // A data file that is gone already needs no undoing.
    if (!(await files.exists(extraPath))) continue;
    if (!(await hasHash(files, extraPath, extra))) return { kind: 'changed', what: show(extra.name) };
    written.push(extraPath);
  }
  return { kind: 'ours', stamp, written };
}

/** A fixed model that another tool saved again still names us, without a seal that holds. */
async function mentionsStamp(name: string, file: RandomAccess): Promise<boolean> {
  try {
    const { proto } = await scan(name, file);
    return proto.metadataProps.some((entry) => entry.key === stampKey);
  } catch {
    return false;
  }
}

/** Whether a file has exactly this content. */
export async function hasHash(files: FileAccess, path: string, expected: Content): Promise<boolean> {
  const file = await files.open(path);
  try {
    if (file.size !== expected.bytes) return false;
    const hasher = new Hasher(files);
    await hashRange(file, file.size, hasher);
    return hasher.digest() === expected.sha256;
  } finally {
    await file.close();
  }
}

/** @throws NanoscopeError `would-overwrite` unless `path` is free or holds something of ours that is unchanged. */
export async function refuseOverwrite(files: FileAccess, path: string): Promise<readonly string[]> {
  const ledger = await inspectWritten(files, path);
  const name = show(files.basename(path));
  switch (ledger.kind) {
    case 'ours':
      return ledger.written;
    case 'absent':
      return [];
    case 'foreign':
      throw new NanoscopeError(
        'would-overwrite',
        `${name} exists and was not written by NaNoscope.`,
        'Move it away, or write the fixed model to another file.',
      );
    case 'in-place':
      throw new NanoscopeError(
        'would-overwrite',
        `${name} exists: it is a model that was fixed in place.`,
        'Write the fixed model to another file.',
      );
    case 'changed':
      throw new NanoscopeError(
        'would-overwrite',
        `${name} was written by NaNoscope, but ${ledger.what} was changed since.`,
        'Move it away if you want to keep it, or delete it; NaNoscope does not overwrite your changes.',
      );
  }
}
