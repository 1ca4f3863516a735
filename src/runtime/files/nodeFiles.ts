/** Files on disk, behind the port of the use cases. */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { NanoscopeError } from '../../core/errors';
import type { ErrorCode } from '../../core/errors';
import { show } from '../../core/onnx/show';
import type { FileAccess, RandomAccessFile } from '../../app/useCases';

export const nodeFiles: FileAccess = {
  open,
  readFile: (file) => explained(file, 'read', () => fs.readFile(file)),
  exists,
  list,
  realPath: (file) => explained(file, 'read', () => fs.realpath(file)),
  writeAtomic,
  remove: (file) => explained(file, 'remove', () => fs.rm(file)),
  sha256: () => {
    const hash = createHash('sha256');
    return {
      update: (chunk) => {
        hash.update(chunk);
      },
      hex: () => hash.digest('hex'),
    };
  },
  join: (...parts) => path.join(...parts),
  dirname: (file) => path.dirname(file),
  basename: (file) => path.basename(file),
};

async function open(file: string): Promise<RandomAccessFile> {
  // Before opening: to open a pipe means to wait for somebody who writes into it.
  const kind = await explained(file, 'read', () => fs.stat(file));
  if (!kind.isFile()) {
    throw unreadable(file, kind.isDirectory() ? 'it is a folder' : 'it is not a regular file');
  }
  const handle = await explained(file, 'read', () => fs.open(file, 'r'));
  try {
    const { size } = await explained(file, 'read', () => handle.stat());
    return {
      size,
      read: (offset, length) => explained(file, 'read', () => readAt(handle, offset, length, size)),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readAt(handle: fs.FileHandle, offset: number, length: number, size: number): Promise<Uint8Array> {
  const wanted = Math.max(0, Math.min(length, size - offset));
  const bytes = new Uint8Array(wanted);
  let done = 0;
  // One call may bring fewer bytes than asked for, always so above 2 GB.
  while (done < wanted) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(wanted - done, 2 ** 30), offset + done);
    if (bytesRead === 0) {
      return bytes.subarray(0, done);
    }
    done += bytesRead;
  }
  return bytes;
}

async function exists(file: string): Promise<boolean> {
  try {
    await fs.stat(file);
    return true;
  } catch (error) {
    // A file that may not be looked at is there, as far as overwriting it goes.
    return !['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'].includes(errno(error));
  }
}

async function list(folder: string): Promise<readonly string[] | null> {
  try {
    if (!(await fs.stat(folder)).isDirectory()) return null;
  } catch {
    // Whoever opens it as a file says what is wrong.
    return null;
  }
  return explained(folder, 'read', () => fs.readdir(folder));
}

/**
 * The file either has all of the new content or is untouched: temporary file in the same folder, synced, renamed,
 * folder synced. The temporary file is removed when anything fails, the chunks' own source included.
 */
async function writeAtomic(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = path.join(
    path.dirname(file),
    `.${path.basename(file).slice(0, 100)}.${randomBytes(6).toString('hex')}.tmp`,
  );
  const handle = await explained(file, 'write', () => fs.open(temporary, 'wx'));
  try {
    try {
      for await (const chunk of chunks) {
        await explained(file, 'write', () => writeAll(handle, chunk));
      }
      await explained(file, 'write', () => handle.sync());
    } finally {
      await handle.close();
    }
    await explained(file, 'write', () => fs.rename(temporary, file));
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

async function writeAll(handle: fs.FileHandle, chunk: Uint8Array): Promise<void> {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await handle.write(chunk, done, Math.min(chunk.length - done, 2 ** 30));
    done += bytesWritten;
  }
}

/** Makes the rename itself last. Windows and some network file systems cannot; the content is safe there too. */
async function syncFolder(folder: string): Promise<void> {
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

/** Paths are shown whole, within reason. */
const longestShown = 400;

type Purpose = 'read' | 'write' | 'remove';

async function explained<T>(file: string, purpose: Purpose, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof NanoscopeError || errno(error) === '') throw error;
    throw explain(file, purpose, error);
  }
}

function errno(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const shown = (file: string): string => show(file, longestShown);

const unreadable = (file: string, why: string, cause?: unknown): NanoscopeError =>
  new NanoscopeError('file-unreadable', `${shown(file)} cannot be used: ${why}.`, 'Choose another file.', { cause });

function explain(file: string, purpose: Purpose, cause: unknown): NanoscopeError {
  const make = (code: ErrorCode, message: string, hint: string): NanoscopeError =>
    new NanoscopeError(code, message, hint, { cause });
  const verb = purpose === 'read' ? 'read' : purpose === 'write' ? 'written' : 'removed';
  switch (errno(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return purpose === 'write'
        ? make(
            'file-not-found',
            `${shown(file)} cannot be written: its folder does not exist.`,
            'Create the folder first.',
          )
        : make(
            'file-not-found',
            `${shown(file)} does not exist.`,
            'Check the path; it is case-sensitive on most systems.',
          );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return make(
        'file-unreadable',
        `${shown(file)} cannot be ${verb}: permission denied.`,
        purpose === 'read' ? 'Change its permissions, or copy it.' : 'Choose a folder that you may write to.',
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return make(
        'file-unreadable',
        `${shown(file)} cannot be written: the disk is full.`,
        'Free some space, or write to another disk; nothing was left behind.',
      );
    case 'EISDIR':
      return unreadable(file, 'it is a folder', cause);
    case 'EMFILE':
    case 'ENFILE':
      return make(
        'file-unreadable',
        `${shown(file)} cannot be opened: too many files are open.`,
        'Close some and try again.',
      );
    case 'ELOOP':
      return unreadable(file, 'its symbolic links lead in a circle', cause);
    case 'ENAMETOOLONG':
      return unreadable(file, 'its name is too long', cause);
    case 'ERR_INVALID_ARG_VALUE':
      return unreadable(file, 'its name is impossible', cause);
    default:
      return make(
        'file-unreadable',
        `${shown(file)} cannot be ${verb} (${errno(cause)}).`,
        'Check the disk and the file, then try again.',
      );
  }
}
