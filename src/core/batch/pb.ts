/**
 * ONNX tensors in files of their own (`input_0.pb`): one serialized `TensorProto`, with its elements as raw bytes or in
 * the field of their type. What the file holds is walked on the wire before anything is decoded: these bytes say
 * nothing about themselves, and packed numbers take many times their size once decoded.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { TensorProto_DataType as OnnxType, TensorProtoSchema } from 'onnx-buf';
import type { TensorProto } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { fieldsOf, shapeOf } from '../onnx/fieldShapes';
import { limits } from '../onnx/limits';
import { decodeTensor, dtypeOf, isExternal } from '../onnx/tensors';
import { readVarint, wireType } from '../onnx/wire';
import { allocate, bytesPerElement } from '../tensor';
import type { DType, TensorData } from '../tensor';
import { batchLimits, checkedCount, megabytes, shapeText } from './limits';

export interface NamedTensor {
  /** What the file itself calls the tensor; often empty. */
  readonly name: string;
  readonly tensor: TensorData;
}

const fields = { dims: 1, dataType: 2, segment: 3, floats: 4, int32s: 5, int64s: 7, doubles: 10, uint64s: 11 } as const;
const packed: ReadonlySet<number> = new Set([
  fields.floats,
  fields.int32s,
  fields.int64s,
  fields.doubles,
  fields.uint64s,
]);

/**
 * @param what how messages call the file
 * @throws NanoscopeError `bad-inputs-file`
 */
export function readPb(what: string, bytes: Uint8Array): NamedTensor {
  if (bytes.byteLength > batchLimits.tensorBytes + slack) {
    throw bad(`${what} is larger than ${megabytes(batchLimits.tensorBytes)}.`, 'Use fewer samples or shorter ones.');
  }
  const seen = walk(what, bytes);
  if (!seen.has(fields.dataType)) throw notTensor(what, 'no element type is given');
  if (seen.has(fields.segment)) throw container(what);
  const proto = decode(what, bytes);
  const { dtype, dims, count } = header(what, proto);
  const have = stored(proto, dtype);
  if (have.elements !== count) {
    // A name in the place of the sizes: an empty sequence or optional looks like this.
    if (have.elements === 0 && seen.get(fields.dims) === wireType.bytes) throw container(what);
    const unit = have.bytes === null ? 'elements' : 'bytes';
    const wanted = have.bytes === null ? count : count * bytesPerElement(dtype);
    throw bad(
      `${what} is cut off or damaged: its shape ${shapeText(dims)} (${dtype}) needs ${String(wanted)} ${unit} and ${String(have.bytes ?? have.elements)} are there.`,
      saveHint,
    );
  }
  checkRange(what, proto, dtype);
  const data = count === 0 ? allocate(dtype, 0) : decodeTensor(proto)?.data;
  if (!data) throw notTensor(what, 'its elements cannot be read');
  // A copy: raw data is a view into the file's bytes.
  const own = data.slice();
  if (dtype === 'bool' && own instanceof Uint8Array) own.forEach((value, i) => (own[i] = value === 0 ? 0 : 1));
  return { name: proto.name, tensor: { dtype, dims, data: own } };
}

/** Room for everything beside the elements. */
const slack = 64 * 1024;
const saveHint = 'Save it again: onnx.save_tensor(onnx.numpy_helper.from_array(x, name), file).';

/** Wire type of the first occurrence of every known field. */
function walk(what: string, bytes: Uint8Array): ReadonlyMap<number, number> {
  const known = fieldsOf(TensorProtoSchema);
  const seen = new Map<number, number>();
  let packedBytes = 0;
  let entries = 0;
  for (let at = 0; at < bytes.byteLength;) {
    const tag = readVarint(bytes, at);
    if (tag === null) throw cutOff(what);
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    const next = skip(bytes, tag.next, wire);
    if (number === 0 || next === 'unknown') throw notTensor(what, 'its bytes are not a protobuf message');
    const field = known.get(number);
    if (field) {
      const shape = shapeOf(field);
      if (wire !== shape.wire && !(shape.packable && wire === wireType.bytes)) {
        throw notTensor(what, `its field ${String(number)} is of another kind`);
      }
      if (!seen.has(number)) seen.set(number, wire);
    }
    if (next > bytes.byteLength) throw field || seen.size > 0 ? cutOff(what) : notTensor(what, 'nothing in it is');
    entries += 1;
    if (packed.has(number)) packedBytes += next - tag.next;
    if (entries > limits.elements || packedBytes > limits.packedBytes) {
      throw bad(
        `${what} holds more than ${megabytes(limits.packedBytes)} of numbers one by one, which take many times their size.`,
        'Save it with raw data: onnx.save_tensor(onnx.numpy_helper.from_array(x, name), file).',
      );
    }
    at = next;
  }
  return seen;
}

/** Where the value after a tag ends; beyond the end of `bytes` when it is cut off. */
function skip(bytes: Uint8Array, at: number, wire: number): number | 'unknown' {
  switch (wire) {
    case wireType.varint:
      return readVarint(bytes, at)?.next ?? Infinity;
    case wireType.fixed64:
      return at + 8;
    case wireType.fixed32:
      return at + 4;
    case wireType.bytes: {
      const length = readVarint(bytes, at);
      return length === null ? Infinity : length.next + length.value;
    }
    default:
      return 'unknown';
  }
}

function decode(what: string, bytes: Uint8Array): TensorProto {
  try {
    return fromBinary(TensorProtoSchema, bytes);
  } catch {
    // What the parts of the message hold is checked by the parser only.
    throw cutOff(what);
  }
}

function header(what: string, proto: TensorProto): { dtype: DType; dims: readonly number[]; count: number } {
  if (isExternal(proto)) {
    throw bad(
      `${what} keeps its elements in another file, which an inputs file may not.`,
      'Save it whole: onnx.save_tensor(onnx.numpy_helper.from_array(x, name), file).',
    );
  }
  const dtype = dtypeOf(proto.dataType);
  if (dtype === null) {
    throw bad(
      `${what} has elements of ONNX type ${OnnxType[proto.dataType] ?? String(proto.dataType)}, which no model input that NaNoscope can feed has.`,
      'Save it as float32, int64 or bool.',
    );
  }
  const dims = proto.dims.map(Number);
  return { dtype, dims, count: checkedCount(what, dtype, dims, 'bad-inputs-file') };
}

/** Elements that are there; `bytes` where they are raw. A part of an element counts as one that does not fit. */
function stored(proto: TensorProto, dtype: DType): { elements: number; bytes: number | null } {
  const bytes = proto.rawData.byteLength;
  if (bytes > 0) return { elements: bytes / bytesPerElement(dtype), bytes };
  return { elements: typedField(proto, dtype).length, bytes: null };
}

function typedField(proto: TensorProto, dtype: DType): readonly (number | bigint)[] {
  switch (dtype) {
    case 'float32':
      return proto.floatData;
    case 'float64':
      return proto.doubleData;
    case 'int64':
      return proto.int64Data;
    case 'uint32':
    case 'uint64':
      return proto.uint64Data;
    default:
      return proto.int32Data;
  }
}

const ranges: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int8: [-128, 127],
  int16: [-32768, 32767],
  uint8: [0, 255],
  uint16: [0, 65535],
  // Their bits, not their values.
  float16: [0, 65535],
  bfloat16: [0, 65535],
  bool: [0, 1],
  uint32: [0, 4294967295],
};

/** Narrow types share a wider field, which can hold what they cannot. */
function checkRange(what: string, proto: TensorProto, dtype: DType): void {
  const range = ranges[dtype];
  if (range === undefined || proto.rawData.byteLength > 0) return;
  const [low, high] = range;
  const wrong = typedField(proto, dtype).find((value) => value < low || value > high);
  if (wrong === undefined) return;
  throw bad(`${what} holds ${String(wrong)}, which ${dtype} cannot hold.`, saveHint);
}

const cutOff = (what: string): NanoscopeError => bad(`${what} is cut off or damaged.`, saveHint);

const notTensor = (what: string, why: string): NanoscopeError =>
  bad(
    `${what} is not an ONNX tensor: ${why}.`,
    'Give files that hold one TensorProto each, or save the inputs as .npz.',
  );

const container = (what: string): NanoscopeError =>
  bad(
    `${what} holds a sequence, an optional or a map, and NaNoscope feeds models with plain tensors only.`,
    'Export the model with plain tensors as inputs.',
  );

function bad(message: string, hint: string): NanoscopeError {
  return new NanoscopeError('bad-inputs-file', message, hint);
}
