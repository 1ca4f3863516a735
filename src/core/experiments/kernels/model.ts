/** Attention as every kernel of the engine computes it, each as a model over the same five tokens (see `batch.ts`). */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType as DataType,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { lowestFloat32 } from '../../models/masks';
import { encodeTensor, int64Tensor } from '../../onnx/tensors';
import { heads, tokens, width } from './batch';

export interface Kernel {
  readonly id: string;
  /** How a person would say it. */
  readonly title: string;
  /** NaN in keys alone or values alone cannot be told apart: one input makes queries, keys and values. */
  readonly oneInput?: true;
  build(graph: KernelGraph): string;
}

const microsoft = 'com.microsoft';
const hidden = heads * width;

/** The values on offer: `q`, `k`, `v`, `allowed` (bool), `real` (int32 flags of keys); a kernel adds what it needs. */
export class KernelGraph {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  opset = 17;

  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[] | { readonly float: number }>> = {},
    { domain = '', outputs = 1 }: { readonly domain?: string; readonly outputs?: number } = {},
  ): string {
    const name = `${op}_${String(this.nodes.length)}`;
    this.nodes.push(
      create(NodeProtoSchema, {
        opType: op,
        name,
        domain,
        input: [...inputs],
        output: Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}_${String(i)}`)),
        attribute: Object.entries(attributes).map(([key, value]) =>
          create(
            AttributeProtoSchema,
            typeof value === 'number'
              ? { name: key, type: AttributeType.INT, i: BigInt(value) }
              : 'float' in value
                ? { name: key, type: AttributeType.FLOAT, f: value.float }
                : { name: key, type: AttributeType.INTS, ints: value.map(BigInt) },
          ),
        ),
      }),
    );
    return name;
  }

  float(value: number): string {
    return this.held(encodeTensor(this.next(), { dtype: 'float32', dims: [], data: Float32Array.of(value) }));
  }

  ints(...values: readonly number[]): string {
    return this.held(int64Tensor(this.next(), values));
  }

  int32(dims: readonly number[], ...values: readonly number[]): string {
    return this.held(encodeTensor(this.next(), { dtype: 'int32', dims, data: Int32Array.from(values) }));
  }

  /** 0 where allowed, else `fill`. */
  bias(fill: number): string {
    return this.op('Where', ['allowed', this.float(0), this.float(fill)]);
  }

  /** softmax(masked(q·kᵀ / √width)) · v in plain operators. */
  eager(masked: (scores: string) => string): string {
    const perHead = (value: string): string =>
      this.op('Transpose', [this.op('Reshape', [value, this.ints(0, 0, heads, width)])], { perm: [0, 2, 1, 3] });
    const [q, k, v] = [perHead('q'), perHead('k'), perHead('v')];
    const product = this.op('MatMul', [q, this.op('Transpose', [k], { perm: [0, 1, 3, 2] })]);
    const scores = this.op('Mul', [product, this.float(1 / Math.sqrt(width))]);
    const mixed = this.op('MatMul', [this.op('Softmax', [masked(scores)], { axis: -1 }), v]);
    return this.op('Reshape', [this.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }), this.ints(0, 0, hidden)]);
  }

  private held(tensor: TensorProto): string {
    this.initializers.push(tensor);
    return tensor.name;
  }

  private next(): string {
    return `constant_${String(this.initializers.length)}`;
  }
}

const added = (title: string, id: string, ...fills: readonly number[]): Kernel => ({
  id,
  title,
  build: (graph) =>
    graph.eager((scores) => fills.reduce((all, fill) => graph.op('Add', [all, graph.bias(fill)]), scores)),
});
const chosen = (title: string, id: string, fill: number): Kernel => ({
  id,
  title,
  build: (graph) => graph.eager((scores) => graph.op('Where', ['allowed', scores, graph.float(fill)])),
});
const standard = (title: string, id: string, opset: number, fill: number | null): Kernel => ({
  id,
  title,
  build: (graph) => {
    graph.opset = opset;
    const mask = fill === null ? 'allowed' : graph.bias(fill);
    return graph.op('Attention', ['q', 'k', 'v', mask], { q_num_heads: heads, kv_num_heads: heads });
  },
});
const multiHead = (
  title: string,
  id: string,
  masks: (graph: KernelGraph) => readonly string[],
  filter?: number,
): Kernel => ({
  id,
  title,
  build: (graph) => {
    const inputs = masks(graph);
    const attributes = {
      num_heads: heads,
      ...(inputs.length === 2 && { unidirectional: 1 }),
      ...(filter !== undefined && { mask_filter_value: { float: filter } }),
    };
    return graph.op('MultiHeadAttention', ['q', 'k', 'v', ...inputs], attributes, { domain: microsoft });
  },
});
const grouped = (title: string, id: string, fill: number): Kernel => ({
  id,
  title,
  build: (graph) => {
    const [last, total] = [graph.int32([1], tokens - 1), graph.int32([], tokens)];
    const inputs = ['q', 'k', 'v', '', '', last, total, '', '', '', graph.bias(fill)];
    const attributes = { num_heads: heads, kv_num_heads: heads };
    return graph.op('GroupQueryAttention', inputs, attributes, { domain: microsoft, outputs: 3 });
  },
});

/** `Attention` of the engine's own domain makes queries, keys and values itself, from one input. */
const packed: Kernel = {
  id: 'packed-attention',
  title: 'com.microsoft.Attention, key mask, filter −inf',
  oneInput: true,
  build: (graph) => {
    const identity = Float32Array.from({ length: (3 * hidden) ** 2 }, (_, i) => +(i % (3 * hidden + 1) === 0));
    graph.initializers.push(
      encodeTensor('identity', { dtype: 'float32', dims: [3 * hidden, 3 * hidden], data: identity }),
      encodeTensor('nothing', { dtype: 'float32', dims: [3 * hidden], data: new Float32Array(3 * hidden) }),
    );
    const input = graph.op('Concat', ['q', 'k', 'v'], { axis: -1 });
    const attributes = {
      num_heads: heads,
      unidirectional: 1,
      qkv_hidden_sizes: [hidden, hidden, hidden],
      mask_filter_value: { float: -Infinity },
    };
    return graph.op('Attention', [input, 'identity', 'nothing', 'real'], attributes, { domain: microsoft });
  },
};

export const kernels: readonly Kernel[] = [
  added('plain operators, −inf added', 'add-inf', -Infinity),
  chosen('plain operators, −inf by Where (masked_fill)', 'where-inf', -Infinity),
  added('plain operators, lowest float32 added', 'add-lowest', lowestFloat32),
  chosen('plain operators, lowest float32 by Where', 'where-lowest', lowestFloat32),
  added('plain operators, lowest float32 added twice', 'add-lowest-twice', lowestFloat32, lowestFloat32),
  added('plain operators, −10 000 added', 'add-finite', -1e4),
  standard('Attention (opset 23), boolean mask', 'attention-bool', 23, null),
  standard('Attention (opset 24), boolean mask', 'attention-24-bool', 24, null),
  standard('Attention (opset 23), −inf in a float mask', 'attention-inf', 23, -Infinity),
  standard('Attention (opset 23), lowest float32', 'attention-lowest', 23, lowestFloat32),
  multiHead('MultiHeadAttention, key mask', 'multi-head-keys', () => ['', 'real']),
  multiHead('MultiHeadAttention, key mask, filter −inf', 'multi-head-keys-inf', () => ['', 'real'], -Infinity),
  multiHead('MultiHeadAttention, −inf in its bias', 'multi-head-bias', (graph) => ['', '', graph.bias(-Infinity)]),
  packed,
  grouped('GroupQueryAttention, −inf in its bias', 'grouped-bias', -Infinity),
  grouped('GroupQueryAttention, lowest float32 in its bias', 'grouped-lowest', lowestFloat32),
];

/** Bytes of the model of a kernel; output `y` [1, tokens, heads · width]. */
export function kernelModel(kernel: Kernel): Uint8Array {
  const graph = new KernelGraph();
  const result = kernel.build(graph);
  graph.nodes.push(create(NodeProtoSchema, { opType: 'Identity', name: 'y', input: [result], output: ['y'] }));
  const three = [1, tokens, hidden];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 10n,
      producerName: 'nanoscope',
      opsetImport: [
        create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(graph.opset) }),
        create(OperatorSetIdProtoSchema, { domain: microsoft, version: 1n }),
      ],
      graph: create(GraphProtoSchema, {
        name: kernel.id,
        node: graph.nodes,
        initializer: graph.initializers,
        input: [
          ...['q', 'k', 'v'].map((name) => value(name, DataType.FLOAT, three)),
          value('allowed', DataType.BOOL, [1, 1, tokens, tokens]),
          value('real', DataType.INT32, [1, tokens]),
        ],
        output: [value('y', DataType.FLOAT, three)],
      }),
    }),
  );
}

const value = (name: string, elemType: DataType, dims: readonly number[]): ValueInfoProto =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType,
          shape: { dim: dims.map((size) => ({ value: { case: 'dimValue' as const, value: BigInt(size) } })) },
        }),
      },
    }),
  });
