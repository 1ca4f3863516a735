/**
 * Every operator on the list of those that hand NaN on (`flowOf`), measured with the engine: NaN in one element of
 * one input, beside ordinary numbers, zeros and infinities, at sizes that vector kernels treat apart.
 */
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType as DataType } from 'onnx-buf';
import type * as Ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { Graph } from '../../../src/core/onnx/graph';
import type { Flow } from '../../../src/core/probe/derive/flow';
import { CONSUMED, flowOf, MOVED } from '../../../src/core/probe/derive/flow';
import { AttributeType, floats, model, node, value } from '../../unit/onnx/support';
import type { AttributeInit, TensorInit } from '../../unit/onnx/support';

type Shape = readonly number[];
interface Case {
  /** Shapes of the float inputs that are fed. */
  readonly feeds: readonly Shape[];
  /** Constant inputs behind them. */
  readonly constants?: readonly TensorInit[];
  readonly attributes?: readonly AttributeInit[];
  readonly outputs?: readonly Shape[];
  readonly opset?: number;
}

const int64s = (name: string, ...values: number[]): TensorInit => ({
  name,
  dims: [BigInt(values.length)],
  dataType: DataType.INT64,
  int64Data: values.map(BigInt),
});
const integer = (name: string, i: number): AttributeInit => ({ name, type: AttributeType.INT, i: BigInt(i) });
const integers = (name: string, ...list: number[]): AttributeInit => ({
  name,
  type: AttributeType.INTS,
  ints: list.map(BigInt),
});

/** Vectors of 4, 8 and 16 lanes with and without a rest, and long rows. */
const shapes: readonly Shape[] = [
  [1, 1, 1],
  [2, 3, 7],
  [1, 5, 64],
  [2, 9, 129],
  [1, 3, 2050],
];
const one = shapes.map((shape): Case => ({ feeds: [shape], outputs: [shape] }));
const pairs: readonly Case[] = [
  ...shapes.map((shape): Case => ({ feeds: [shape, shape], outputs: [shape] })),
  { feeds: [[2, 33, 129], [129]], outputs: [[2, 33, 129]] },
  {
    feeds: [
      [2, 33, 1],
      [2, 33, 129],
    ],
    outputs: [[2, 33, 129]],
  },
  {
    feeds: [
      [2, 1, 129],
      [1, 33, 129],
    ],
    outputs: [[2, 33, 129]],
  },
  { feeds: [[2, 33, 129], [1]], outputs: [[2, 33, 129]] },
];
const exponent = (power: number): Case[] =>
  shapes.map((shape) => ({ feeds: [shape], constants: [floats('c0', Float32Array.of(power), [])], outputs: [shape] }));
const products: readonly Case[] = (
  [
    [
      [1, 1],
      [1, 1],
      [1, 1],
    ],
    [
      [1, 64],
      [64, 1],
      [1, 1],
    ],
    [
      [1, 64],
      [64, 33],
      [1, 33],
    ],
    [
      [35, 64],
      [64, 33],
      [35, 33],
    ],
    [
      [5, 1],
      [1, 9],
      [5, 9],
    ],
    [
      [128, 512],
      [512, 130],
      [128, 130],
    ],
    [
      [2, 5, 8],
      [8, 4],
      [2, 5, 4],
    ],
    [
      [2, 3, 17, 16],
      [2, 3, 16, 9],
      [2, 3, 17, 9],
    ],
    [
      [2, 1, 17, 16],
      [3, 16, 9],
      [2, 3, 17, 9],
    ],
  ] as const
).map(([a, b, out]) => ({ feeds: [a, b], outputs: [out] }));
const reductions: readonly Case[] = shapes.flatMap(([b = 1, s = 1, h = 1]): Case[] => [
  { feeds: [[b, s, h]], outputs: [[b, s, 1]], attributes: [integers('axes', -1)], opset: 12 },
  { feeds: [[b, s, h]], outputs: [[b, h]], attributes: [integers('axes', 1), integer('keepdims', 0)], opset: 12 },
  { feeds: [[b, s, h]], outputs: [[s]], attributes: [integers('axes', 0, 2), integer('keepdims', 0)], opset: 12 },
]);
const rows: readonly Case[] = [
  ...one,
  { feeds: [[2, 4, 5, 6]], outputs: [[2, 4, 5, 6]], attributes: [integer('axis', 1)] },
];

const cases: Readonly<Record<string, readonly Case[]>> = {
  ...Object.fromEntries(
    ['Neg', 'Abs', 'Sqrt', 'Reciprocal', 'Exp', 'Log', 'Sin', 'Cos', 'Tanh', 'Sigmoid', 'Erf', 'Floor', 'Ceil'].map(
      (op) => [op, one],
    ),
  ),
  Add: pairs,
  Sub: pairs,
  Mul: pairs,
  Div: pairs,
  Sum: pairs,
  Mean: pairs,
  Pow: [...exponent(2), ...exponent(3), ...exponent(0.5), ...exponent(-1.5)],
  Softmax: rows,
  LogSoftmax: rows,
  LayerNormalization: shapes.map((shape) => ({
    feeds: [shape],
    constants: [floats('c0', new Float32Array(shape[2] ?? 1).fill(0), [shape[2] ?? 1])],
    outputs: [shape],
  })),
  MatMul: products,
  Gemm: [
    ...products.slice(0, 6),
    {
      feeds: [
        [64, 35],
        [33, 64],
      ],
      outputs: [[35, 33]],
      attributes: [integer('transA', 1), integer('transB', 1)],
    },
  ],
  ...Object.fromEntries(
    ['ReduceMean', 'ReduceSumSquare', 'ReduceL1', 'ReduceL2', 'ReduceSum'].map((op) => [op, reductions]),
  ),
  Transpose: [{ feeds: [[2, 3, 4, 5]], outputs: [[2, 4, 3, 5]], attributes: [integers('perm', 0, 2, 1, 3)] }],
  Expand: [{ feeds: [[3, 1]], constants: [int64s('c0', 2, 3, 4)], outputs: [[2, 3, 4]] }],
  Reshape: [{ feeds: [[2, 3, 4]], constants: [int64s('c0', 6, 4)], outputs: [[6, 4]] }],
  Concat: [
    {
      feeds: [
        [2, 3, 4],
        [2, 3, 5],
      ],
      outputs: [[2, 3, 9]],
      attributes: [integer('axis', -1)],
    },
  ],
  Split: [
    {
      feeds: [[2, 3, 9]],
      constants: [int64s('c0', 4, 5)],
      outputs: [
        [2, 3, 4],
        [2, 3, 5],
      ],
      attributes: [integer('axis', 2)],
    },
  ],
  TopK: [
    {
      feeds: [[2, 3, 9]],
      constants: [int64s('c0', 2)],
      outputs: [
        [2, 3, 2],
        [2, 3, 2],
      ],
    },
  ],
  Slice: [
    {
      feeds: [[2, 3, 9]],
      constants: [int64s('c0', 2), int64s('c1', 7), int64s('c2', -1)],
      outputs: [[2, 3, 5]],
    },
  ],
  Gather: [
    { feeds: [[2, 3, 9]], constants: [int64s('c0', 1, 0, 5)], outputs: [[2, 3, 3]], attributes: [integer('axis', 2)] },
  ],
};

let ort: typeof Ort;
beforeAll(async () => {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  ort = await import('onnxruntime-node');
});

describe('an operator on the list hands NaN on', () => {
  it.each(Object.entries(cases))('%s', async (op, list) => {
    let measured = 0;
    for (const entry of list) measured += await check(op, entry);
    expect(measured).toBeGreaterThan(0);
  });

  it.each([
    ['Where', [[1], [2]]],
    ['Max', [[2], [2]]],
    ['Min', [[2], [2]]],
    ['Clip', [[2]]],
    ['Relu', [[2]]],
    ['LeakyRelu', [[2]]],
    ['IsNaN', [[2]]],
    ['ReduceMax', [[2]]],
    ['ReduceMin', [[2]]],
    ['MaxPool', [[1, 1, 2]]],
    ['NoSuchOperator', [[2]]],
  ])('%s is not on it', (op, feeds) => {
    const graph = new Graph(
      model({
        name: 'g',
        node: [
          node(
            op,
            feeds.map((_, i) => `x${String(i)}`),
            ['y'],
          ),
        ],
      }),
    );
    const [only] = graph.nodes;
    expect(only && feeds.map((_, slot) => flowOf(graph, only, slot, 0, () => 2))).toEqual(feeds.map(() => null));
  });

  it('nor are x⁰, products without their factor, operators of another domain', () => {
    const initializer = [floats('zero', Float32Array.of(2, 0)), floats('two', Float32Array.of(2))];
    const attribute = [{ name: 'alpha', type: AttributeType.FLOAT, f: 0 }];
    const graph = new Graph(
      model({
        name: 'g',
        initializer,
        node: [
          node('Pow', ['x', 'zero'], ['a']),
          node('Pow', ['x', 'power'], ['b']),
          node('Pow', ['power', 'x'], ['c']),
          node('Gemm', ['x', 'x'], ['d'], { attribute }),
          node('Add', ['x', 'x'], ['e'], { domain: 'com.example' }),
        ],
      }),
    );
    expect(graph.nodes.map((own) => flowOf(graph, own, 0, 0, () => 2)).slice(0, 2)).toEqual([null, null]);
    expect(graph.nodes.map((own) => flowOf(graph, own, 1, 0, () => 2))).toEqual([null, null, null, null, null]);
    expect(graph.nodes.slice(3).map((own) => flowOf(graph, own, 0, 0, () => 2))).toEqual([null, null]);
  });
});

/** @returns how many places of NaN were tried. */
async function check(
  op: string,
  { feeds, constants = [], attributes = [], outputs = [], opset = 17 }: Case,
): Promise<number> {
  const named = constants.map((tensor, i) => ({ ...tensor, name: `c${String(i)}` }));
  const names = [...feeds.map((_, i) => `x${String(i)}`), ...named.map((tensor) => tensor.name)];
  const outs = outputs.map((_, i) => `y${String(i)}`);
  // Since 13 the sum takes its axes as an input.
  const version = op === 'ReduceSum' ? 12 : opset;
  const proto = model(
    {
      name: op,
      input: feeds.map((shape, i) => value(`x${String(i)}`, shape)),
      output: outs.map((name, i) =>
        value(name, outputs[i] ?? [], op === 'TopK' && i === 1 ? DataType.INT64 : DataType.FLOAT),
      ),
      initializer: named,
      node: [node(op, names, outs, { attribute: [...attributes] })],
    },
    { opsetImport: [{ domain: '', version: BigInt(version) }] },
  );
  const graph = new Graph(proto);
  const [own] = graph.nodes;
  if (!own) throw new Error('the model has one node');
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, proto), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const shapeOf = (name: string): Shape | undefined =>
    [...feeds, ...outputs][[...names.slice(0, feeds.length), ...outs].indexOf(name)];
  let tried = 0;
  try {
    for (const [slot, shape] of feeds.entries()) {
      const flows = outs.map((_, o) =>
        op === 'TopK' && o === 1 ? null : flowOf(graph, own, slot, o, (name) => shapeOf(name)?.length ?? 1),
      );
      expect(flows[0], `${op} hands input ${String(slot)} on`).not.toBeNull();
      for (const rest of [1.25, 0, -2, Infinity, -Infinity]) {
        const size = shape.reduce((a, b) => a * b, 1);
        for (const at of new Set([0, 1, size >> 1, size - 2, size - 1])) {
          if (at < 0 || at >= size) continue;
          const picks = flows[0]?.kind === 'pick';
          const data = feeds.map((other, i) => {
            const values = new Float32Array(other.reduce((a, b) => a * b, 1)).fill(rest);
            if (i === slot && picks) values.fill(NaN);
            else if (i === slot) values[at] = NaN;
            return [`x${String(i)}`, new ort.Tensor('float32', values, [...other])] as const;
          });
          const results = await session.run(Object.fromEntries(data), outs);
          const got = outs.map((name) => results[name]);
          const what = `${op} of ${JSON.stringify(feeds)}, NaN at ${String(at)} of input ${String(slot)}, else ${String(rest)}`;
          expect(arrives(flows, got, shape, at), what).toBe(true);
          tried += 1;
        }
      }
    }
  } finally {
    await session.release();
  }
  return tried;
}

/** Whether NaN is where the flows say. */
function arrives(
  flows: readonly (Flow | null)[],
  got: readonly (Ort.Tensor | undefined)[],
  shape: Shape,
  at: number,
): boolean {
  const place = coordinates(at, shape);
  const matches = (flow: Flow, index: number, dims: Shape): boolean => {
    const target = coordinates(index, dims);
    return flow.map.every(
      (axis, i) => axis === CONSUMED || axis === MOVED || shape[i] === 1 || target[axis] === place[i],
    );
  };
  const nan = got.map((tensor, o) => {
    const flow = flows[o];
    if (!flow || !tensor) return { all: true, some: false };
    const values = tensor.data as Float32Array;
    const hit = [...values.keys()].filter((index) => matches(flow, index, tensor.dims));
    return {
      all: hit.every((index) => Number.isNaN(values[index])),
      some: hit.some((index) => Number.isNaN(values[index])),
    };
  });
  const kind = flows[0]?.kind;
  return kind === 'carry' || kind === 'pick' ? nan.every(({ all }) => all) : nan.some(({ some }) => some);
}

function coordinates(index: number, dims: Shape): number[] {
  const at: number[] = [];
  let rest = index;
  for (const size of [...dims].reverse()) {
    at.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return at;
}
