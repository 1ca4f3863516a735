/** NumPy's `.npz`: a ZIP archive with one `.npy` for each array. */
import { NanoscopeError } from '../errors';
import type { TensorData } from '../tensor';
import { readNpy, writeNpy } from './npy';
import { readZip, writeZip } from './zip';

/** Arrays by name, in the archive's order. @throws NanoscopeError `bad-inputs-file` */
export function readNpz(what: string, bytes: Uint8Array): Readonly<Record<string, TensorData>> {
  const arrays = new Map<string, TensorData>();
  for (const entry of readZip(what, bytes)) {
    if (!entry.name.endsWith('.npy')) {
      throw new NanoscopeError(
        'bad-inputs-file',
        `${what} holds "${entry.name}", which is not a NumPy array.`,
        'Save the inputs with numpy.savez(file, input_ids=…, attention_mask=…).',
      );
    }
    const name = entry.name.slice(0, -'.npy'.length);
    if (arrays.has(name)) {
      throw new NanoscopeError('bad-inputs-file', `${what} holds "${name}" twice.`, 'Save every input once.');
    }
    arrays.set(name, readNpy(`${what} (${name})`, entry.read()));
  }
  return Object.fromEntries(arrays);
}

/** An uncompressed archive that `numpy.load` reads; equal tensors give equal bytes. */
export function writeNpz(tensors: Readonly<Record<string, TensorData>>): Uint8Array {
  return writeZip(
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, writeNpy(tensor)])),
  );
}
