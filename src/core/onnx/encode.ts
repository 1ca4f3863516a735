/**
 * The bytes of a slim model with its payloads where the person wants them: a list of segments, so that weights
 * stream from file to file and never gather in memory.
 */
import { clearField, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ModelProto, TensorProto } from 'onnx-buf';
import { ModelProtoSchema, TensorProto_DataLocation, TensorProtoSchema } from 'onnx-buf';
import { accessBytes } from './access';
import { entry, placeOf, splitRoot } from './external';
import type { LoadedModel, WeightRef } from './load';
import { rewrite } from './rewrite';
import type { Segment } from './segments';
import { lengthHead, readVarint, wireType } from './wire';

/** What becomes of one payload: back into the file, or external data with these entries. */
export type Placement =
  | { readonly kind: 'inside' }
  | { readonly kind: 'external'; readonly entries: readonly { readonly key: string; readonly value: string }[] };

/** Finds the origin of an external tensor of a slim model, also after the model was cloned and edited. */
export class WeightIndex {
  private readonly byPlace = new Map<string, WeightRef[]>();

  constructor(loaded: LoadedModel) {
    for (const weight of loaded.weights) {
      const key = placeKey(splitRoot(weight.file).location, weight.offset, weight.length);
      const known = this.byPlace.get(key);
      if (known) known.push(weight);
      else this.byPlace.set(key, [weight]);
    }
  }

  /** @returns null for a tensor whose payload is in the message. */
  find(tensor: TensorProto): WeightRef | null {
    const place = placeOf(tensor);
    if (!place) return null;
    const found = this.byPlace.get(placeKey(place.location, place.offset, place.length)) ?? [];
    // Two tensors may share a region and yet be spelled differently in the user's file.
    const weight = found.find((ref) => ref.tensor === tensor.name) ?? found[0];
    if (!weight) throw new Error(`external tensor ${tensor.name} is none of the model's weights`);
    return weight;
  }
}

const placeKey = (location: string, offset: number, length: number | null): string =>
  JSON.stringify([location, offset, length]);

export interface Encoded {
  /** Ranges of kind `source` refer to `slim`. */
  readonly segments: readonly Segment[];
  readonly slim: Uint8Array;
}

export async function encode(
  loaded: LoadedModel,
  proto: ModelProto,
  place: (weight: WeightRef) => Placement,
): Promise<Encoded> {
  const slim = toBinary(ModelProtoSchema, proto);
  const weights = new WeightIndex(loaded);
  const segments = await rewrite(ModelProtoSchema, accessBytes(slim), ({ start, end, dataLocation }) => {
    if (dataLocation !== TensorProto_DataLocation.EXTERNAL) return null;
    const tensor = fromBinary(TensorProtoSchema, slim.subarray(start, end));
    const weight = weights.find(tensor);
    if (!weight) return null;
    const placement = place(weight);
    return placement.kind === 'inside' ? withPayload(tensor, weight) : withEntries(tensor, placement.entries);
  });
  return { segments, slim };
}

function withEntries(
  tensor: TensorProto,
  entries: readonly { readonly key: string; readonly value: string }[],
): readonly Segment[] {
  tensor.externalData = entries.map(({ key, value }) => entry(key, value));
  return [{ kind: 'bytes', bytes: toBinary(TensorProtoSchema, tensor) }];
}

const payloadNumber = { float_data: 4, raw_data: 9, double_data: 10 } as const;

/** The payload goes where a canonical encoder puts it, so that an unchanged model comes out byte for byte. */
function withPayload(tensor: TensorProto, weight: WeightRef): readonly Segment[] {
  const { origin } = weight;
  tensor.externalData = [];
  if (origin.kind === 'inline' && origin.saysDefault) {
    tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
  } else {
    clearField(tensor, TensorProtoSchema.field.dataLocation);
  }
  const number = payloadNumber[origin.kind === 'inline' ? origin.field : 'raw_data'];
  const bytes = toBinary(TensorProtoSchema, tensor);
  const at = firstFieldAfter(bytes, number);
  return [
    { kind: 'bytes', bytes: bytes.subarray(0, at) },
    { kind: 'bytes', bytes: lengthHead(number, weight.length) },
    { kind: 'file', file: weight.file, offset: weight.offset, length: weight.length },
    { kind: 'bytes', bytes: bytes.subarray(at) },
  ];
}

/** Where the first field with a higher number begins; `bytes` are our own encoding. */
function firstFieldAfter(bytes: Uint8Array, number: number): number {
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (!tag || Math.floor(tag.value / 8) > number) return at;
    at = skipField(bytes, tag.next, tag.value % 8);
  }
  return at;
}

function skipField(bytes: Uint8Array, at: number, wire: number): number {
  switch (wire) {
    case wireType.fixed32:
      return at + 4;
    case wireType.fixed64:
      return at + 8;
    default: {
      const number = readVarint(bytes, at);
      if (!number) throw new Error('our own encoding cannot be read');
      return wire === wireType.bytes ? number.next + number.value : number.next;
    }
  }
}
