/** Tiny models for the engine's tests, right and wrong ones, as protobuf bytes. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_SequenceSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';

export const T = TensorProto_DataType;
export type T = TensorProto_DataType;
export type Dims = readonly (number | string)[];

export interface ModelSpec {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  readonly initializers?: readonly TensorProto[];
  readonly opset?: number;
  readonly ir?: number;
  readonly domains?: readonly string[];
}

export function value(name: string, dims: Dims | null, type: TensorProto_DataType = T.FLOAT): ValueInfoProto {
  const shape = dims && {
    shape: create(TensorShapeProtoSchema, {
      dim: dims.map((size) =>
        create(TensorShapeProto_DimensionSchema, {
          value:
            typeof size === 'number' ? { case: 'dimValue', value: BigInt(size) } : { case: 'dimParam', value: size },
        }),
      ),
    }),
  };
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: { case: 'tensorType', value: create(TypeProto_TensorSchema, { elemType: type, ...shape }) },
    }),
  });
}

/** A sequence of float32 tensors. */
export const sequence = (name: string, dims: Dims): ValueInfoProto => {
  const elemType = value(name, dims).type;
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'sequenceType',
        value: create(TypeProto_SequenceSchema, elemType ? { elemType } : {}),
      },
    }),
  });
};

export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  options: { name?: string; domain?: string; attributes?: Readonly<Record<string, number | GraphProto>> } = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType: op,
    name: options.name ?? '',
    domain: options.domain ?? '',
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(options.attributes ?? {}).map(attribute),
  });
}

const attribute = ([name, of]: [string, number | GraphProto]): AttributeProto =>
  typeof of === 'number'
    ? create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(of) })
    : create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g: of });

export const floats = (name: string, dims: readonly number[], fill = 0): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: T.FLOAT,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(fill).buffer),
  });

export const ints = (name: string, values: readonly number[], dims = [values.length]): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: T.INT64,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  });

export const externalFloats = (name: string, dims: readonly number[], entries: Record<string, string>): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: T.FLOAT,
    dims: dims.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, of]) => create(StringStringEntryProtoSchema, { key, value: of })),
  });

const graph = (spec: Pick<ModelSpec, 'nodes' | 'inputs' | 'outputs' | 'initializers'>): GraphProto =>
  create(GraphProtoSchema, {
    name: 'test',
    node: [...spec.nodes],
    input: [...spec.inputs],
    output: [...spec.outputs],
    initializer: [...(spec.initializers ?? [])],
  });

export function model(spec: ModelSpec): Uint8Array {
  const opsets = [
    create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(spec.opset ?? 17) }),
    ...(spec.domains ?? []).map((domain) => create(OperatorSetIdProtoSchema, { domain, version: 1n })),
  ];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: BigInt(spec.ir ?? 8), opsetImport: opsets, graph: graph(spec) }),
  );
}

/** y = x + x for one type and shape. */
export const doubling = (dims: Dims = ['b', 3], type: TensorProto_DataType = T.FLOAT): Uint8Array =>
  model({
    nodes: [node('Add', ['x', 'x'], ['y'], { name: 'add' })],
    inputs: [value('x', dims, type)],
    outputs: [value('y', dims, type)],
  });

/** y = x, which every type has a kernel for. */
export const identity = (dims: Dims, type: TensorProto_DataType): Uint8Array =>
  model({
    nodes: [node('Identity', ['x'], ['y'], { name: 'same' })],
    inputs: [value('x', dims, type)],
    outputs: [value('y', dims, type)],
  });

/**
 * Multiplies a 256 × 256 matrix with itself `trips` times: minutes of work in one `run` that nothing interrupts.
 * With `hold`, a tensor of that many float32 elements stays alive during all of it.
 */
export function endless(trips = 1_000_000, hold = 0): Uint8Array {
  const body = graph({
    nodes: [node('MatMul', ['state', 'state'], ['next']), node('Identity', ['go'], ['on'])],
    inputs: [value('i', [], T.INT64), value('go', [], T.BOOL), value('state', [256, 256])],
    outputs: [value('on', [], T.BOOL), value('next', [256, 256])],
  });
  const loop = node('Loop', ['trips', '', 'x'], ['y'], { name: 'loop', attributes: { body } });
  const holding = [
    node('Expand', ['one', 'size'], ['held'], { name: 'hold' }),
    // Read after the loop, so that it cannot be freed before.
    node('Gather', ['held', 'first'], ['kept'], { name: 'keep' }),
    node('Add', ['y', 'kept'], ['z'], { name: 'last' }),
  ];
  const [expand, gather, add] = holding;
  return model({
    nodes: hold > 0 && expand && gather && add ? [expand, loop, gather, add] : [loop],
    inputs: [value('x', [256, 256])],
    outputs: [value(hold > 0 ? 'z' : 'y', [256, 256])],
    initializers: [
      ints('trips', [trips], []),
      ...(hold > 0 ? [floats('one', [1], 1), ints('size', [hold]), ints('first', [0])] : []),
    ],
  });
}

export const matrix = { dtype: 'float32', dims: [256, 256], data: new Float32Array(256 * 256).fill(1e-3) } as const;
