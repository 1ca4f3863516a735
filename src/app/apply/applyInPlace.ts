/**
 * Writes an edited model over the original, which is kept beside it under another name until the change is undone.
 *
 * Order, so that a power cut at any moment leaves the old or the new model, whole: the new content is written and synced
 * under a temporary name; the original gets its second name (a hard link: nothing is copied); one rename puts the new
 * content in place. Weights inside the file are written inside again, so that the model never depends on its backup:
 * somebody who deletes the backup loses the way back, not the model. Weights in files of their own stay where they are.
 */
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../../core/errors';
import type { LoadedModel } from '../../core/onnx/load';
import { writeModel } from '../../core/onnx/save';
import { show } from '../../core/onnx/show';
import type { ApplyResult, FileAccess } from '../useCases';
import { withoutOldSeal } from './applyToCopy';
import { appliedFixes } from './applied';
import { backupsOf, contentOf, nextBackup, removeInterrupted, strangeBackup } from './backups';
import { refuseReaders } from './readers';
import { inspectWritten } from './ledger';
import type { UnsealedStamp } from './stamp';
import { sealed } from './stamp';

export interface ApplyInPlace {
  readonly loaded: LoadedModel;
  /** Edited clone of `loaded.proto`; it is not changed here. */
  readonly proto: ModelProto;
  /** `files.identity` of the model before it was read. */
  readonly identity: string;
  readonly fixId: string;
  readonly edits: number;
  readonly version: string;
}

/** @throws NanoscopeError `would-overwrite`, `usage`, `file-unreadable`, …; the model is then as it was */
export async function applyInPlace(files: FileAccess, request: ApplyInPlace): Promise<ApplyResult> {
  const { loaded } = request;
  const model = loaded.realPath;
  if (model === null) {
    throw new NanoscopeError(
      'usage',
      `${show(loaded.name)} is a built-in model, so there is no file to change in place.`,
      'Say where to write the fixed model.',
    );
  }
  await refuseProtected(files, model);
  return files.exclusively(model, () => change(files, request, model));
}

/** @throws NanoscopeError `file-unreadable`. A rename would replace a protected file; its owner meant otherwise. */
export async function refuseProtected(files: FileAccess, model: string): Promise<void> {
  if (await files.isWritable(model)) return;
  throw new NanoscopeError(
    'file-unreadable',
    `${show(files.basename(model))} is write-protected, so it is not changed in place.`,
    'Apply the fix to a copy, or allow writing to the file.',
  );
}

async function change(files: FileAccess, request: ApplyInPlace, model: string): Promise<ApplyResult> {
  const { loaded, identity } = request;
  await files.removeLeftovers(model);
  await refuseChanged(files, model, identity);
  await removeInterrupted(files, model);
  await refuseReaders(files, model, 'changed in place');
  const taken = await backupsOf(files, model);
  const ledger = await inspectWritten(files, model);
  const [first] = taken;
  if (first !== undefined && ledger.kind !== 'in-place') throw strangeBackup(files, model, first);

  const original = await contentOf(files, model);
  const backup = nextBackup(files, model, taken);
  const plan = await writeModel(loaded, withoutOldSeal(request.proto), { weights: 'keep', out: model, files });
  const stamp: UnsealedStamp = {
    tool: 'nanoscope',
    version: request.version,
    fix: request.fixId,
    source: files.basename(model),
    weights: 'inside',
    files: [],
    fixes: [...new Set([...appliedFixes(loaded.proto), ...request.fixId.split('+')])],
    backup: { name: files.basename(backup), ...original },
  };
  const staged = await files.stage(model, sealed(files, plan.model.chunks, stamp), model);
  try {
    await files.keepAs(model, backup);
    try {
      // The last moment at which somebody else's change can be seen; the backup would hold it, the new model would not.
      await refuseChanged(files, model, identity);
      await staged.commit();
    } catch (error) {
      await files.remove(backup);
      throw error;
    }
  } catch (error) {
    await staged.discard();
    throw error;
  }
  const hasExternal = loaded.weights.some((weight) => weight.origin.kind === 'external');
  const { fixId, edits } = request;
  return { file: model, fixId, edits, weights: hasExternal ? 'referenced' : 'inside', backup };
}

async function refuseChanged(files: FileAccess, model: string, identity: string): Promise<void> {
  if ((await files.identity(model)) === identity) return;
  throw new NanoscopeError(
    'file-unreadable',
    `${show(files.basename(model))} was changed while it was diagnosed, so nothing was written.`,
    'Diagnose it again.',
  );
}
