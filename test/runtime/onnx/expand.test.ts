/** Fused attention written out gives what the engine's own kernel gives, where that is a number. */
import { create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType as DataType, ValueInfoProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { expansionOf } from '../../../src/core/onnx/expand/index';
import { Graph } from '../../../src/core/onnx/graph';
import { Names } from '../../../src/core/onnx/names';
import { splice } from '../../../src/core/onnx/splice';
import type { TensorData } from '../../../src/core/tensor';
import { AttributeType, node, value } from '../../unit/onnx/support';
import type { AttributeInit } from '../../unit/onnx/support';

const types: Readonly<Record<string, number>> = { float32: DataType.FLOAT, bool: DataType.BOOL, int32: DataType.INT32 };

let state = 1;
const random = (): number => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647 - 0.5;
};
const f32 = (...dims: number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, random),
});
const bools = (dims: number[], test: (index: number) => boolean): TensorData => ({
  dtype: 'bool',
  dims,
  data: Uint8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (test(i) ? 1 : 0)),
});
const int32 = (dims: number[], values: number[]): TensorData => ({
  dtype: 'int32',
  dims,
  data: Int32Array.from(values),
});
const int = (name: string, i: number): AttributeInit => ({ name, type: AttributeType.INT, i: BigInt(i) });
const float = (name: string, f: number): AttributeInit => ({ name, type: AttributeType.FLOAT, f });

interface Case {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly (TensorData | null)[];
  readonly attributes?: readonly AttributeInit[];
  readonly outputs?: number;
}

function modelOf({ op, domain = '', inputs, attributes = [], outputs = 1 }: Case): ModelProto {
  const names = inputs.map((tensor, i) => (tensor ? `i${String(i)}` : ''));
  return create(ModelProtoSchema, {
    irVersion: 11n,
    opsetImport: [
      { domain: '', version: domain === '' ? 23n : 17n },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: {
      name: 'g',
      node: [
        node(
          op,
          names,
          Array.from({ length: outputs }, (_, i) => `o${String(i)}`),
          {
            domain,
            name: 'fused',
            attribute: [...attributes],
          },
        ),
      ],
      input: inputs.flatMap((tensor, i) =>
        tensor ? [create(ValueInfoProtoSchema, value(`i${String(i)}`, tensor.dims, types[tensor.dtype]))] : [],
      ),
      output: Array.from({ length: outputs }, (_, i) => create(ValueInfoProtoSchema, { name: `o${String(i)}` })),
    },
  });
}

async function run(model: ModelProto, { inputs, outputs = 1 }: Case): Promise<Float32Array[]> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, model), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
  try {
    const feeds = Object.fromEntries(
      inputs.flatMap((tensor, i): [string, Tensor][] =>
        tensor
          ? [
              [
                `i${String(i)}`,
                new ort.Tensor(tensor.dtype as 'float32', tensor.data as Float32Array, [...tensor.dims]),
              ],
            ]
          : [],
      ),
    );
    const results = await session.run(feeds);
    return Array.from({ length: outputs }, (_, i) => (results[`o${String(i)}`]?.data as Float32Array).slice());
  } finally {
    await session.release();
  }
}

function expanded(model: ModelProto, { inputs }: Case): ModelProto {
  const graph = new Graph(model);
  const [fused] = graph.nodes;
  if (!fused || !model.graph) throw new Error('no node');
  const of = (name: string): TensorData | null => inputs[Number(name.slice(1))] ?? null;
  const body = expansionOf(fused, {
    shape: (name) => of(name)?.dims ?? null,
    dtype: (name) => of(name)?.dtype ?? null,
  });
  if (body === null || typeof body === 'string') throw new Error(body ?? 'not fused');
  const spliced = splice({
    body,
    inputs: fused.inputs,
    outputs: fused.outputs,
    path: fused.name,
    names: Names.of(model),
  });
  return { ...model, graph: { ...model.graph, node: [...spliced.nodes], initializer: [...spliced.initializers] } };
}

async function both(made: Case): Promise<{ kernel: Float32Array[]; plain: Float32Array[] }> {
  const model = modelOf(made);
  return { kernel: await run(model, made), plain: await run(expanded(model, made), made) };
}

async function agree(made: Case): Promise<void> {
  const { kernel, plain } = await both(made);
  for (const [i, own] of kernel.entries()) {
    expect(plain[i]?.length).toBe(own.length);
    expect(own.every(Number.isFinite)).toBe(true);
    const largest = Math.max(...own.map((value, k) => Math.abs(value - (plain[i]?.[k] ?? NaN))));
    expect(largest).toBeLessThan(1e-5);
  }
}

const [B, S, T, N, D] = [2, 5, 7, 4, 6];

describe('Attention (opset 23)', () => {
  const four = [f32(B, N, S, D), f32(B, N, T, D), f32(B, N, T, D)];
  it.each<[string, Case]>([
    ['four axes', { op: 'Attention', inputs: four }],
    [
      'three axes',
      {
        op: 'Attention',
        inputs: [f32(B, S, N * D), f32(B, T, N * D), f32(B, T, N * 3)],
        attributes: [int('q_num_heads', N), int('kv_num_heads', N)],
      },
    ],
    ['heads that share keys', { op: 'Attention', inputs: [f32(B, N, S, D), f32(B, 2, T, D), f32(B, 2, T, 3)] }],
    [
      'heads that share keys, three axes',
      {
        op: 'Attention',
        inputs: [f32(B, S, N * D), f32(B, T, 2 * D), f32(B, T, 2 * D)],
        attributes: [int('q_num_heads', N), int('kv_num_heads', 2)],
      },
    ],
    [
      'causal',
      {
        op: 'Attention',
        inputs: [f32(B, N, S, D), f32(B, N, S, D), f32(B, N, S, D)],
        attributes: [int('is_causal', 1)],
      },
    ],
    ['a scale of its own', { op: 'Attention', inputs: four, attributes: [float('scale', 0.7)] }],
    ['a float mask', { op: 'Attention', inputs: [...four, f32(B, 1, S, T)] }],
    ['a boolean mask', { op: 'Attention', inputs: [...four, bools([S, T], (i) => i % 3 !== 1)] }],
    [
      'a past',
      {
        op: 'Attention',
        inputs: [f32(B, N, S, D), f32(B, N, S, D), f32(B, N, S, D), null, f32(B, N, 3, D), f32(B, N, 3, D)],
        attributes: [int('is_causal', 1)],
        outputs: 3,
      },
    ],
    ['causal, with fewer queries than keys', { op: 'Attention', inputs: four, attributes: [int('is_causal', 1)] }],
    ['a mask for every head', { op: 'Attention', inputs: [...four, f32(N, S, T)] }],
    ...[0, 1, 2, 3].map((mode): [string, Case] => [
      `scores handed out at step ${String(mode)}`,
      {
        op: 'Attention',
        inputs: [...four, f32(S, T)],
        attributes: [int('qk_matmul_output_mode', mode)],
        outputs: 4,
      },
    ]),
  ])('%s', async (_, made) => agree(made));

  it('written out, a fully masked row is NaN where the kernel gives 0', async () => {
    const { kernel, plain } = await both({
      op: 'Attention',
      inputs: [...four, bools([B, 1, S, T], (i) => Math.floor(i / T) % S !== 0)],
    });
    const row = (values: Float32Array | undefined, query: number): number[] =>
      Array.from(values?.slice(query * D, (query + 1) * D) ?? []);
    expect(row(kernel[0], 0)).toEqual(new Array(D).fill(0));
    expect(row(plain[0], 0)).toEqual(new Array(D).fill(NaN));
    expect(row(plain[0], 1).every((value, i) => Math.abs(value - (row(kernel[0], 1)[i] ?? NaN)) < 1e-5)).toBe(true);
  });
});

describe('MultiHeadAttention (com.microsoft)', () => {
  const domain = 'com.microsoft';
  const op = 'MultiHeadAttention';
  const heads = int('num_heads', N);
  const three = [f32(B, S, N * D), f32(B, T, N * D), f32(B, T, N * 3)];
  const padding = int32([B, T], [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  it.each<[string, Case]>([
    ['plain', { op, domain, inputs: three, attributes: [heads] }],
    ['with a bias', { op, domain, inputs: [...three, f32(2 * N * D + N * 3)], attributes: [heads] }],
    ['with a key padding mask', { op, domain, inputs: [...three, null, padding], attributes: [heads] }],
    ['with lengths', { op, domain, inputs: [...three, null, int32([B], [3, T])], attributes: [heads] }],
    ['with an attention bias', { op, domain, inputs: [...three, null, null, f32(B, N, S, T)], attributes: [heads] }],
    ['with both', { op, domain, inputs: [...three, null, padding, f32(1, 1, S, T)], attributes: [heads] }],
    [
      'causal',
      {
        op,
        domain,
        inputs: [f32(B, S, N * D), f32(B, S, N * D), f32(B, S, N * D)],
        attributes: [heads, int('unidirectional', 1)],
      },
    ],
    ...[
      [S, T],
      [T, S],
      [1, T],
    ].map(([queries = 1, keys = 1]): [string, Case] => [
      `causal, ${String(queries)} queries and ${String(keys)} keys`,
      {
        op,
        domain,
        inputs: [f32(B, queries, N * D), f32(B, keys, N * D), f32(B, keys, N * D)],
        attributes: [heads, int('unidirectional', 1)],
      },
    ]),
    [
      'with a mask of queries and keys',
      {
        op,
        domain,
        inputs: [
          ...three,
          null,
          int32(
            [B, S, T],
            Array.from({ length: B * S * T }, (_, i) => (i % 3) - 1),
          ),
        ],
        attributes: [heads],
      },
    ],
    ['lengths of 0 and beyond', { op, domain, inputs: [...three, null, int32([B], [0, 99])], attributes: [heads] }],
    ['a scale of its own', { op, domain, inputs: three, attributes: [heads, float('scale', 0.3)] }],
    ...[undefined, -Infinity].map((fill): [string, Case] => [
      `causal beside a key padding mask that fills with ${String(fill)}: no row is NaN`,
      {
        op,
        domain,
        inputs: [f32(B, T, N * D), f32(B, T, N * D), f32(B, T, N * D), null, padding],
        attributes: [
          heads,
          int('unidirectional', 1),
          ...(fill === undefined ? [] : [float('mask_filter_value', fill)]),
        ],
      },
    ]),
    [
      'a row masked throughout attends as if unmasked, in both',
      { op, domain, inputs: [...three, null, int32([B, T], new Array<number>(B * T).fill(0))], attributes: [heads] },
    ],
  ])('%s', async (_, made) => agree(made));

  it('−inf throughout a row of the attention bias is NaN in both', async () => {
    const bias = f32(B, N, S, T);
    (bias.data as Float32Array).fill(-Infinity, 0, T);
    const { kernel, plain } = await both({ op, domain, inputs: [...three, null, null, bias], attributes: [heads] });
    const nan = (values: Float32Array | undefined): number[] =>
      Array.from(values ?? []).flatMap((value, i) => (Number.isNaN(value) ? [i] : []));
    expect(nan(kernel[0]).length).toBeGreaterThan(0);
    expect(nan(plain[0])).toEqual(nan(kernel[0]));
  });
});

describe('Attention (com.microsoft)', () => {
  const domain = 'com.microsoft';
  const op = 'Attention';
  const heads = int('num_heads', N);
  const hidden = N * D;
  const base = [f32(B, S, 10), f32(10, 3 * hidden), f32(3 * hidden)];
  it.each<[string, Case]>([
    ['plain', { op, domain, inputs: base, attributes: [heads] }],
    ['causal', { op, domain, inputs: base, attributes: [heads, int('unidirectional', 1)] }],
    [
      'with a mask of keys',
      { op, domain, inputs: [...base, int32([B, S], [0, 0, 1, 1, 1, 1, 1, 1, 1, 1])], attributes: [heads] },
    ],
    [
      'with a mask of queries and keys',
      {
        op,
        domain,
        inputs: [
          ...base,
          int32(
            [B, S, S],
            Array.from({ length: B * S * S }, (_, i) => (i % 4 === 0 ? 0 : 1)),
          ),
        ],
        attributes: [heads],
      },
    ],
    ['with lengths', { op, domain, inputs: [...base, int32([B], [2, S])], attributes: [heads] }],
    [
      'values of another width',
      {
        op,
        domain,
        inputs: [f32(B, S, 10), f32(10, 2 * hidden + N * 3), f32(2 * hidden + N * 3)],
        attributes: [
          heads,
          { name: 'qkv_hidden_sizes', type: AttributeType.INTS, ints: [hidden, hidden, N * 3].map(BigInt) },
        ],
      },
    ],
    ['with an attention bias', { op, domain, inputs: [...base, null, null, f32(B, N, S, S)], attributes: [heads] }],
  ])('%s', async (_, made) => agree(made));
});

describe('what is not written out says why', () => {
  const reason = (made: Case): unknown => {
    const [fused] = new Graph(modelOf(made)).nodes;
    if (!fused) throw new Error('no node');
    const of = (name: string): TensorData | null => made.inputs[Number(name.slice(1))] ?? null;
    return expansionOf(fused, { shape: (name) => of(name)?.dims ?? null, dtype: () => 'float32' });
  };
  it('caches, packed tensors, capped scores', () => {
    const x = f32(B, S, N * D);
    expect(reason({ op: 'GroupQueryAttention', domain: 'com.microsoft', inputs: [x] })).toMatch(/cache/);
    expect(
      reason({ op: 'MultiHeadAttention', domain: 'com.microsoft', inputs: [x], attributes: [int('num_heads', N)] }),
    ).toMatch(/packed/);
    const four = f32(B, N, S, D);
    expect(reason({ op: 'Attention', inputs: [four, four, four], attributes: [float('softcap', 5)] })).toMatch(/caps/);
    expect(reason({ op: 'Softmax', inputs: [x] })).toBeNull();
  });
});
