/**
 * A plain pre-norm transformer with fixed shapes for the benchmark, written like an export: separate projections
 * with biases, an additive −inf mask, erf-GELU. Every value knows which of its axes is which, so that probes can be
 * put on it without any analysis. Weights go to a file of their own, as in the slim models of the product.
 */
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
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import type { TensorData } from '../../../src/core/tensor';

/** B samples, S query positions, K key positions, H heads, D hidden, d per head, F inner of the MLP, V vocabulary. */
export type AxisLabel = 'B' | 'S' | 'K' | 'H' | 'D' | 'd' | 'F' | 'V' | '1';

export interface Site {
  readonly tensor: string;
  readonly axes: readonly AxisLabel[];
  /** In or out of a sublayer: both norms, attention, MLP, both residual sums. */
  readonly boundary: boolean;
}

export interface TransformerOptions {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly lengths: readonly number[];
  readonly positions: number;
  readonly opset: 17 | 18;
  /** `fused`: one LayerNormalization; `decomposed`: nine nodes, as exporters below opset 17 write it. */
  readonly norm: 'fused' | 'decomposed';
}

export interface Transformer {
  readonly model: ModelProto;
  readonly sites: readonly Site[];
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly lengths: readonly number[];
  readonly positions: number;
  /** Content of the weight file, which the model calls `weights.bin`. */
  readonly weights: Uint8Array;
}

interface Value {
  readonly name: string;
  readonly axes: readonly AxisLabel[];
}

const VOCABULARY = 1000;

type Attributes = Readonly<Record<string, number | readonly number[]>>;

export function attributes(of: Attributes): AttributeProto[] {
  return Object.entries(of).map(([name, value]) =>
    typeof value === 'number'
      ? Number.isInteger(value)
        ? create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) })
        : create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value })
      : create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) }),
  );
}

export function valueInfo(name: string, elemType: TensorProto_DataType, dims?: readonly number[]): ValueInfoProto {
  const shape = dims && {
    shape: create(TensorShapeProtoSchema, {
      dim: dims.map((size) =>
        create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } }),
      ),
    }),
  };
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: { case: 'tensorType', value: create(TypeProto_TensorSchema, { elemType, ...shape }) },
    }),
  });
}

export function int64Initializer(name: string, values: readonly number[], dims = [values.length]): TensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return create(TensorProtoSchema, { name, dataType: TensorProto_DataType.INT64, dims: dims.map(BigInt), rawData });
}

class Builder {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly sites: Site[] = [];
  private readonly chunks: Float32Array[] = [];
  private bytes = 0;
  private state = 1;

  /** Approximately normal weights: the sum of two uniform numbers. */
  weight(name: string, dims: readonly number[], scale: number, mean = 0): Value {
    const values = new Float32Array(dims.reduce((a, b) => a * b, 1));
    for (let i = 0; i < values.length; i++) values[i] = mean + scale * (this.uniform() + this.uniform() - 1) * 2.4;
    const entries = { location: 'weights.bin', offset: String(this.bytes), length: String(values.byteLength) };
    this.initializers.push(
      create(TensorProtoSchema, {
        name,
        dataType: TensorProto_DataType.FLOAT,
        dims: dims.map(BigInt),
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries(entries).map(([key, value]) =>
          create(StringStringEntryProtoSchema, { key, value }),
        ),
      }),
    );
    this.chunks.push(values);
    this.bytes += values.byteLength;
    return { name, axes: [] };
  }

  scalar(name: string, value: number): Value {
    const rawData = new Uint8Array(Float32Array.of(value).buffer);
    this.initializers.push(create(TensorProtoSchema, { name, dataType: TensorProto_DataType.FLOAT, rawData }));
    return { name, axes: [] };
  }

  ints(name: string, values: readonly number[]): Value {
    this.initializers.push(int64Initializer(name, values));
    return { name, axes: [] };
  }

  node(
    name: string,
    op: string,
    inputs: readonly Value[],
    axes: readonly AxisLabel[],
    options: { attributes?: Attributes; boundary?: boolean } = {},
  ): Value {
    const output = `${name}_output_0`;
    this.nodes.push(
      create(NodeProtoSchema, {
        name,
        opType: op,
        input: inputs.map((value) => value.name),
        output: [output],
        attribute: attributes(options.attributes ?? {}),
      }),
    );
    this.sites.push({ tensor: output, axes, boundary: options.boundary ?? false });
    return { name: output, axes };
  }

  weights(): Uint8Array {
    const all = new Uint8Array(this.bytes);
    let offset = 0;
    for (const chunk of this.chunks) {
      all.set(new Uint8Array(chunk.buffer), offset);
      offset += chunk.byteLength;
    }
    return all;
  }

  private uniform(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return this.state / 2 ** 32;
  }
}

export function transformer(options: TransformerOptions): Transformer {
  const { layers, hidden, heads, lengths, positions, norm } = options;
  const batch = lengths.length;
  const perHead = hidden / heads;
  const inner = hidden * 4;
  const b = new Builder();
  const tokens: readonly AxisLabel[] = ['B', 'S', 'D'];
  const two = b.scalar('two', 2);
  const half = b.scalar('half', 0.5);
  const one = b.scalar('one', 1);
  const root2 = b.scalar('root2', Math.SQRT2);
  const epsilon = b.scalar('epsilon', 1e-5);
  const scale = b.scalar('scale', Math.sqrt(perHead));
  const splitHeads = b.ints('split_heads', [batch, positions, heads, perHead]);
  const mergeHeads = b.ints('merge_heads', [batch, positions, hidden]);

  const layerNorm = (name: string, x: Value): Value => {
    const gain = b.weight(`${name}.weight`, [hidden], 0.05, 1);
    const bias = b.weight(`${name}.bias`, [hidden], 0.05);
    if (norm === 'fused') {
      const attributes = { axis: -1, epsilon: 1e-5 };
      return b.node(`${name}/LayerNormalization`, 'LayerNormalization', [x, gain, bias], tokens, {
        attributes,
        boundary: true,
      });
    }
    const perRow: readonly AxisLabel[] = ['B', 'S', '1'];
    const mean = (of: string, value: Value): Value => {
      const [inputs, attributes] =
        options.opset >= 18 ? [[value, b.ints(`${name}/${of}.axes`, [-1])], {}] : [[value], { axes: [-1] }];
      return b.node(`${name}/${of}`, 'ReduceMean', inputs, perRow, { attributes });
    };
    const centred = b.node(`${name}/Sub`, 'Sub', [x, mean('ReduceMean', x)], tokens);
    const squares = b.node(`${name}/Pow`, 'Pow', [centred, two], tokens);
    const shifted = b.node(`${name}/Add`, 'Add', [mean('ReduceMean_1', squares), epsilon], perRow);
    const deviation = b.node(`${name}/Sqrt`, 'Sqrt', [shifted], perRow);
    const normal = b.node(`${name}/Div`, 'Div', [centred, deviation], tokens);
    const scaled = b.node(`${name}/Mul`, 'Mul', [normal, gain], tokens);
    return b.node(`${name}/Add_1`, 'Add', [scaled, bias], tokens, { boundary: true });
  };
  const linear = (name: string, x: Value, from: number, to: number, axes: readonly AxisLabel[], boundary = false) => {
    const product = b.node(`${name}/MatMul`, 'MatMul', [x, b.weight(`${name}.weight`, [from, to], from ** -0.5)], axes);
    return b.node(`${name}/Add`, 'Add', [product, b.weight(`${name}.bias`, [to], 0.02)], axes, { boundary });
  };
  const split = (name: string, x: Value, perm: readonly number[], axes: readonly AxisLabel[]): Value => {
    const parts = b.node(
      `${name}/Reshape`,
      'Reshape',
      [x, splitHeads],
      ['B', axes.includes('K') ? 'K' : 'S', 'H', 'd'],
    );
    return b.node(`${name}/Transpose`, 'Transpose', [parts], axes, { attributes: { perm } });
  };
  const scores: readonly AxisLabel[] = ['B', 'H', 'S', 'K'];
  const mask: Value = { name: 'mask', axes: ['B', '1', 'S', 'K'] };

  const attention = (name: string, x: Value): Value => {
    const q = split(
      `${name}/q`,
      linear(`${name}/q_proj`, x, hidden, hidden, tokens),
      [0, 2, 1, 3],
      ['B', 'H', 'S', 'd'],
    );
    const keyTokens: readonly AxisLabel[] = ['B', 'K', 'D'];
    const k = split(
      `${name}/k`,
      linear(`${name}/k_proj`, x, hidden, hidden, keyTokens),
      [0, 2, 3, 1],
      ['B', 'H', 'd', 'K'],
    );
    const v = split(
      `${name}/v`,
      linear(`${name}/v_proj`, x, hidden, hidden, keyTokens),
      [0, 2, 1, 3],
      ['B', 'H', 'K', 'd'],
    );
    const raw = b.node(`${name}/MatMul`, 'MatMul', [q, k], scores);
    const scaled = b.node(`${name}/Div`, 'Div', [raw, scale], scores);
    const masked = b.node(`${name}/Add`, 'Add', [scaled, mask], scores);
    const weights = b.node(`${name}/Softmax`, 'Softmax', [masked], scores, { attributes: { axis: -1 } });
    const mixed = b.node(`${name}/MatMul_1`, 'MatMul', [weights, v], ['B', 'H', 'S', 'd']);
    const back = b.node(`${name}/Transpose`, 'Transpose', [mixed], ['B', 'S', 'H', 'd'], {
      attributes: { perm: [0, 2, 1, 3] },
    });
    const merged = b.node(`${name}/Reshape`, 'Reshape', [back, mergeHeads], tokens);
    return linear(`${name}/o_proj`, merged, hidden, hidden, tokens, true);
  };
  const mlp = (name: string, x: Value): Value => {
    const wide: readonly AxisLabel[] = ['B', 'S', 'F'];
    const up = linear(`${name}/up`, x, hidden, inner, wide);
    const divided = b.node(`${name}/Div`, 'Div', [up, root2], wide);
    const erf = b.node(`${name}/Erf`, 'Erf', [divided], wide);
    const plusOne = b.node(`${name}/Add`, 'Add', [erf, one], wide);
    const product = b.node(`${name}/Mul`, 'Mul', [up, plusOne], wide);
    const gelu = b.node(`${name}/Mul_1`, 'Mul', [product, half], wide);
    return linear(`${name}/down`, gelu, inner, hidden, tokens, true);
  };

  const ids: Value = { name: 'input_ids', axes: ['B', 'S'] };
  let x = b.node('/embed/Gather', 'Gather', [b.weight('embed.weight', [VOCABULARY, hidden], 1), ids], tokens);
  for (let i = 0; i < layers; i++) {
    const layer = `/layers.${String(i)}`;
    const attended = attention(`${layer}/self_attn`, layerNorm(`${layer}/ln1`, x));
    const middle = b.node(`${layer}/Add`, 'Add', [x, attended], tokens, { boundary: true });
    const fed = mlp(`${layer}/mlp`, layerNorm(`${layer}/ln2`, middle));
    x = b.node(`${layer}/Add_1`, 'Add', [middle, fed], tokens, { boundary: true });
  }
  const final = layerNorm('/ln_f', x);
  const head = b.weight('head.weight', [hidden, VOCABULARY], hidden ** -0.5);
  const logits = b.node('/head/MatMul', 'MatMul', [final, head], ['B', 'S', 'V']);

  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(options.opset) })],
    graph: create(GraphProtoSchema, {
      name: 'transformer',
      node: b.nodes,
      initializer: b.initializers,
      input: [
        valueInfo('input_ids', TensorProto_DataType.INT64, [batch, positions]),
        valueInfo('mask', TensorProto_DataType.FLOAT, [batch, 1, positions, positions]),
      ],
      output: [valueInfo(logits.name, TensorProto_DataType.FLOAT, [batch, positions, VOCABULARY])],
    }),
  });
  return { model, sites: b.sites, feeds: feeds(lengths, positions), lengths, positions, weights: b.weights() };
}

/** Token ids, and a causal mask that also hides the left padding: rows of pad queries are −inf throughout. */
function feeds(lengths: readonly number[], positions: number): Record<string, TensorData> {
  const batch = lengths.length;
  const ids = BigInt64Array.from({ length: batch * positions }, (_, i) => BigInt((i * 7919) % VOCABULARY));
  const mask = new Float32Array(batch * positions * positions);
  lengths.forEach((length, sample) => {
    for (let query = 0; query < positions; query++) {
      for (let key = 0; key < positions; key++) {
        const hidden = key > query || key < positions - length;
        mask[(sample * positions + query) * positions + key] = hidden ? -Infinity : 0;
      }
    }
  });
  return {
    input_ids: { dtype: 'int64', dims: [batch, positions], data: ids },
    mask: { dtype: 'float32', dims: [batch, 1, positions, positions], data: mask },
  };
}

export const encode = (model: ModelProto): Uint8Array => toBinary(ModelProtoSchema, model);
