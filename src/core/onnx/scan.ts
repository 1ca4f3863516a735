/**
 * From a model file to its slim form: the same model with each big payload left where it is. The result is a few
 * kilobytes per hundred nodes, whatever the file weighs.
 */
import { fromBinary } from '@bufbuild/protobuf';
import type { ModelProto, TensorProto } from 'onnx-buf';
import { ModelProtoSchema, TensorProto_DataLocation, TensorProto_DataType } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import type { RandomAccess } from './access';
import { allTensors } from './allTensors';
import { bigTensorBytes, limits } from './limits';
import type { WalkedTensor } from './rewrite';
import { markField, rewrite } from './rewrite';
import type { Segment } from './segments';
import { assemble, segmentsLength } from './segments';
import { WireError } from './wireError';
import { show, showBytes } from './show';
import { sniff, sniffBytes } from './sniff';
import { concat, varint } from './wire';

/** Which field of the original message held the payload; packed floats are the same bytes as raw data. */
export type PayloadField = 'raw_data' | 'float_data' | 'double_data';

/** A payload that was left in the model file. */
export interface InlinePayload {
  readonly tensor: TensorProto;
  readonly field: PayloadField;
  readonly offset: number;
  readonly length: number;
  /** Whether the file spelled `data_location: DEFAULT` out. */
  readonly saysDefault: boolean;
}

export interface Scan {
  /** Slim: tensors in `inline` have neither payload nor placement; the caller gives them one. */
  readonly proto: ModelProto;
  readonly inline: readonly InlinePayload[];
}

/**
 * @param name of the file, for messages.
 * @param threshold payloads of at least so many bytes are left in the file.
 * @throws NanoscopeError `not-onnx`, `truncated`, `corrupt-model`, `out-of-memory`
 */
export async function scan(name: string, source: RandomAccess, threshold = bigTensorBytes): Promise<Scan> {
  await refuseOtherFiles(name, source);
  const found: Omit<InlinePayload, 'tensor'>[] = [];
  let slim: Uint8Array;
  try {
    const segments = await rewrite(ModelProtoSchema, source, (tensor) => slimTensor(tensor, threshold, found));
    const size = segmentsLength(segments);
    if (size > limits.slimBytes) {
      throw new WireError('too-large', 0, 1, `${String(size)} bytes`);
    }
    slim = await assemble(source, segments);
  } catch (error) {
    throw error instanceof WireError ? explain(name, source.size, error) : error;
  }
  const proto = parse(name, slim);
  return { proto, inline: takeMarks(proto, found) };
}

/** Decodes a whole model; for bytes that the walk has seen, or that we made. */
export function parse(name: string, bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new NanoscopeError(
      'corrupt-model',
      `${show(name)} cannot be decoded as an ONNX model: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Export the model again, or check it with onnx.checker.',
      { cause },
    );
  }
}

async function refuseOtherFiles(name: string, source: RandomAccess): Promise<void> {
  if (source.size === 0) {
    throw new NanoscopeError(
      'not-onnx',
      `${show(name)} is empty.`,
      'Export or download the model again; the file was created but never written.',
    );
  }
  const kind = sniff(await source.read(0, sniffBytes));
  if (kind !== null) {
    throw new NanoscopeError(
      'not-onnx',
      `${show(name)} is ${kind}, not an ONNX model.`,
      kind.startsWith('a Git LFS')
        ? 'Fetch the file itself with "git lfs pull".'
        : 'Choose the .onnx file; a PyTorch model becomes one with torch.onnx.export.',
    );
  }
}

const payloadFields: ReadonlyMap<number, PayloadField> = new Map([
  [4, 'float_data'],
  [9, 'raw_data'],
  [10, 'double_data'],
]);

/** The types whose packed field has the layout of raw data. */
const packedLikeRaw: ReadonlyMap<PayloadField, readonly number[]> = new Map([
  ['float_data', [TensorProto_DataType.FLOAT]],
  ['double_data', [TensorProto_DataType.DOUBLE]],
]);

/** Takes the payload out of a tensor that is big enough and leaves a mark with its number in `found`. */
function slimTensor(
  tensor: WalkedTensor,
  threshold: number,
  found: Omit<InlinePayload, 'tensor'>[],
): readonly Segment[] | null {
  const [payload, ...more] = tensor.payloads;
  const elsewhere = tensor.dataLocation !== null && tensor.dataLocation !== inTheModel;
  if (!tensor.constant || !payload || more.length > 0 || elsewhere) {
    return null;
  }
  const field = payloadFields.get(payload.no);
  const length = payload.end - payload.payload;
  const layout = field && packedLikeRaw.get(field);
  if (!field || length < threshold || (layout && !layout.includes(tensor.dataType))) {
    return null;
  }
  // A tensor that is inline and yet has external_data entries is odd; it stays as it is.
  if (tensor.placement.some((range) => range.no === externalData)) {
    return null;
  }
  const index = found.length;
  found.push({ field, offset: payload.payload, length, saysDefault: tensor.dataLocation !== null });
  const segments: Segment[] = [];
  let taken = tensor.start;
  for (const range of [payload, ...tensor.placement].sort((a, b) => a.start - b.start)) {
    if (range.start > taken) segments.push({ kind: 'source', offset: taken, length: range.start - taken });
    taken = range.end;
  }
  if (tensor.end > taken) segments.push({ kind: 'source', offset: taken, length: tensor.end - taken });
  segments.push({ kind: 'bytes', bytes: concat([varint(markField * 8), varint(index)]) });
  return segments;
}

const externalData = 13;
/** `data_location` as the wire has it. */
const inTheModel: number = TensorProto_DataLocation.DEFAULT;

/** Finds the marked tensors in the decoded model and removes the marks. */
function takeMarks(proto: ModelProto, found: readonly Omit<InlinePayload, 'tensor'>[]): InlinePayload[] {
  const inline: InlinePayload[] = [];
  for (const tensor of allTensors(proto)) {
    const mark = tensor.$unknown?.find((field) => field.no === markField);
    if (!mark) continue;
    const rest = tensor.$unknown?.filter((field) => field !== mark) ?? [];
    if (rest.length > 0) tensor.$unknown = rest;
    else delete tensor.$unknown;
    const payload = found[markValue(mark.data)];
    if (!payload) throw new Error('a mark of the scanner names no payload');
    inline.push({ tensor, ...payload });
  }
  if (inline.length !== found.length) throw new Error('a tensor that was left in the file is not in the model');
  return inline;
}

function markValue(data: Uint8Array): number {
  return data.reduceRight((value, byte) => value * 128 + (byte & 0x7f), 0);
}

function explain(name: string, size: number, error: WireError): NanoscopeError {
  const at = `byte ${String(error.offset)} of ${String(size)}`;
  const again = 'Export or download the model again.';
  if (error.fieldsBefore === 0 && (error.fault === 'malformed' || error.fault === 'wrong-type')) {
    return notOnnx(name, error);
  }
  switch (error.fault) {
    case 'ends-early':
      return error.fieldsBefore === 0 && error.offset > 0
        ? notOnnx(name, error)
        : new NanoscopeError(
            'truncated',
            `${show(name)} ends too early (${showBytes(size)}): ${error.detail}.`,
            'The file was probably cut off while it was copied or downloaded; fetch it again.',
            { cause: error },
          );
    case 'too-deep':
      return corrupt(name, `it nests more than ${String(limits.depth)} levels of messages (${at})`, again, error);
    case 'too-many':
      return corrupt(name, `it holds ${error.detail} (${at})`, 'No real model is like that; check its source.', error);
    case 'too-large':
      return new NanoscopeError(
        'out-of-memory',
        `${show(name)} keeps too much data in a form that cannot stay in the file: ${error.detail}.`,
        'Save the weights as raw_data or as external data (onnx.save_model(..., save_as_external_data=True)).',
        { cause: error },
      );
    case 'not-text':
      return corrupt(name, `a name or text in it is not UTF-8 (${at})`, again, error);
    default:
      return corrupt(name, `${error.detail} (${at})`, again, error);
  }
}

function notOnnx(name: string, cause: WireError): NanoscopeError {
  return new NanoscopeError(
    'not-onnx',
    `${show(name)} is not an ONNX model: its first bytes are no ModelProto.`,
    'Choose a file written by torch.onnx.export, onnx.save or a similar tool.',
    { cause },
  );
}

function corrupt(name: string, what: string, hint: string, cause: WireError): NanoscopeError {
  return new NanoscopeError('corrupt-model', `${show(name)} is damaged: ${what}.`, hint, { cause });
}
