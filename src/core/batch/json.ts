/**
 * Batches as JSON: `{ "input_ids": [[5, 7]], "x": { "dtype": "float32", "shape": [1, 2], "data": [0.5, "NaN"] } }`.
 * JSON has no NaN and no infinities; they are the strings "NaN", "Infinity" and "-Infinity".
 */
import { NanoscopeError } from '../errors';
import { dtypes } from '../tensor';
import type { DType, TensorData } from '../tensor';
import { batchLimits, checkedCount, megabytes, shapeText } from './limits';
import { isDType, isFloat, toElements, whyNot } from './numbers';
import type { InputSpec } from './types';

/**
 * @param inputs tell the dtype of nested arrays; an array for an unknown input becomes int64, bool or float32
 * @throws NanoscopeError `bad-inputs-file`
 */
export function readJsonBatch(
  what: string,
  bytes: Uint8Array,
  inputs: readonly InputSpec[],
): Readonly<Record<string, TensorData>> {
  if (bytes.byteLength > batchLimits.jsonBytes) {
    throw bad(
      `${what} is larger than ${megabytes(batchLimits.jsonBytes)}, too much for JSON.`,
      'Save the inputs as .npz instead.',
    );
  }
  const document = parse(what, bytes);
  if (!isObject(document)) {
    throw bad(`${what} is not a JSON object of inputs.`, formHint);
  }
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => {
      const spec = inputs.find((input) => input.name === name);
      return [name, readTensor(`"${name}" in ${what}`, value, spec)] as const;
    }),
  );
}

const formHint = 'Write { "input_ids": [[1, 2, 3]], "attention_mask": [[1, 1, 1]] }.';

function parse(what: string, bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad(`${what} is not UTF-8 text.`, 'Save it as UTF-8 JSON, or the inputs as .npz.');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : String(error);
    const bareWord = /(?:^|[^"\w])-?(NaN|Infinity)\b/.test(text);
    throw bad(
      `${what} is not JSON: ${why}.`,
      bareWord ? 'JSON has no NaN or Infinity: write them as strings, "NaN", "Infinity", "-Infinity".' : formHint,
    );
  }
}

function readTensor(what: string, value: unknown, spec: InputSpec | undefined): TensorData {
  const wanted = spec !== undefined && isDType(spec.dtype) ? spec.dtype : undefined;
  if (isObject(value)) {
    return readDescribed(what, value);
  }
  const { dims, flat } = flatten(what, value, wanted);
  const dtype = wanted ?? guess(flat);
  return tensorOf(what, dtype, dims, flat);
}

/** `{ dtype, shape, data }`, data flat in row-major order or nested. */
function readDescribed(what: string, value: Readonly<Record<string, unknown>>): TensorData {
  const { dtype, shape, data } = value;
  if (typeof dtype !== 'string' || !isDType(dtype)) {
    throw bad(
      `${what} has no known "dtype".`,
      `Write { "dtype": …, "shape": […], "data": […] } with one of ${dtypes.join(', ')}.`,
    );
  }
  if (!Array.isArray(shape) || !shape.every((d): d is number => typeof d === 'number')) {
    throw bad(`${what} has no "shape", a list of sizes.`, 'Write { "dtype": …, "shape": [2, 35], "data": […] }.');
  }
  const count = checkedCount(what, dtype, shape, 'bad-inputs-file');
  const { flat } = flatten(what, data, dtype);
  if (flat.length !== count) {
    throw bad(
      `${what} has ${String(flat.length)} numbers, but its shape ${shapeText(shape)} needs ${String(count)}.`,
      'Make shape and data agree.',
    );
  }
  return tensorOf(what, dtype, shape, flat);
}

function tensorOf(what: string, dtype: DType, dims: readonly number[], flat: readonly Element[]): TensorData {
  checkedCount(what, dtype, dims, 'bad-inputs-file');
  return { dtype, dims, data: toElements(dtype, flat.map(Number)) };
}

type Element = number | boolean;

/** Without a model input of that name: booleans, whole numbers or floats, by what is there. */
function guess(flat: readonly Element[]): DType {
  if (flat.length > 0 && flat.every((x) => typeof x === 'boolean')) {
    return 'bool';
  }
  return flat.every((x) => Number.isSafeInteger(x)) ? 'int64' : 'float32';
}

interface Flat {
  readonly dims: readonly number[];
  readonly flat: readonly Element[];
}

function flatten(what: string, value: unknown, dtype: DType | undefined): Flat {
  const dims: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) {
    dims.push(level.length);
    if (dims.length > batchLimits.rank) {
      throw bad(`${what} is nested more than ${String(batchLimits.rank)} levels deep.`, formHint);
    }
  }
  const flat: Element[] = [];
  const walk = (item: unknown, depth: number, place: readonly number[]): void => {
    const size = dims[depth];
    if (size === undefined) {
      flat.push(element(what, item, dtype, place));
      return;
    }
    if (!Array.isArray(item) || item.length !== size) {
      throw bad(
        `${what} is ragged: ${placeText(place)} has ${Array.isArray(item) ? `${String(item.length)} elements` : 'one value'}, its neighbours have ${String(size)}.`,
        'Pad the rows to one length, and mark the padding in the mask.',
      );
    }
    item.forEach((inner, i) => {
      walk(inner, depth + 1, [...place, i]);
    });
  };
  walk(value, 0, []);
  return { dims, flat };
}

const words: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity };

function element(what: string, item: unknown, dtype: DType | undefined, place: readonly number[]): Element {
  const isWord = typeof item === 'string' && Object.hasOwn(words, item);
  if (isWord && (dtype === undefined || isFloat(dtype))) {
    return words[item] ?? Number.NaN;
  }
  const value = typeof item === 'number' || typeof item === 'boolean' ? item : undefined;
  if (value === undefined) {
    throw bad(
      isWord && dtype !== undefined
        ? `${what} has ${item} at ${placeText(place)}, which ${dtype} cannot hold.`
        : `${what} has ${shown(item)} at ${placeText(place)}, which is not a number.`,
      'Use numbers, true and false, and for floats the strings "NaN", "Infinity" and "-Infinity".',
    );
  }
  const why = dtype === undefined ? null : whyNot(dtype, Number(value));
  if (why !== null) {
    throw bad(`${what}: ${why}, at ${placeText(place)}.`, `The model wants ${String(dtype)} here.`);
  }
  return value;
}

const placeText = (place: readonly number[]): string => (place.length === 0 ? 'the top' : `[${place.join(', ')}]`);

function shown(item: unknown): string {
  if (Array.isArray(item)) {
    return 'a list';
  }
  return typeof item === 'object' && item !== null
    ? 'an object'
    : item === undefined
      ? 'nothing'
      : JSON.stringify(item).slice(0, 60);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(message: string, hint: string): NanoscopeError {
  return new NanoscopeError('bad-inputs-file', message, hint);
}
