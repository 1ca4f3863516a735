/**
 * Replacing a file so that a power cut at any moment leaves the old or the new one, whole: new content goes to a
 * temporary file in the same folder and is synced before one rename puts it in place, and the folder is synced after
 * it.
 *
 * Windows: `rename` there replaces as well (MoveFileEx with MOVEFILE_REPLACE_EXISTING), but fails while anybody has the
 * old file open without FILE_SHARE_DELETE; nothing is changed then. Folders cannot be synced there, NTFS journals the
 * rename itself.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { StagedFile } from '../../app/useCases';
import { NanoscopeError } from '../../core/errors';
import { errno, explained, shown } from './failures';
import { temporaryFor } from './ownNames';

/**
 * @param like an existing file whose mode (and owner, where that is allowed) the new one gets.
 * @throws NanoscopeError; then no temporary file is left
 */
export async function stage(file: string, chunks: AsyncIterable<Uint8Array>, like?: string): Promise<StagedFile> {
  const temporary = temporaryFor(file);
  const handle = await explained(file, 'write', () => fs.open(temporary, 'wx'));
  try {
    try {
      for await (const chunk of chunks) {
        await explained(file, 'write', () => writeAll(handle, chunk));
      }
      if (like !== undefined) await explained(file, 'write', () => resemble(handle, like));
      await explained(file, 'write', () => handle.sync());
    } finally {
      await handle.close();
    }
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  const discard = (): Promise<void> => fs.rm(temporary, { force: true });
  return {
    commit: async () => {
      try {
        await explained(file, 'write', () => fs.rename(temporary, file));
      } catch (error) {
        await discard();
        throw error;
      }
      await syncFolder(path.dirname(file));
    },
    discard,
  };
}

/** The file either has all of the new content or is untouched. */
export async function writeAtomic(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await (await stage(file, chunks)).commit();
}

/**
 * A second name for the same file, which costs nothing and keeps everything about it; where the file system has no such
 * thing, a copy that appears whole or not at all.
 * @throws NanoscopeError `would-overwrite` where `as` exists
 */
export async function keepAs(file: string, as: string): Promise<void> {
  await explained(as, 'write', async () => {
    try {
      await fs.link(file, as);
    } catch (error) {
      if (errno(error) === 'EEXIST') throw taken(as);
      // FAT, some network and container file systems, too many links, a file of another owner.
      if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV', 'EACCES'].includes(errno(error))) {
        throw error;
      }
      const copy = await stage(as, contentOf(file), file);
      if (await fs.stat(as).catch(() => null)) {
        await copy.discard();
        throw taken(as);
      }
      await copy.commit();
    }
  });
  await syncFolder(path.dirname(as));
}

/** `by` takes the place and the name of `file`, in one step. */
export async function replaceBy(file: string, by: string): Promise<void> {
  await explained(file, 'write', () => fs.rename(by, file));
  await syncFolder(path.dirname(file));
}

const taken = (file: string): NanoscopeError =>
  new NanoscopeError('would-overwrite', `${shown(file)} exists already.`, 'Move it away, then try again.');

async function resemble(handle: fs.FileHandle, like: string): Promise<void> {
  const { mode, uid, gid } = await fs.stat(like);
  const own = await handle.stat();
  // Only an administrator may give files away.
  if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid).catch(() => undefined);
  await handle.chmod(mode & 0o7777);
}

async function* contentOf(file: string): AsyncGenerator<Uint8Array> {
  const handle = await fs.open(file, 'r');
  try {
    const bytes = new Uint8Array(4 * 1024 * 1024);
    for (;;) {
      const { bytesRead } = await handle.read(bytes, 0, bytes.length);
      if (bytesRead === 0) return;
      yield bytes.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: fs.FileHandle, chunk: Uint8Array): Promise<void> {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await handle.write(chunk, done, Math.min(chunk.length - done, 2 ** 30));
    done += bytesWritten;
  }
}

/** Makes the rename itself last. Windows and some network file systems cannot; the content is safe there too. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await fs.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Nothing that a person could act on.
  }
}
