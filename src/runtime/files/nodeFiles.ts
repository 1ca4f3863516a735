/** Files on disk, behind the port of the use cases. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { constants } from 'node:fs';
import * as path from 'node:path';
import type { FileAccess, RandomAccessFile } from '../../app/useCases';
import { errno, explained, unreadable } from './failures';
import { exclusively } from './lock';
import { removeLeftovers } from './ownNames';
import { keepAs, replaceBy, stage, syncFolder, writeAtomic } from './replacing';

export const nodeFiles: FileAccess = {
  open,
  readFile: (file) => explained(file, 'read', () => fs.readFile(file)),
  exists,
  list,
  realPath: (file) => explained(file, 'read', () => fs.realpath(file)),
  writeAtomic,
  stage,
  keepAs,
  replaceBy,
  remove: async (file) => {
    await explained(file, 'remove', () => fs.rm(file));
    await syncFolder(path.dirname(file));
  },
  makeFolder: async (folder) => {
    await explained(folder, 'write', () => fs.mkdir(folder, { recursive: true }));
  },
  identity,
  isWritable,
  exclusively,
  removeLeftovers,
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

/** Another name for the same file leaves it as it is, other content does not. */
async function identity(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs } = await explained(file, 'read', () => fs.stat(file, { bigint: true }));
  return [dev, ino, size, mtimeNs].join(':');
}

/** An administrator may write everything; a file without any write permission is protected on purpose all the same. */
async function isWritable(file: string): Promise<boolean> {
  const { mode } = await explained(file, 'read', () => fs.stat(file));
  if ((mode & 0o222) === 0) return false;
  return fs.access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
}
