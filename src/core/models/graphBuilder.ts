/**
 * Builds an ONNX graph node by node, in topological order, with the names that `torch.onnx.export` would give:
 * a node in module `model.layers.0.self_attn` is `/model/layers.0/self_attn/Softmax`, the next of its kind
 * `Softmax_1`, and its output is `<node>_output_0`; a weight is `model.layers.0.self_attn.o_proj.weight`.
 * So everything that reads layers and stages from names treats a built-in model like an exported one.
 */
import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { normalWeights } from './random';

/** What every reader that we care about knows: onnx 1.12, torch 1.13 and all later ones. */
export const builtinOpset = 17;
/** The first with an operator `Attention`. */
export const fusedOpset = 23;
/** The IR version that came with each opset. */
const irVersions = { [builtinOpset]: 8, [fusedOpset]: 11 } as const;
export type Opset = keyof typeof irVersions;

export type ElementType = 'float32' | 'int64' | 'bool';

/** A tensor of the graph under construction. */
export interface Value {
  readonly name: string;
  readonly dtype: ElementType;
}

/** Integers stay integers, `{ float }` is a float attribute, arrays are int lists. */
export type Attribute = number | readonly number[] | { readonly float: number };

export interface NodeSpec {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Element type of the outputs; that of the first input when absent. */
  readonly dtype?: ElementType;
  /** Replaces the exporter-style output name; for graph outputs. */
  readonly outputName?: string;
}

const dataTypes: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

export class GraphBuilder {
  private readonly nodes: NodeProto[] = [];
  private readonly initializers: TensorProto[] = [];
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private readonly described: ValueInfoProto[] = [];
  private readonly constants = new Map<string, Value>();
  private readonly weightNames = new Set<string>();
  private readonly nodeCounts = new Map<string, number>();
  private readonly path: string[] = [];

  /** @param seed of every weight; the weight's name picks its stream. */
  constructor(
    private readonly seed: number,
    readonly opset: Opset = builtinOpset,
  ) {}

  /** Runs `body` inside module `name` (`layers.0`, `self_attn`, …), as a forward call of a PyTorch module. */
  inModule<T>(name: string, body: () => T): T {
    this.path.push(name);
    try {
      return body();
    } finally {
      this.path.pop();
    }
  }

  /** A graph input; strings are symbolic dimensions. */
  input(name: string, dtype: ElementType, dims: readonly (number | string)[]): Value {
    this.inputs.push(valueInfo(name, dtype, dims));
    return { name, dtype };
  }

  output(value: Value, dims: readonly (number | string)[]): void {
    this.outputs.push(valueInfo(value.name, value.dtype, dims));
  }

  /**
   * States the shape of an inner value where inference cannot see it (`Range` of a symbolic length). One unknown
   * dimension spreads to everything after it, and then ONNX Runtime's memory planner, which compares every freed
   * buffer with every new one, needs time quadratic in the number of nodes: 80 s instead of 1 s for 61 layers.
   */
  describe(value: Value, dims: readonly (number | string)[]): void {
    this.described.push(valueInfo(value.name, value.dtype, dims));
  }

  /** One node with one output. */
  node(op: string, inputs: readonly Value[], spec: NodeSpec = {}): Value {
    const name = this.nodeName(op);
    const output = spec.outputName ?? `${name}_output_0`;
    this.addNode(op, name, inputs, [output], spec.attributes ?? {});
    return { name: output, dtype: outputType(op, inputs, spec) };
  }

  /** One node with several outputs of one type each. */
  nodeWithOutputs(
    op: string,
    inputs: readonly Value[],
    dtypes: readonly ElementType[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value[] {
    const name = this.nodeName(op);
    const outputs = dtypes.map((dtype, i) => ({ name: `${name}_output_${String(i)}`, dtype }));
    this.addNode(
      op,
      name,
      inputs,
      outputs.map((value) => value.name),
      attributes,
    );
    return outputs;
  }

  /** A float32 weight of the current module, approximately normal, from the seed and its own name. */
  weight(suffix: string, dims: readonly number[], std: number, mean = 0): Value {
    const name = this.qualified(suffix);
    const length = dims.reduce((a, b) => a * b, 1);
    return this.addWeight(name, dims, normalWeights(this.seed, name, length, std, mean));
  }

  /** A float32 weight of the current module with the given values. */
  fixedWeight(suffix: string, dims: readonly number[], values: readonly number[]): Value {
    return this.addWeight(this.qualified(suffix), dims, Float32Array.from(values));
  }

  /** An int64 buffer of the current module: what a PyTorch module registers beside its weights. */
  fixedInts(suffix: string, dims: readonly number[], values: readonly number[]): Value {
    return this.addTensor(this.qualified(suffix), 'int64', dims, BigInt64Array.from(values, BigInt));
  }

  /** A small constant, stored once for equal type, shape and values. */
  constant(dtype: 'float32' | 'int64', dims: readonly number[], values: readonly number[]): Value {
    const key = [dtype, dims.join('x'), values.map((v) => (Object.is(v, -0) ? '-0' : String(v))).join(',')].join(':');
    const known = this.constants.get(key);
    if (known !== undefined) {
      return known;
    }
    const name = `constant_${String(this.constants.size)}`;
    const raw = dtype === 'float32' ? Float32Array.from(values) : BigInt64Array.from(values, BigInt);
    this.initializers.push(tensor(name, dtype, dims, raw));
    const value: Value = { name, dtype };
    this.constants.set(key, value);
    return value;
  }

  /** A float32 scalar. */
  scalar(value: number): Value {
    return this.constant('float32', [], [value]);
  }

  /** An int64 vector. */
  ints(...values: readonly number[]): Value {
    return this.constant('int64', [values.length], values);
  }

  build(info: {
    readonly name: string;
    readonly doc: string;
    readonly metadata: Readonly<Record<string, string>>;
  }): ModelProto {
    return create(ModelProtoSchema, {
      irVersion: BigInt(irVersions[this.opset]),
      producerName: 'nanoscope',
      docString: info.doc,
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(this.opset) })],
      metadataProps: Object.entries(info.metadata).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      ),
      graph: create(GraphProtoSchema, {
        name: info.name,
        node: this.nodes,
        initializer: this.initializers,
        input: this.inputs,
        output: this.outputs,
        valueInfo: this.described,
      }),
    });
  }

  private qualified(suffix: string): string {
    return [...this.path, suffix].join('.');
  }

  private nodeName(op: string): string {
    const base = ['', ...this.path, op].join('/');
    const count = this.nodeCounts.get(base) ?? 0;
    this.nodeCounts.set(base, count + 1);
    return count === 0 ? base : `${base}_${String(count)}`;
  }

  private addNode(
    opType: string,
    name: string,
    inputs: readonly Value[],
    output: string[],
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    this.nodes.push(
      create(NodeProtoSchema, {
        opType,
        name,
        input: inputs.map((value) => value.name),
        output,
        attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      }),
    );
  }

  private addWeight(name: string, dims: readonly number[], values: Float32Array): Value {
    return this.addTensor(name, 'float32', dims, values);
  }

  private addTensor(
    name: string,
    dtype: 'float32' | 'int64',
    dims: readonly number[],
    values: Float32Array | BigInt64Array,
  ): Value {
    if (this.weightNames.has(name)) {
      throw new Error(`weight ${name} was defined twice`);
    }
    this.weightNames.add(name);
    this.initializers.push(tensor(name, dtype, dims, values));
    return { name, dtype };
  }
}

const comparisons: ReadonlySet<string> = new Set(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual']);

function outputType(op: string, inputs: readonly Value[], spec: NodeSpec): ElementType {
  if (spec.dtype !== undefined) {
    return spec.dtype;
  }
  if (comparisons.has(op)) {
    return 'bool';
  }
  // The first input of Where is its condition.
  const like = op === 'Where' ? inputs[1] : inputs[0];
  if (like === undefined) {
    throw new Error(`${op} needs an element type`);
  }
  return like.dtype;
}

function attribute(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  }
  if ('float' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float });
  }
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
}

/** Raw data are little-endian, like every platform that ONNX Runtime has binaries for. */
function tensor(
  name: string,
  dtype: ElementType,
  dims: readonly number[],
  values: Float32Array | BigInt64Array,
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dataType: dataTypes[dtype],
    dims: dims.map(BigInt),
    rawData: new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength),
  });
}

function valueInfo(name: string, dtype: ElementType, dims: readonly (number | string)[]): ValueInfoProto {
  const dim = dims.map((d) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof d === 'number' ? { case: 'dimValue', value: BigInt(d) } : { case: 'dimParam', value: d },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, {
    elemType: dataTypes[dtype],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}
