/** What an operating system says of a file, as a sentence for a person. */
import { NanoscopeError } from '../../core/errors';
import type { ErrorCode } from '../../core/errors';
import { show } from '../../core/onnx/show';

/** Paths are shown whole, within reason. */
const longestShown = 400;

export type Purpose = 'read' | 'write' | 'remove';

/** @throws NanoscopeError `file-not-found`, `file-unreadable`, … in place of what `action` throws */
export async function explained<T>(file: string, purpose: Purpose, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof NanoscopeError || errno(error) === '') throw error;
    throw explain(file, purpose, error);
  }
}

export function errno(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export const shown = (file: string): string => show(file, longestShown);

export const unreadable = (file: string, why: string, cause?: unknown): NanoscopeError =>
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
            `${shown(file)} cannot be written: ${errno(cause) === 'ENOTDIR' ? 'a file stands where its folder would be' : 'its folder does not exist'}.`,
            errno(cause) === 'ENOTDIR' ? 'Choose another folder.' : 'Create the folder first.',
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
    case 'EFBIG':
      return make(
        'file-unreadable',
        `${shown(file)} cannot be written: it would be larger than a file may be here.`,
        'Raise the limit (ulimit -f), or write to another disk; nothing was left behind.',
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
