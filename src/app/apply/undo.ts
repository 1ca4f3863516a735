import { NanoscopeError } from '../../core/errors';
import { show } from '../../core/onnx/show';
import type { FileAccess, UndoFix, UndoResult } from '../useCases';
import { refuseProtected } from './applyInPlace';
import { removeInterrupted } from './backups';
import type { Ledger } from './ledger';
import { hasHash, inspectWritten } from './ledger';
import { refuseReaders } from './readers';

/**
 * Takes one step back: removes a copy with its data file, or puts the original of a model that was changed in place back
 * in its place. Nothing else is touched, and nothing that was changed since.
 */
export const undo: UndoFix = async ({ files }, path) => {
  const name = show(files.basename(path));
  if (!(await files.exists(path))) {
    throw new NanoscopeError(
      'file-not-found',
      `${name} does not exist.`,
      'Give the fixed model, which ends in .fixed.onnx unless you chose another name or had it changed in place.',
    );
  }
  // A copy is taken away under the name it was given; a model that was changed in place may be linked to.
  const ledger = await inspectWritten(files, path);
  const model = ledger.kind === 'ours' ? path : await files.realPath(path);
  return files.exclusively(model, async () => {
    await files.removeLeftovers(model);
    return takeBack(files, model, await inspectWritten(files, model));
  });
};

async function takeBack(files: FileAccess, path: string, ledger: Ledger): Promise<UndoResult> {
  const name = show(files.basename(path));
  const declined = (message: string, hint: string): NanoscopeError => new NanoscopeError('not-ours', message, hint);
  switch (ledger.kind) {
    case 'absent':
      throw new NanoscopeError('file-not-found', `${name} does not exist.`, 'Somebody else removed it just now.');
    case 'foreign': {
      // A change in place that was cut off before the model was touched: taken back is what is left of it.
      const removed = await removeInterrupted(files, path);
      if (removed.length > 0) return { removed, restored: path };
      throw declined(
        `${name} was not written by NaNoscope, so it is not removed.`,
        'Give the fixed model (…fixed.onnx), not the original; remove other files yourself.',
      );
    }
    case 'changed':
      throw declined(
        `${name} was written by NaNoscope, but ${ledger.what} was changed since, so nothing is removed.`,
        'Remove it yourself if you no longer need it; the original of a model that was changed in place is its backup.',
      );
    case 'in-place':
      return restore(files, path, ledger);
    case 'ours':
      for (const file of ledger.written) await files.remove(file);
      return { removed: ledger.written };
  }
}

async function restore(
  files: FileAccess,
  path: string,
  { backup, expected }: Extract<Ledger, { kind: 'in-place' }>,
): Promise<UndoResult> {
  const name = show(files.basename(path));
  const backupName = show(files.basename(backup));
  await removeInterrupted(files, path);
  if (!(await files.exists(backup))) {
    throw new NanoscopeError(
      'not-ours',
      `${name} was fixed in place, and its backup ${backupName} is gone, so the original cannot be put back.`,
      'Put the backup back beside the model, or export the model again.',
    );
  }
  if (!(await hasHash(files, backup, expected))) {
    throw new NanoscopeError(
      'not-ours',
      `${backupName} was changed since ${name} was fixed in place; it is not the original any more.`,
      'Nothing was touched: look at both files and keep the one that you want.',
    );
  }
  await refuseProtected(files, path);
  await refuseReaders(files, path, 'put back');
  // One rename: at every moment the model is the fixed one or the original, and the backup is gone with it.
  await files.replaceBy(path, backup);
  return { removed: [backup], restored: path };
}
