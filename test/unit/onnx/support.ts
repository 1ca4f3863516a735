/** Models made for these tests, and a plain, independent reading of model files to compare with. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DescMessage, MessageInitShape, MessageShape, UnknownField } from '@bufbuild/protobuf';
import { clearField, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { WireType } from '@bufbuild/protobuf/wire';
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  StringStringEntryProtoSchema as entrySchema,
  TensorProto_DataLocation,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
} from 'onnx-buf';
import type { GraphProtoSchema, NodeProtoSchema, ValueInfoProtoSchema, AttributeProtoSchema } from 'onnx-buf';
import { allTensors } from '../../../src/core/onnx/allTensors';

/** The fields of a message as a plain object, never a message. */
type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, MessageShape<Desc>>;

export { AttributeType };

export type GraphInit = Init<typeof GraphProtoSchema>;
export type NodeInit = Init<typeof NodeProtoSchema>;
export type TensorInit = Init<typeof TensorProtoSchema>;
export type ValueInit = Init<typeof ValueInfoProtoSchema>;
export type ModelInit = Init<typeof ModelProtoSchema>;
export type AttributeInit = Init<typeof AttributeProtoSchema>;

/** A folder that is gone when the callback ends. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'nanoscope-onnx-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function value(name: string, dims: readonly (number | string)[], elemType: number = DataType.FLOAT): ValueInit {
  return {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType,
          shape: {
            dim: dims.map((dim) => ({
              value:
                typeof dim === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(dim) }
                  : { case: 'dimParam' as const, value: dim },
            })),
          },
        },
      },
    },
  };
}

export function node(opType: string, input: string[], output: string[], more: Partial<NodeInit> = {}): NodeInit {
  return { opType, input, output, name: `${opType}_${output[0] ?? ''}`, ...more };
}

export function floats(name: string, values: Float32Array<ArrayBuffer>, dims = [values.length]): TensorInit {
  return {
    name,
    dims: dims.map(BigInt),
    dataType: DataType.FLOAT,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** Values that no two tensors and no two places share. */
export function distinct(length: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * 0.37 + seed) * (1 + seed));
}

export function model(graph: GraphInit, more: ModelInit = {}): ModelProto {
  return create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ domain: '', version: 17n }], graph, ...more });
}

export const encodeModel = (proto: ModelProto): Uint8Array => toBinary(ModelProtoSchema, proto);

/** `y = relu(x) + w`, the smallest model that runs. */
export function smallModel(more: ModelInit = {}): ModelProto {
  return model(
    {
      name: 'small',
      input: [value('x', ['batch', 4])],
      output: [value('y', ['batch', 4])],
      initializer: [floats('w', distinct(4, 1))],
      node: [node('Relu', ['x'], ['r']), node('Add', ['r', 'w'], ['y'])],
    },
    more,
  );
}

export const bigLength = 8 * 1024;

/**
 * Everything that a lossless round trip could lose: unknown fields at several levels, metadata, subgraphs with
 * weights of their own, functions, training info, symbolic dimensions, hostile names, all payload fields, tensors
 * in Constant nodes, sparse initializers.
 */
export function richModel(): ModelProto {
  const unknown = (no: number): UnknownField => ({
    no,
    wireType: WireType.LengthDelimited,
    data: Uint8Array.of(3, 0xff, 0, 7),
  });
  const hostile = '<img src=x onerror="alert(1)">\n\u202e\0"\'\ufeff';
  const branch = (name: string, seed: number): GraphInit => ({
    name,
    initializer: [floats(`${name}_w`, distinct(bigLength, seed))],
    node: [node('Add', ['x', `${name}_w`], [`${name}_out`])],
    output: [value(`${name}_out`, ['batch', bigLength])],
  });
  const proto = model(
    {
      name: hostile,
      docString: 'Grüße ☃',
      input: [value('x', ['batch', bigLength]), value('flag', [], DataType.BOOL), value('defaulted', [bigLength])],
      output: [value('y', ['batch', bigLength])],
      valueInfo: [value('mid', ['batch', '2 * half'])],
      initializer: [
        floats(hostile, distinct(bigLength, 2)),
        { name: 'packed', dims: [BigInt(bigLength)], dataType: DataType.FLOAT, floatData: [...distinct(bigLength, 3)] },
        {
          name: 'doubles',
          dims: [BigInt(bigLength)],
          dataType: DataType.DOUBLE,
          doubleData: [...distinct(bigLength, 4)],
          docString: 'after the payload',
        },
        { ...floats('says default', distinct(bigLength, 5)), dataLocation: TensorProto_DataLocation.DEFAULT },
        floats('defaulted', distinct(bigLength, 6)),
        { name: 'ints', dims: [3n], dataType: DataType.INT64, int64Data: [-1n, 0n, 2n ** 62n] },
        floats('small', distinct(3, 7)),
        { ...floats('noted', distinct(bigLength, 8)), metadataProps: [{ key: 'k', value: hostile }] },
      ],
      sparseInitializer: [
        {
          values: floats('sparse', distinct(2, 9)),
          indices: { name: 'i', dims: [2n], dataType: DataType.INT64, int64Data: [1n, 3n] },
          dims: [5n],
        },
      ],
      quantizationAnnotation: [
        { tensorName: 'x', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 'small' }] },
      ],
      metadataProps: [{ key: 'graph', value: 'note' }],
      node: [
        node('Constant', [], ['c'], {
          attribute: [{ name: 'value', type: AttributeType.TENSOR, t: floats('', distinct(bigLength, 10)) }],
        }),
        node('Add', ['x', hostile], ['mid'], { docString: 'stack trace', metadataProps: [{ key: 'pkg', value: 'm' }] }),
        node('If', ['flag'], ['branched'], {
          attribute: [
            { name: 'then_branch', type: AttributeType.GRAPH, g: branch('then', 11) },
            { name: 'else_branch', type: AttributeType.GRAPH, g: branch('else', 12) },
          ],
        }),
        node('Scaled', ['mid'], ['scaled'], {
          domain: 'local',
          attribute: [{ name: 'f', type: AttributeType.FLOAT, f: -0 }],
        }),
        node('Sum', ['branched', 'c', 'scaled', 'packed', 'defaulted'], ['y'], { name: '' }),
      ],
    },
    {
      opsetImport: [
        { domain: '', version: 17n },
        { domain: 'local', version: 1n },
      ],
      producerName: 'tests',
      modelVersion: -3n,
      docString: '',
      metadataProps: [{ key: hostile, value: hostile }],
      functions: [
        {
          name: 'Scaled',
          domain: 'local',
          input: ['a'],
          output: ['b'],
          opsetImport: [{ domain: '', version: 17n }],
          node: [
            node('Constant', [], ['s'], {
              attribute: [{ name: 'value', type: AttributeType.TENSOR, t: floats('', distinct(bigLength, 13)) }],
            }),
            node('Mul', ['a', 's'], ['b']),
          ],
        },
      ],
      trainingInfo: [
        {
          initialization: { name: 'init', initializer: [floats('t', distinct(bigLength, 14))] },
          initializationBinding: [{ key: 'a', value: 'b' }],
        },
      ],
    },
  );
  proto.$unknown = [unknown(999)];
  const graph = proto.graph;
  if (!graph) throw new Error('no graph');
  graph.$unknown = [unknown(77), unknown(78)];
  for (const tensor of graph.initializer) tensor.$unknown = [unknown(15), unknown(40)];
  for (const n of graph.node) n.$unknown = [unknown(50)];
  return proto;
}

/** A model file as a plain decoder sees it, external data read in and put back: meaning without layout. */
export function readWhole(path: string): ModelProto {
  const proto = fromBinary(ModelProtoSchema, readFileSync(path));
  for (const tensor of allTensors(proto)) {
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) continue;
    const entries = new Map(tensor.externalData.map((e) => [e.key, e.value]));
    const data = readFileSync(join(dirname(path), entries.get('location') ?? ''));
    const offset = Number(entries.get('offset') ?? 0);
    tensor.rawData = Uint8Array.from(data.subarray(offset, offset + Number(entries.get('length') ?? data.length)));
  }
  return proto;
}

/** The same with every payload as raw data and nothing said about its place. */
export function meaning(proto: ModelProto): Uint8Array {
  const copy = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, proto));
  for (const tensor of allTensors(copy)) {
    if (tensor.floatData.length > 0) {
      tensor.rawData = new Uint8Array(Float32Array.from(tensor.floatData).buffer);
      tensor.floatData = [];
    }
    if (tensor.doubleData.length > 0) {
      tensor.rawData = new Uint8Array(Float64Array.from(tensor.doubleData).buffer);
      tensor.doubleData = [];
    }
    tensor.externalData = [];
    clearField(tensor, TensorProtoSchema.field.dataLocation);
  }
  return toBinary(ModelProtoSchema, copy);
}

export interface ExternalOptions {
  readonly dataFile?: string;
  /** Bytes before the first payload; an odd number makes all offsets odd. */
  readonly pad?: number;
}

/** Writes a model with its big payloads in a data file beside it, as other tools do. */
export function writeExternal(folder: string, name: string, proto: ModelProto, options: ExternalOptions = {}): string {
  const { dataFile = `${name}.data`, pad = 0 } = options;
  const copy = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, proto));
  const parts: Uint8Array[] = [new Uint8Array(pad)];
  let offset = pad;
  for (const tensor of allTensors(copy)) {
    if (tensor.rawData.length < 1024) continue;
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    for (const [key, text] of [
      ['location', dataFile],
      ['offset', String(offset)],
      ['length', String(tensor.rawData.length)],
      ['checksum', '0'.repeat(40)],
    ] as const) {
      tensor.externalData.push(create(entrySchema, { key, value: text }));
    }
    parts.push(tensor.rawData);
    offset += tensor.rawData.length;
    clearField(tensor, TensorProtoSchema.field.rawData);
  }
  writeFileSync(join(folder, dataFile), Buffer.concat(parts));
  const path = join(folder, name);
  writeFileSync(path, encodeModel(copy));
  return path;
}
