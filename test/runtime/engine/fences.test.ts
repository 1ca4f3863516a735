/** Fences against an independent float16: every value from those that its node read, rounded once. */
import { toBinary } from '@bufbuild/protobuf';
import { f16round } from '@petamoriken/float16';
import { ModelProtoSchema, TensorProto_DataType as DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type * as Ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { toFloat16Bits } from '../../../src/core/batch/half';
import { Graph } from '../../../src/core/onnx/graph';
import { Fences } from '../../../src/core/probe/fences';
import { floatsOf } from '../../../src/core/probe/floats';
import { extended } from '../../../src/core/probe/instrument';
import type { TensorData } from '../../../src/core/tensor';
import { named, int, intList, ints } from '../../support/tinyAttention';
import { AttributeType, model, node, value } from '../../unit/onnx/support';
import type { GraphInit, NodeInit, TensorInit } from '../../unit/onnx/support';

const HALF = DataType.FLOAT16;
let ort: typeof Ort;
beforeAll(async () => {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  ort = await import('onnxruntime-node');
});

const half = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'float16',
  dims,
  data: toFloat16Bits(values),
});
const halfWeight = (name: string, dims: readonly number[], values: readonly number[]): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: HALF,
  int32Data: Array.from(toFloat16Bits(values)),
});

type Values = Readonly<Record<string, readonly number[]>>;

async function run(proto: ModelProto, feeds: Readonly<Record<string, TensorData>>): Promise<Values> {
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, proto), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const given = Object.entries(feeds).map(([name, { dtype, data, dims }]) => [
    name,
    new ort.Tensor(dtype as 'float32', data as Float32Array, [...dims]),
  ]);
  const results = await session.run(Object.fromEntries(given) as Record<string, Ort.Tensor>);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => {
      const { data } = tensor;
      const own = data as unknown as Uint16Array;
      return [name, Array.from(floatsOf({ dtype: tensor.type as 'float16', dims: tensor.dims, data: own }))];
    }),
  );
}

const graphModel = (
  nodes: NodeInit[],
  outputs: readonly string[],
  initializer: readonly TensorInit[] = [],
  { opset = 17, input = [value('x', ['n', 'm'], HALF)] }: { opset?: number; input?: GraphInit['input'] } = {},
): ModelProto =>
  model(
    { name: 'g', input, output: outputs.map((name) => ({ name })), initializer: [...initializer], node: nodes },
    { opsetImport: [{ domain: '', version: BigInt(opset) }] },
  );

/** Every float16 value of the main graph is known to be one, as the engine would infer. */
function fencesOf(proto: ModelProto, others: Readonly<Record<string, string>> = {}): Fences {
  const made = new Graph(proto).nodes.flatMap((own) => own.outputs);
  const dtypes = new Map([...made.map((name) => [name, 'float16'] as const), ...Object.entries(others)]);
  const fences = Fences.of(proto, dtypes);
  if (!fences) throw new Error('the model has float16');
  return fences;
}

const fencedRun = (proto: ModelProto, x: TensorData, others: Readonly<Record<string, string>> = {}): Promise<Values> =>
  run(fencesOf(proto, others).around(proto), { x });

const overflow = (opset: number): ModelProto =>
  graphModel(
    [
      node('Mul', ['x', 'x'], ['a']),
      node('Mul', ['a', 'c'], ['b']),
      node('Softmax', ['b'], ['y'], { attribute: [int('axis', -1)] }),
    ],
    ['b', 'y'],
    [halfWeight('c', [], [0.001])],
    { opset },
  );

describe('300 × 300 × 0.001', () => {
  it.each([11, 13, 17, 21])('is 90.06 in a plain run and infinite in a fenced one, opset %i', async (opset) => {
    const x = half([1, 2], [300, 1]);
    const plain = await run(overflow(opset), { x });
    expect(plain.b?.[0]).toBeCloseTo(90.06, 1);
    expect(plain.y).toEqual([1, 0]);
    const fenced = await fencedRun(overflow(opset), x);
    expect(fenced.b?.[0]).toBe(Infinity);
    expect(fenced.y).toEqual([NaN, NaN]);
  });

  it('inside a branch, a loop and a loop within it; the branch that does not run is fenced too', async () => {
    const inner = (at: string): NodeInit[] => [
      node('Mul', ['x', 'x'], [`${at}_a`]),
      node('Mul', [`${at}_a`, 'c'], [`${at}_b`]),
    ];
    const graph = (name: string, nodes: NodeInit[], outputs: string[], input: GraphInit['input'] = []): GraphInit => ({
      name,
      input,
      node: nodes,
      output: outputs.map((output) => ({ name: output })),
    });
    const attr = (name: string, g: GraphInit) => ({ name, type: AttributeType.GRAPH, g });
    const body = (name: string, nodes: NodeInit[], out: string): GraphInit =>
      graph(
        name,
        [...nodes, node('Identity', [`${name}_c`], [`${name}_o`])],
        [`${name}_o`, out],
        [value(`${name}_i`, [], DataType.INT64), value(`${name}_c`, [], DataType.BOOL)],
      );
    const proto = graphModel(
      [
        node('If', ['yes'], ['of_if'], {
          attribute: [
            attr('then_branch', graph('t', inner('t'), ['t_b'])),
            attr('else_branch', graph('e', inner('e'), ['e_b'])),
          ],
        }),
        node('Loop', ['twice', 'yes'], ['of_loop'], {
          attribute: [
            attr(
              'body',
              body(
                'l',
                [
                  node('Loop', ['twice', 'yes'], ['l_n'], { attribute: [attr('body', body('n', inner('n'), 'n_b'))] }),
                  ...inner('l'),
                  node('Concat', ['l_n', 'l_b2'], ['l_out'], { attribute: [int('axis', 0)] }),
                ].toSpliced(3, 0, node('Unsqueeze', ['l_b', 'nought'], ['l_b2'])),
                'l_out',
              ),
            ),
          ],
        }),
      ],
      ['of_if', 'of_loop'],
      [
        halfWeight('c', [], [0.001]),
        { name: 'yes', dims: [], dataType: DataType.BOOL, int32Data: [1] },
        { name: 'twice', dims: [], dataType: DataType.INT64, int64Data: [2n] },
        ints('nought', [0]),
      ],
    );
    const x = half([1, 2], [300, 1]);
    const tiny = f16round(0.001);
    const plain = await run(proto, { x });
    expect(plain.of_if?.[0]).toBeCloseTo(90.06, 1);
    expect(plain.of_loop?.filter(Number.isFinite)).toHaveLength(12);
    const fenced = await fencedRun(proto, x);
    expect(fenced.of_if).toEqual([Infinity, tiny]);
    expect(fenced.of_loop).toEqual(Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? Infinity : tiny)));
  });

  it('through a cast that narrows and one that widens again', async () => {
    const proto = graphModel(
      [
        named('Narrow', 'Cast', ['x'], 'h', int('to', HALF)),
        named('Wide', 'Cast', ['h'], 'w', int('to', DataType.FLOAT)),
        node('Mul', ['w', 'c'], ['y']),
      ],
      ['y'],
      [{ name: 'c', dims: [], dataType: DataType.FLOAT, floatData: [0.5] }],
      { input: [value('x', ['n', 'm'])] },
    );
    const x: TensorData = { dtype: 'float32', dims: [1, 3], data: Float32Array.of(-3.4028234663852886e38, 1e5, 0.1) };
    const own = { h: 'float16', w: 'float32', y: 'float32' };
    expect((await fencedRun(proto, x, own)).y).toEqual([-Infinity, Infinity, f16round(0.1) / 2]);
  });
});

const random = (count: number, scale: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => f16round(scale * Math.sin(i * 12.9898 + seed * 78.233 + i * i * 0.031)));

/** Steps of float16 between a number and its neighbour. */
const step = (of: number): number => 2 ** Math.max(-24, Math.floor(Math.log2(Math.max(Math.abs(of), 2 ** -14))) - 10);

const rows = (of: readonly number[], width: number): number[][] =>
  Array.from({ length: of.length / width }, (_, i) => of.slice(i * width, (i + 1) * width));
const product = (a: readonly number[], b: readonly number[], inner: number, width: number): number[] =>
  rows(a, inner).flatMap((row) =>
    Array.from({ length: width }, (_, j) => row.reduce((sum, own, k) => sum + own * (b[k * width + j] ?? NaN), 0)),
  );
const softmax = (of: readonly number[], width: number): number[] =>
  rows(of, width).flatMap((row) => {
    const top = Math.max(...row);
    const powers = row.map((own) => Math.exp(own - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((own) => own / sum);
  });

describe('a chain of MatMul, Add, norm and Softmax', () => {
  const [n, d] = [7, 32];
  const w = random(d * d, 0.8, 1);
  const bias = random(d, 3, 2);
  const proto = graphModel(
    [
      node('MatMul', ['x', 'w'], ['product']),
      node('Add', ['product', 'bias'], ['sum']),
      node('Mul', ['sum', 'sum'], ['squares']),
      node('ReduceMean', ['squares'], ['mean'], { attribute: [intList('axes', [-1])] }),
      node('Sqrt', ['mean'], ['root']),
      node('Div', ['sum', 'root'], ['normed']),
      node('Transpose', ['normed'], ['turned']),
      node('MatMul', ['normed', 'turned'], ['scores']),
      node('Softmax', ['scores'], ['p'], { attribute: [int('axis', -1)] }),
      node('MatMul', ['p', 'sum'], ['y']),
    ],
    ['y'],
    [halfWeight('w', [d, d], w), halfWeight('bias', [d], bias)],
  );
  const names = ['product', 'sum', 'squares', 'mean', 'root', 'normed', 'scores', 'p', 'y'] as const;
  const x = random(n * d, 6, 3);
  const at = (values: Values, name: string): readonly number[] => values[name] ?? [];

  /** What each node should give for what it read in `v`. */
  const truth = (v: Values): Values => ({
    product: product(x, w, d, d),
    sum: at(v, 'product').map((own, i) => own + (bias[i % d] ?? NaN)),
    squares: at(v, 'sum').map((own) => own * own),
    mean: rows(at(v, 'squares'), d).map((row) => row.reduce((a, b) => a + b, 0) / d),
    root: at(v, 'mean').map(Math.sqrt),
    normed: at(v, 'sum').map((own, i) => own / (at(v, 'root')[Math.floor(i / d)] ?? NaN)),
    scores: product(at(v, 'normed'), at(v, 'turned'), d, n),
    p: softmax(at(v, 'scores'), n),
    y: product(at(v, 'p'), at(v, 'sum'), n, d),
  });
  const wrong = (v: Values, allowed: (of: number) => number): string[] => {
    const own = truth(v);
    return names.flatMap((name) => {
      const bad = at(own, name).filter((right, i) => Math.abs((at(v, name)[i] ?? NaN) - right) > allowed(right));
      return bad.length > 0 || at(own, name).length === 0 ? [`${name}: ${String(bad.length)}`] : [];
    });
  };

  it('every value is what its node makes of what it read, rounded to float16', async () => {
    const open = extended(proto, { outputs: ['turned', ...names] });
    const seen = await fencedRun(open, half([n, d], x));
    // Half a step for the rounding, a little for sums in float32.
    expect(wrong(seen, (right) => 0.51 * step(right) + 1e-5 * Math.abs(right))).toEqual([]);
    for (const name of names) expect(at(seen, name).map(f16round)).toEqual(at(seen, name));
  });

  it('without fences the same check fails, so it tells the two apart', async () => {
    const seen = await run(extended(proto, { outputs: ['turned', ...names] }), { x: half([n, d], x) });
    expect(wrong(seen, (right) => 0.51 * step(right) + 1e-5 * Math.abs(right))).not.toEqual([]);
  });

  it('a run that hands out everything and one that hands out the end agree bit for bit', async () => {
    const fed = half([n, d], x);
    const open = await fencedRun(extended(proto, { outputs: names }), fed);
    expect((await fencedRun(proto, fed)).y).toEqual(open.y);
  });
});
