/**
 * Originals of models that were changed in place: `model.onnx.nanoscope-backup` beside the model, and `…-backup-2` and so
 * on where a fixed model was fixed again. Each fixed file names its own backup in its seal.
 */
import { NanoscopeError } from '../../core/errors';
import { show } from '../../core/onnx/show';
import type { FileAccess } from '../useCases';
import { Hasher, hashRange } from './stamp';

const ending = '.nanoscope-backup';

/** Absolute paths of everything beside a model that is named like a backup of it. */
export async function backupsOf(files: FileAccess, model: string): Promise<readonly string[]> {
  const folder = files.dirname(model);
  const start = `${files.basename(model)}${ending}`;
  const names = (await files.list(folder)) ?? [];
  return names
    .filter((name) => name.startsWith(start) && /^(-[1-9]\d{0,5})?$/.test(name.slice(start.length)))
    .sort()
    .map((name) => files.join(folder, name));
}

/** A name that is free. */
export function nextBackup(files: FileAccess, model: string, taken: readonly string[]): string {
  const path = (n: number): string =>
    files.join(files.dirname(model), `${files.basename(model)}${ending}${n === 1 ? '' : `-${String(n)}`}`);
  let n = 1;
  while (taken.includes(path(n))) n += 1;
  return path(n);
}

/**
 * A backup that is the model as it still stands was made by a change that did not come to its end (a power cut, a
 * killed process). It holds nothing that the model does not hold.
 * @returns those that were removed
 */
export async function removeInterrupted(files: FileAccess, model: string): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const backup of await backupsOf(files, model)) {
    if (await isSameContent(files, model, backup)) {
      await files.remove(backup);
      removed.push(backup);
    }
  }
  return removed;
}

async function isSameContent(files: FileAccess, a: string, b: string): Promise<boolean> {
  if ((await files.identity(a)) === (await files.identity(b))) return true;
  // Where the file system has no second names, the backup is a copy.
  const left = await open(files, a);
  const right = await open(files, b);
  return left.bytes === right.bytes && (await left.hash()) === (await right.hash());
}

async function open(files: FileAccess, path: string): Promise<{ bytes: number; hash: () => Promise<string> }> {
  const file = await files.open(path);
  const bytes = file.size;
  await file.close();
  return { bytes, hash: async () => (await contentOf(files, path)).sha256 };
}

/** Length and SHA-256 of a file. Reads all of it. */
export async function contentOf(files: FileAccess, path: string): Promise<{ bytes: number; sha256: string }> {
  const file = await files.open(path);
  try {
    const hasher = new Hasher(files);
    await hashRange(file, file.size, hasher);
    return { bytes: hasher.bytes, sha256: hasher.digest() };
  } finally {
    await file.close();
  }
}

/** @throws NanoscopeError `would-overwrite`: a backup beside a model that is not what was written then */
export function strangeBackup(files: FileAccess, model: string, backup: string): NanoscopeError {
  const name = show(files.basename(model));
  return new NanoscopeError(
    'would-overwrite',
    `${show(files.basename(backup))} is the backup of an earlier change in place, and ${name} was changed or replaced since.`,
    `If you want the backup back, rename it to ${name}; if not, move it away. Then try again.`,
  );
}
