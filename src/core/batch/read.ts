/**
 * Inputs files: bytes in, batch out. What the file is, its first bytes say; the extension only tells JSON and ONNX
 * tensors, which have none of their own.
 */
import { NanoscopeError } from '../errors';
import type { TensorData } from '../tensor';
import { readJsonBatch } from './json';
import { isNpy, readNpy } from './npy';
import { readNpz } from './npz';
import { readLonePb } from './testData';
import { isRequired } from './types';
import type { Batch, InputSpec } from './types';
import { isZip } from './zip';

/**
 * Reads `.npz`, `.npy`, `.json` or one ONNX tensor (`.pb`). Does not check that the batch fits the model; see `checkBatch`.
 * @param name of the file, without or with folders; for messages, and for which input a lone array is
 * @throws NanoscopeError `bad-inputs-file`
 */
export function readBatchFile(name: string, bytes: Uint8Array, inputs: readonly InputSpec[]): Batch {
  return { inputs: readTensors(name, bytes, inputs) };
}

function readTensors(
  path: string,
  bytes: Uint8Array,
  inputs: readonly InputSpec[],
): Readonly<Record<string, TensorData>> {
  const name = path.split(/[\\/]/).pop() ?? path;
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase();
  if (bytes.byteLength === 0) {
    throw bad(`${name} is empty.`, 'Save the inputs again, or copy the file again.');
  }
  if (isZip(bytes)) {
    return readNpz(name, bytes);
  }
  if (isNpy(bytes)) {
    return { [inputFor(name, inputs)]: readNpy(name, bytes) };
  }
  switch (extension) {
    case 'json':
      return readJsonBatch(name, bytes, inputs);
    case 'pb':
      return readLonePb(name, bytes, inputs);
    case 'npy':
      readNpy(name, bytes); // throws: it is none
      break;
    case 'npz':
      throw bad(`${name} is not an .npz archive: its first bytes are not those of a ZIP file.`, formats);
    case 'pkl':
    case 'pickle':
    case 'pt':
    case 'pth':
      throw bad(
        `${name} is a Python pickle, which can run code when it is loaded.`,
        'Save the inputs with numpy.savez(file, input_ids=…, attention_mask=…).',
      );
    default:
  }
  if (bytes[0] === 0x80) {
    throw bad(
      `${name} looks like a Python pickle, which can run code when it is loaded.`,
      'Save the inputs with numpy.savez(file, input_ids=…, attention_mask=…).',
    );
  }
  throw bad(`${name} is no inputs file that NaNoscope knows.`, formats);
}

const formats = 'Give an .npz or .npy file from NumPy, .json, or an ONNX tensor as .pb.';

/** A lone array belongs to the only input, or to the one that the file is named after. */
function inputFor(fileName: string, inputs: readonly InputSpec[]): string {
  const stem = fileName.replace(/\.npy$/i, '');
  const named = inputs.find((input) => input.name === stem);
  const required = inputs.filter(isRequired);
  const [only, ...more] = required;
  if (named !== undefined) {
    return named.name;
  }
  if (only !== undefined && more.length === 0) {
    return only.name;
  }
  throw bad(
    `${fileName} holds one array, but the model has ${String(required.length)} inputs: ${required
      .map((input) => input.name)
      .join(', ')}.`,
    'Save all of them in one .npz, or name the .npy after its input.',
  );
}

function bad(message: string, hint: string): NanoscopeError {
  return new NanoscopeError('bad-inputs-file', message, hint);
}
