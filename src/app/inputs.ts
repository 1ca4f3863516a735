/** The batch that `--inputs` names: a file, or a folder in the layout of ONNX's test data. */
import { batchLimits, megabytes } from '../core/batch/limits';
import { readBatchFile } from '../core/batch/read';
import { dataSetIn, isTestInput, readTestData, testInputs } from '../core/batch/testData';
import { isRequired } from '../core/batch/types';
import type { Batch, InputSpec } from '../core/batch/types';
import { NanoscopeError } from '../core/errors';
import type { FileAccess } from './useCases';

type Files = Pick<FileAccess, 'open' | 'readFile' | 'list' | 'join' | 'dirname' | 'basename'>;

/** @throws NanoscopeError `bad-inputs-file`, `file-not-found`, `file-unreadable` */
export async function readInputs(files: Files, path: string, inputs: readonly InputSpec[]): Promise<Batch> {
  const name = files.basename(path);
  const names = await files.list(path);
  if (names !== null) {
    if (testInputs(names).length > 0) return readFolder(files, path, names, inputs);
    const set = dataSetIn(name, names);
    const folder = files.join(path, set);
    const inside = (await files.list(folder)) ?? [];
    return { ...(await readFolder(files, folder, inside, inputs)), readFrom: set };
  }
  if (isTestInput(name) && inputs.filter(isRequired).length > 1) {
    // A dialog that chooses files cannot choose the folder; alone, this file could never feed the model.
    const folder = files.dirname(path);
    const siblings = testInputs((await files.list(folder)) ?? []);
    if (siblings.includes(name)) {
      return { ...(await readFolder(files, folder, siblings, inputs)), readFrom: files.basename(folder) };
    }
  }
  return readBatchFile(name, await files.readFile(path), inputs);
}

async function readFolder(
  files: Files,
  folder: string,
  names: readonly string[],
  inputs: readonly InputSpec[],
): Promise<Batch> {
  const found = testInputs(names);
  if (found.length === 0) {
    throw new NanoscopeError(
      'bad-inputs-file',
      `The folder ${files.basename(folder)} holds no input_0.pb.`,
      'Give a folder in the layout of ONNX test data, or a file: .npz, .npy, .json or .pb.',
    );
  }
  let room: number = batchLimits.totalBytes;
  const read: [string, Uint8Array][] = [];
  for (const name of found) {
    const file = await files.open(files.join(folder, name));
    try {
      room -= file.size;
      if (room < 0) {
        throw new NanoscopeError(
          'bad-inputs-file',
          `The inputs in ${files.basename(folder)} are larger than ${megabytes(batchLimits.totalBytes)}.`,
          'Use fewer samples or shorter ones.',
        );
      }
      read.push([name, await file.read(0, file.size)]);
    } finally {
      await file.close();
    }
  }
  return { inputs: readTestData(read, inputs) };
}
