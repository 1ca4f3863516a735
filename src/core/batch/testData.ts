/**
 * The layout of ONNX's test data: a folder `test_data_set_0` (or more) beside the model, with `input_0.pb`,
 * `input_1.pb`, … in the order of the graph's inputs, and `output_0.pb`, …, which are not read here. A tensor whose own
 * name is that of a graph input is that input, whatever the number of its file.
 */
import { NanoscopeError } from '../errors';
import type { TensorData } from '../tensor';
import { batchLimits, megabytes } from './limits';
import type { NamedTensor } from './pb';
import { readPb } from './pb';
import { isRequired } from './types';
import type { InputSpec } from './types';

const inputFile = /^input_(\d{1,9})\.pb$/i;
const dataSet = /^test_data_set_(\d{1,9})$/i;

const numberOf = (pattern: RegExp, name: string): number => Number(pattern.exec(name)?.[1] ?? Number.NaN);
const inOrder = (pattern: RegExp, names: readonly string[]): string[] =>
  names.filter((name) => pattern.test(name)).sort((a, b) => numberOf(pattern, a) - numberOf(pattern, b));

/** Whether a file is one of the layout's inputs, by its name without folders. */
export const isTestInput = (name: string): boolean => inputFile.test(name);

/** The layout's inputs among the names in a folder, by number. */
export const testInputs = (names: readonly string[]): string[] => inOrder(inputFile, names);

/**
 * Which folder in a folder without inputs of its own holds the test data.
 * @param what the folder's name, for messages
 * @throws NanoscopeError `bad-inputs-file` when there is none, or several to choose from
 */
export function dataSetIn(what: string, names: readonly string[]): string {
  const [only, ...more] = inOrder(dataSet, names);
  if (only === undefined) {
    throw bad(
      `The folder ${what} holds no input_0.pb and no test_data_set_0.`,
      'Give a folder in the layout of ONNX test data, or a file: .npz, .npy, .json or .pb.',
    );
  }
  if (more.length > 0) {
    throw bad(
      `The folder ${what} holds ${String(more.length + 1)} test data sets.`,
      `Give one of them: ${[only, ...more].slice(0, 8).join(', ')}${more.length > 7 ? ', …' : ''}.`,
    );
  }
  return only;
}

/**
 * @param files names (as `testInputs` gives them) and bytes
 * @throws NanoscopeError `bad-inputs-file`
 */
export function readTestData(
  files: readonly (readonly [name: string, bytes: Uint8Array])[],
  inputs: readonly InputSpec[],
): Readonly<Record<string, TensorData>> {
  const total = files.reduce((sum, [, bytes]) => sum + bytes.byteLength, 0);
  if (files.length > batchLimits.tensors || total > batchLimits.totalBytes) {
    throw bad(
      `The inputs are larger than ${megabytes(batchLimits.totalBytes)} or more than ${String(batchLimits.tensors)}.`,
      'Use fewer samples or shorter ones.',
    );
  }
  const found = new Map<string, { readonly file: string; readonly tensor: TensorData }>();
  for (const [file, bytes] of files) {
    refuseContainers(file, inputs);
    const read = readPb(file, bytes);
    const input = inputOf(file, read, inputs);
    const before = found.get(input);
    if (before) {
      throw bad(
        `${before.file} and ${file} both give "${input}".`,
        'A name inside a file wins over its number: give every file the name of its input, or none.',
      );
    }
    found.set(input, { file, tensor: read.tensor });
  }
  return Object.fromEntries([...found].map(([name, { tensor }]) => [name, tensor]));
}

/** A lone `.pb`: by the name inside it, by its file name, by the number in that, or the model's only input. */
export function readLonePb(
  file: string,
  bytes: Uint8Array,
  inputs: readonly InputSpec[],
): Readonly<Record<string, TensorData>> {
  if (inputFile.test(file)) return readTestData([[file, bytes]], inputs);
  const read = readPb(file, bytes);
  const stem = file.replace(/\.pb$/i, '');
  const required = inputs.filter(isRequired);
  const [only, ...more] = required;
  const input =
    inputs.find(({ name }) => name === read.name) ??
    inputs.find(({ name }) => name === stem) ??
    (more.length === 0 ? only : undefined);
  if (input === undefined) {
    throw bad(
      `${file} holds one tensor, but the model has ${String(required.length)} inputs: ${required.map(({ name }) => name).join(', ')}.`,
      'Give a folder with input_0.pb, input_1.pb, …, or save all of them in one .npz.',
    );
  }
  return { [input.name]: read.tensor };
}

function inputOf(file: string, { name }: NamedTensor, inputs: readonly InputSpec[]): string {
  const named = inputs.find((input) => input.name === name);
  // What has a default is no part of the order, as the engine's own test runner counts.
  const required = inputs.filter(isRequired);
  const byOrder = required[numberOf(inputFile, file)];
  const input = named ?? byOrder;
  if (input === undefined) {
    throw bad(
      `${file} has no input to go to: the model has ${String(required.length)}, counted from 0.`,
      `Give the data of this model; it wants: ${required.map((entry) => entry.name).join(', ')}.`,
    );
  }
  return input.name;
}

/** Sequences and optionals look like tensors on the wire; the model says what its inputs are. */
function refuseContainers(file: string, inputs: readonly InputSpec[]): void {
  const kind = containers[inputs.filter(isRequired)[numberOf(inputFile, file)]?.dtype ?? ''];
  if (kind === undefined) return;
  throw bad(
    `${file} is for an input that is ${kind}, and NaNoscope feeds models with plain tensors only.`,
    'Export the model with plain tensors as inputs.',
  );
}

const containers: Readonly<Record<string, string>> = {
  sequenceType: 'a sequence',
  optionalType: 'an optional',
  mapType: 'a map',
};

function bad(message: string, hint: string): NanoscopeError {
  return new NanoscopeError('bad-inputs-file', message, hint);
}
