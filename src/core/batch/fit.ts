/** Whether a batch fits a model: names, element types, shapes. Safe casts are done, everything else is refused. */
import { NanoscopeError } from '../errors';
import { show } from '../onnx/show';
import { floatsOf } from '../probe/floats';
import { closest } from '../suggest';
import { allocate, elementCount } from '../tensor';
import type { DType, TensorData } from '../tensor';
import { batchLimits, checkedCount, megabytes, shapeText } from './limits';
import { isDType } from './numbers';
import { isRequired } from './types';
import type { Batch, InputSpec } from './types';

/**
 * The batch with every input in the model's own element type and order. Cast without being asked: int32 and
 * int64 into each other, bool and 0/1 integers into each other, float64 and bfloat16 to float32; only where no value changes
 * its meaning. Inputs with a default may be missing.
 * @throws NanoscopeError `bad-input`
 */
export function checkBatch(batch: Batch, inputs: readonly InputSpec[]): Batch {
  checkNames(batch, inputs);
  const fitted = inputs.flatMap((spec) => {
    const tensor = Object.hasOwn(batch.inputs, spec.name) ? batch.inputs[spec.name] : undefined;
    if (tensor === undefined) {
      if (!isRequired(spec)) return [];
      throw bad(`The inputs have no ${show(spec.name)}, which the model needs.`, `It wants: ${wanted(inputs)}.`);
    }
    checkTensor(spec.name, tensor);
    return [[spec.name, castTo(spec, tensor)] as const];
  });
  checkShapes(inputs, new Map(fitted));
  const bytes = fitted.reduce((sum, [, tensor]) => sum + tensor.data.byteLength, 0);
  if (fitted.length > batchLimits.tensors || bytes > batchLimits.totalBytes) {
    throw bad(
      `The inputs are larger than ${megabytes(batchLimits.totalBytes)} or more than ${String(batchLimits.tensors)}.`,
      'Use fewer samples or shorter ones.',
    );
  }
  return { ...batch, inputs: Object.fromEntries(fitted) };
}

function checkNames(batch: Batch, inputs: readonly InputSpec[]): void {
  const names = inputs.map((input) => input.name);
  const unknown = Object.keys(batch.inputs).find((name) => !names.includes(name));
  if (unknown === undefined) {
    return;
  }
  const missing = inputs.filter((input) => isRequired(input) && !Object.hasOwn(batch.inputs, input.name));
  const guess = closest(unknown, missing.length > 0 ? missing.map((input) => input.name) : names);
  throw bad(
    `The model has no input ${show(unknown)}.`,
    `${guess === null ? '' : `Did you mean ${show(guess)}? `}It wants: ${wanted(inputs)}.`,
  );
}

/** For a person: what has to be given, then what may be. */
function wanted(inputs: readonly InputSpec[]): string {
  const list = (specs: readonly InputSpec[]): string => specs.map(({ name }) => show(name)).join(', ');
  const optional = inputs.filter((input) => !isRequired(input));
  const required = list(inputs.filter(isRequired));
  return optional.length === 0 ? required : `${required} (and takes, as it has a default: ${list(optional)})`;
}

/** The tensor agrees with itself. */
function checkTensor(name: string, { dtype, dims, data }: TensorData): void {
  const count = checkedCount(`Input "${name}"`, dtype, dims, 'bad-input');
  if (data.length !== count) {
    throw bad(
      `Input "${name}" has ${String(data.length)} elements, but its shape ${shapeText(dims)} needs ${String(count)}.`,
      'Make shape and data agree.',
    );
  }
}

function castTo(spec: InputSpec, tensor: TensorData): TensorData {
  const from = tensor.dtype;
  const { dtype: to } = spec;
  if (from === to) {
    return tensor;
  }
  if (!isDType(to)) {
    throw bad(
      `Input "${spec.name}" holds ${to}, which an inputs file cannot give.`,
      'Diagnose a model with numeric inputs.',
    );
  }
  // What a bfloat16 model that is run in float32 is fed; every bfloat16 is a float32.
  if (from === 'bfloat16' && to === 'float32') {
    return { dtype: to, dims: tensor.dims, data: Float32Array.from(floatsOf(tensor)) };
  }
  const convert = conversion(from, to);
  if (convert === null) {
    throw bad(
      `Input "${spec.name}" is ${from}, but the model wants ${to}.`,
      `Save it as ${to}, for example with .astype(numpy.${to === 'bool' ? 'bool_' : to}).`,
    );
  }
  const data = allocate(to, tensor.data.length);
  for (let i = 0; i < data.length; i++) {
    const value = Number(tensor.data[i]);
    const why = convert(value);
    if (why !== null) {
      throw bad(
        `Input "${spec.name}" is ${from}, the model wants ${to}, and ${String(value)} at ${placeOf(i, tensor.dims)} ${why}.`,
        `Save it as ${to}.`,
      );
    }
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
      data[i] = BigInt(value);
    } else {
      data[i] = value;
    }
  }
  return { dtype: to, dims: tensor.dims, data };
}

/** Why one value cannot be cast, as the end of a sentence, or `null`; the whole is `null` for other pairs. */
function conversion(from: DType, to: DType): ((value: number) => string | null) | null {
  const isInt = (dtype: DType): boolean => dtype === 'int32' || dtype === 'int64';
  if (from === 'int64' && to === 'int32') {
    return (value) => (value === (value | 0) ? null : 'does not fit into 32 bits');
  }
  if ((isInt(from) || from === 'bool') && isInt(to)) {
    return () => null;
  }
  if (isInt(from) && to === 'bool') {
    return (value) => (value === 0 || value === 1 ? null : 'is neither 0 nor 1');
  }
  if (from === 'float64' && to === 'float32') {
    return (value) => (Number.isFinite(value) && !Number.isFinite(Math.fround(value)) ? 'becomes infinite' : null);
  }
  return null;
}

function placeOf(flat: number, dims: readonly number[]): string {
  const place = dims.map((size, axis) => Math.floor(flat / elementCount(dims.slice(axis + 1))) % size);
  return shapeText(place);
}

function checkShapes(inputs: readonly InputSpec[], tensors: ReadonlyMap<string, TensorData>): void {
  const seen = new Map<string, { readonly size: number; readonly input: string; readonly axis: number }>();
  for (const { name, dims: wanted } of inputs) {
    const have = tensors.get(name)?.dims;
    if (wanted === null || have === undefined) {
      continue;
    }
    if (wanted.length !== have.length) {
      throw bad(
        `Input "${name}" has the shape ${shapeText(have)}, but the model wants ${count(wanted.length, 'axis', 'axes')}: ${shapeText(wanted)}.`,
        wanted.length === have.length + 1 ? 'Is the batch axis missing? Add one in front.' : 'Reshape the array.',
      );
    }
    wanted.forEach((want, axis) => {
      const size = have[axis] ?? 0;
      if (typeof want === 'number' && want !== size) {
        throw bad(
          `Input "${name}" has the shape ${shapeText(have)}, but the model fixes ${shapeText(wanted)}: axis ${String(axis)} must be ${String(want)}.`,
          'Pad or cut the batch to this size, or export the model with dynamic axes.',
        );
      }
      if (typeof want !== 'string') {
        return;
      }
      const first = seen.get(want);
      if (first === undefined) {
        seen.set(want, { size, input: name, axis });
      } else if (first.size !== size) {
        throw bad(
          `The inputs disagree on "${want}": it is ${String(first.size)} in "${first.input}" (axis ${String(first.axis)}) and ${String(size)} in "${name}" (axis ${String(axis)}).`,
          'Give all inputs of one batch the same number of samples and positions.',
        );
      }
    });
  }
}

const count = (n: number, one: string, many: string): string => `${String(n)} ${n === 1 ? one : many}`;

function bad(message: string, hint: string): NanoscopeError {
  return new NanoscopeError('bad-input', message, hint);
}
