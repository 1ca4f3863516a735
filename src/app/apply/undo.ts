import { NanoscopeError } from '../../core/errors';
import { show } from '../../core/onnx/show';
import type { UndoFix } from '../useCases';
import { inspectWritten } from './ledger';

/** Removes a model that `applyToCopy` wrote, with its data file; nothing else, and nothing that was changed since. */
export const undo: UndoFix = async ({ files }, path) => {
  const ledger = await inspectWritten(files, path);
  const name = show(files.basename(path));
  switch (ledger.kind) {
    case 'absent':
      throw new NanoscopeError(
        'file-not-found',
        `${name} does not exist.`,
        'Give the fixed model, which ends in .fixed.onnx unless you chose another name.',
      );
    case 'foreign':
      throw new NanoscopeError(
        'not-ours',
        `${name} was not written by NaNoscope, so it is not removed.`,
        'Give the fixed model (…fixed.onnx), not the original; remove other files yourself.',
      );
    case 'changed':
      throw new NanoscopeError(
        'not-ours',
        `${name} was written by NaNoscope, but ${ledger.what} was changed since, so nothing is removed.`,
        'Remove it yourself if you no longer need it.',
      );
    case 'ours':
      for (const file of ledger.written) await files.remove(file);
      return { removed: ledger.written };
  }
};
