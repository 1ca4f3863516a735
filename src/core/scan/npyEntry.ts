/** A NumPy array as an entry to count: more types than a model can be fed, and no element is read. */
import { NanoscopeError } from '../errors';
import { isPickled, pickledArray, readNpyHeader } from '../batch/npyHeader';
import { show } from '../onnx/show';
import { numpyType } from './elements';
import { dimsText, sizeOf } from './shape';
import type { TensorEntry } from './types';

export interface NpyEntry extends TensorEntry {
  /** Where the elements begin. */
  readonly dataStart: number;
}

/**
 * @param header the start of the array, header included
 * @param size bytes of all of it
 * @throws NanoscopeError `bad-inputs-file`
 */
export function npyEntry(what: string, name: string | null, header: Uint8Array, size: number): NpyEntry {
  const { descr, fortranOrder, shape, dataStart } = readNpyHeader(what, header);
  if (isPickled(descr)) throw pickledArray(what);
  const found = numpyType(descr);
  if (found === null)
    throw bad(
      `${what} has elements of NumPy type ${show(descr, 40)}, ${
        isExtended(descr)
          ? 'extended precision, which machines store in different ways'
          : 'and nothing says whether they are numbers'
      }.`,
      'Save it as float32, or bfloat16 and float8 as .safetensors, which knows them.',
    );
  const { type, bigEndian } = found;
  const sizes = sizeOf(shape, type);
  if (sizes === null)
    throw bad(`${what} has the shape ${dimsText(shape)}, which is not the shape of a tensor.`, saveHint);
  const have = size - dataStart;
  if (have < sizes.bytes)
    throw bad(
      `${what} is cut off: its header promises ${String(sizes.bytes)} bytes of data and ${String(have)} are there.`,
      saveHint,
    );
  if (have > sizes.bytes)
    throw bad(`${what} has ${String(have - sizes.bytes)} bytes after its last element.`, saveHint);
  return { name, type, dims: shape, order: fortranOrder ? 'F' : 'C', bigEndian, ...sizes, dataStart };
}

/** `longdouble` and its complex form. */
const isExtended = (descr: string): boolean => /^[<>=|]?(?:f1[026]|c(?:20|24|32))$/.test(descr);

const saveHint = 'Save the array again with numpy.save, or copy the file again.';

const bad = (message: string, hint: string): NanoscopeError => new NanoscopeError('bad-inputs-file', message, hint);
