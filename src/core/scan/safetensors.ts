/**
 * The header of a `.safetensors` file, after the public description of the format: eight bytes with the length of a
 * JSON object, the object, then the bytes of the tensors without gap or overlap, little-endian and row-major. What
 * the format forbids is refused with a sentence: the file would not load elsewhere either.
 */
import { NanoscopeError } from '../errors';
import { show } from '../onnx/show';
import { safetensorsTypes, type ElementType } from './elements';
import { HeaderText } from './headerText';
import { dimsText, sizeOf } from './shape';
import type { TensorEntry } from './types';

export interface SafetensorsEntry extends TensorEntry {
  readonly name: string;
  /** Of its bytes in the file. */
  readonly at: number;
}

/** So many bytes from the start of a file say how long its header is. */
export const headerLengthBytes = 8;
/** What the format allows. */
const longestHeader = 100_000_000;

/** In characters; names are shown. */
const longestName = 10_000;

/** @param start the first bytes of the file. @throws NanoscopeError `bad-inputs-file` */
export function safetensorsHeaderLength(what: string, start: Uint8Array, fileBytes: number): number {
  if (fileBytes < headerLengthBytes || start.byteLength < headerLengthBytes)
    throw bad(`${what} is cut off: the length of its header takes 8 bytes and ${String(fileBytes)} are there.`);
  const length = new DataView(start.buffer, start.byteOffset, start.byteLength).getBigUint64(0, true);
  if (length > BigInt(longestHeader))
    throw bad(
      `${what} is no safetensors file, or is damaged: its header would have ${String(length)} bytes, more than 100 MB.`,
    );
  if (Number(length) > fileBytes - headerLengthBytes)
    throw bad(
      `${what} is cut off: its header takes ${String(length)} bytes and ${String(fileBytes - headerLengthBytes)} are there.`,
    );
  return Number(length);
}

/**
 * The tensors in the order of their bytes.
 * @param header the JSON alone
 * @throws NanoscopeError `bad-inputs-file`
 */
export function readSafetensorsHeader(what: string, header: Uint8Array, fileBytes: number): SafetensorsEntry[] {
  const dataAt = headerLengthBytes + header.byteLength;
  const found = [...readObject(what, header)].map(([name, fields]) => entryOf(what, name, fields));
  found.sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  let before = '';
  for (const { name, from, to } of found) {
    if (from < end) throw bad(`${what} has tensors that overlap: ${show(before)} and ${show(name)}.`);
    if (from > end) throw bad(`${what} has ${String(from - end)} bytes before ${show(name)} that belong to no tensor.`);
    end = to;
    before = name;
  }
  const have = fileBytes - dataAt;
  if (end > have) throw bad(`${what} is cut off: its tensors take ${String(end)} bytes and ${String(have)} are there.`);
  if (end < have) throw bad(`${what} has ${String(have - end)} bytes at its end that belong to no tensor.`);
  return found.map(({ from, to, elements, ...entry }) => ({
    ...entry,
    elements,
    order: 'C',
    bigEndian: false,
    bytes: to - from,
    at: dataAt + from,
  }));
}

interface Fields {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly number[];
}

interface Found {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly elements: number;
  readonly from: number;
  readonly to: number;
}

function entryOf(what: string, name: string, { dtype, shape, offsets }: Fields): Found {
  const tensor = `${show(name)} in ${what}`;
  const type = safetensorsTypes.get(dtype);
  if (type === undefined) throw bad(`${tensor} has elements of type ${show(dtype, 30)}, which is not known.`);
  const size = sizeOf(shape, type);
  if (size === null) throw bad(`${tensor} has the shape ${dimsText(shape)}, which is not the shape of a tensor.`);
  const [from, to, ...more] = offsets;
  if (from === undefined || to === undefined || more.length > 0 || to < from || !Number.isSafeInteger(to))
    throw bad(`${tensor} has no two offsets between which its bytes lie.`);
  if (to - from !== size.bytes)
    throw bad(
      `${tensor} has ${String(to - from)} bytes, but ${dimsText(shape)} of ${type.name} takes ${String(size.bytes)}.`,
    );
  return { name, type, dims: shape, elements: size.elements, from, to };
}

function readObject(what: string, header: Uint8Array): ReadonlyMap<string, Fields> {
  if (header[0] !== 0x7b) throw bad(`${what} has a header that does not begin with "{".`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    throw bad(`${what} has a header that is not UTF-8 text.`);
  }
  const json = new HeaderText(text, (problem) => bad(`${what} has a header that is not as it should be: ${problem}.`));
  const tensors = new Map<string, Fields>();
  json.object((name) => {
    if (name.length > longestName) json.fail(`there is a name of ${String(name.length)} characters`);
    if (name === '__metadata__') json.object(() => void json.string());
    else tensors.set(name, readFields(json, name));
  });
  json.end();
  return tensors;
}

function readFields(json: HeaderText, name: string): Fields {
  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  json.object((key) => {
    if (key === 'dtype') dtype = json.string();
    else if (key === 'shape') shape = json.wholeNumbers();
    else if (key === 'data_offsets') offsets = json.wholeNumbers();
    else json.fail(`${show(name)} has a field ${show(key, 30)}`);
  });
  if (dtype === undefined || shape === undefined || offsets === undefined)
    return json.fail(`${show(name)} lacks dtype, shape or data_offsets`);
  return { dtype, shape, offsets };
}

const bad = (message: string): NanoscopeError =>
  new NanoscopeError('bad-inputs-file', message, 'Save it again with safetensors, or copy the file again.');
