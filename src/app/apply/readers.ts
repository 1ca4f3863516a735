/** Fixed copies that read their weights out of another model's file, at places that a change of that file moves. */
import { NanoscopeError } from '../../core/errors';
import { allTensors } from '../../core/onnx/allTensors';
import { scan } from '../../core/onnx/scan';
import { show } from '../../core/onnx/show';
import type { FileAccess } from '../useCases';
import { readStamp } from './stamp';

/**
 * @param what is about to happen to the model: `changed in place`
 * @throws NanoscopeError `would-overwrite`
 */
export async function refuseReaders(files: FileAccess, model: string, what: string): Promise<void> {
  const folder = files.dirname(model);
  const own = files.basename(model);
  for (const name of (await files.list(folder)) ?? []) {
    if (name === own || !/\.onnx$/i.test(name)) continue;
    if (await readsFrom(files, files.join(folder, name), own)) {
      throw new NanoscopeError(
        'would-overwrite',
        `${show(name)} is a fixed copy that reads its weights out of ${show(own)}; if that were ${what}, the copy would break.`,
        `Undo ${show(name)} first, or apply the fix to a copy.`,
      );
    }
  }
}

async function readsFrom(files: FileAccess, path: string, source: string): Promise<boolean> {
  try {
    const file = await files.open(path);
    try {
      const stamp = await readStamp(file);
      if (stamp?.weights !== 'referenced') return false;
      const { proto } = await scan(files.basename(path), file);
      return [...allTensors(proto)].some(({ externalData }) =>
        externalData.some(({ key, value }) => key === 'location' && value === source),
      );
    } finally {
      await file.close();
    }
  } catch {
    // A folder, a broken link, a file without permission: nothing that could be a copy of ours.
    return false;
  }
}
