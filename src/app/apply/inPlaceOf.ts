/** Whether a model holds a fix that was applied in place and can be taken back. */
import type { ApplyResult, FileAccess } from '../useCases';
import { backupsOf } from './backups';
import { inspectWritten } from './ledger';

/**
 * The last one, as far as the model is as it was written; the backup may be anything by now, which undo checks.
 * @param model absolute path
 */
export async function appliedInPlace(files: FileAccess, model: string): Promise<Omit<ApplyResult, 'edits'> | null> {
  const path = await files.realPath(model);
  // Reading a model to its end takes long; without a backup there is nothing to find.
  if ((await backupsOf(files, path)).length === 0) return null;
  const ledger = await inspectWritten(files, path);
  if (ledger.kind !== 'in-place') return null;
  const { stamp, backup } = ledger;
  return { file: path, fixId: stamp.fix, weights: stamp.weights, backup };
}
