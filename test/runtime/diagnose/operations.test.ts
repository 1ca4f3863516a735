/** Births in one undefined operation: alone, inside products, sums and norms; and what only looks like it. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { Origin, Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel } from '../../support/diagnosing';
import {
  f32,
  featureModel,
  float,
  int,
  intList,
  ints,
  matrix,
  named,
  scalar,
  vector,
} from '../../support/tinyAttention';
import { value } from '../../unit/onnx/support';
import type { NodeInit, TensorInit } from '../../unit/onnx/support';

const inf = Infinity;

interface Case {
  readonly title: string;
  readonly nodes: readonly NodeInit[];
  readonly weights?: readonly TensorInit[];
  /** x [1, 3, 4], row by row. */
  readonly x: readonly (readonly number[])[];
  readonly opset?: number;
  /** Node, positions, and a part of what is said; null where nothing may be born. */
  readonly born: readonly [node: string, positions: string, says: string] | null;
  readonly evidence?: Record<string, unknown>;
  /** Where the mechanism is another than the heading says: what the case looks like, and is not. */
  readonly is?: string;
}

const plain = [1, 2, 3, 4];
const x = (rows: readonly (readonly number[])[]): Record<string, TensorData> => ({ x: f32([1, 3, 4], rows.flat()) });

const run = ({ nodes, weights = [], x: rows, opset = 17 }: Case): Promise<Report> =>
  diagnosedModel(featureModel(nodes, weights, { opset }), x(rows), { fixes: false, userLevel: 'disabled' });

async function check(mechanism: string, item: Case): Promise<Origin | null> {
  const { origins } = await run(item);
  if (item.born === null) {
    expect(origins).toEqual([]);
    return null;
  }
  const [node, positions, says] = item.born;
  expect(origins.map((origin) => [origin.node, origin.mechanism, origin.positions])).toEqual([
    [node, item.is ?? mechanism, [positions]],
  ]);
  expect(origins[0]?.explanation).toContain(says);
  if (item.evidence) expect(origins[0]?.evidence).toMatchObject(item.evidence);
  return origins[0] ?? null;
}

const suites: Record<string, readonly Case[]> = {
  'zero-times-inf': [
    {
      title: 'a gate of 0 times an infinite activation',
      nodes: [named('Mul', 'Mul', ['x', 'gate'], 'y')],
      weights: [vector('gate', 1, 0, 1, 1)],
      x: [plain, [1, -inf, 3, 4], plain],
      born: ['Mul', '1', '−inf × 0 = NaN'],
    },
    {
      title: 'inside MatMul: an infinite activation meets a weight of 0',
      nodes: [named('MatMul', 'MatMul', ['x', 'w'], 'y')],
      weights: [matrix('w', [4, 2], 1, 1, 1, 1, 0, 1, 1, 1)],
      x: [plain, plain, [1, 1, inf, 1]],
      born: ['MatMul', '2', 'term 2 of the 4 that MatMul adds up is +inf × 0 = NaN'],
      evidence: { zeroTimesInf: 1, examples: [{ k: 2, factors: ['Infinity', 0] }] },
    },
    {
      title: 'inside Gemm, the weight turned, and inside Einsum',
      nodes: [
        named('Reshape', 'Reshape', ['x', 'flat'], 'rows'),
        named('Gemm', 'Gemm', ['rows', 'w'], 'g', int('transB', 1)),
        named('Back', 'Reshape', ['g', 'back'], 'y'),
      ],
      weights: [matrix('w', [2, 4], 1, 1, 1, 1, 1, 0, 1, 1), ints('flat', [3, 4]), ints('back', [1, 3, 2])],
      x: [plain, [0, inf, 0, 1], plain],
      born: ['Gemm', '1', 'term 1 of the 4 that Gemm adds up is +inf × 0 = NaN'],
    },
    {
      title: 'a product over an axis',
      nodes: [named('Prod', 'ReduceProd', ['x'], 'y', intList('axes', [-1]))],
      x: [plain, [0, 1, inf, 1], plain],
      born: ['Prod', '1', '0 × inf = NaN'],
    },
    {
      title: 'looks alike: 0 times the largest finite number',
      nodes: [named('Mul', 'Mul', ['x', 'gate'], 'y')],
      weights: [vector('gate', 1, 0, 1, 1)],
      x: [plain, [1, -3.4e38, 3, 4], plain],
      born: null,
    },
    {
      title: 'looks alike: MatMul whose products overflow to both signs',
      nodes: [named('MatMul', 'MatMul', ['x', 'w'], 'y')],
      weights: [matrix('w', [4, 1], 1e20, -1e20, 0, 0)],
      x: [plain, [1e30, 1e30, 1, 1], plain],
      born: ['MatMul', '1', 'left the range of float32'],
      is: 'inf-minus-inf',
      evidence: { zeroTimesInf: 0, posInfTerms: 1, negInfTerms: 1 },
    },
  ],
  'inf-minus-inf': [
    {
      title: 'one infinite operand, weights of both signs',
      nodes: [named('MatMul', 'MatMul', ['x', 'w'], 'y')],
      weights: [matrix('w', [4, 1], 1, 1, -1, 1)],
      x: [plain, plain, [inf, 1, inf, 1]],
      born: ['MatMul', '2', 'term 0 is +inf × 1 = +inf and term 2 is +inf × −1 = −inf'],
    },
    {
      title: 'a mean over infinities of both signs',
      nodes: [named('Mean', 'ReduceMean', ['x'], 'y', intList('axes', [-1]))],
      x: [[inf, 1, -inf, 1], plain, [inf, 1, 1, 1]],
      born: ['Mean', '0', '+inf + (−inf) = NaN'],
      evidence: { posInf: 1, negInf: 1, elements: 4 },
    },
    {
      title: 'a running sum',
      nodes: [named('CumSum', 'CumSum', ['x', 'axis'], 'y')],
      weights: [ints('axis', [2], [])],
      x: [plain, [1, inf, -inf, 1], plain],
      born: ['CumSum', '1', 'element 1 is +inf and element 2 is −inf'],
    },
    {
      title: 'LayerNormalization of a vector with an infinity',
      nodes: [named('LN', 'LayerNormalization', ['x', 'scale'], 'y', int('axis', -1), float('epsilon', 1e-5))],
      weights: [vector('scale', 1, 1, 1, 1)],
      x: [plain, [1, inf, 1, 1], plain],
      born: ['LN', '1', 'x − mean is +inf − (+inf) = NaN'],
      evidence: { posInf: 1, elements: 4 },
    },
    {
      title: 'a difference of two infinities',
      nodes: [named('Sub', 'Sub', ['x', 'x'], 'y')],
      x: [plain, [1, inf, 1, 1], plain],
      born: ['Sub', '1', '+inf − (+inf) = NaN'],
    },
    {
      title: 'looks alike: infinities of one sign have a sum',
      nodes: [named('Mean', 'ReduceMean', ['x'], 'y', intList('axes', [-1]))],
      x: [[inf, 1, inf, 1], plain, [-inf, 1, -inf, 1]],
      born: null,
    },
  ],
  'zero-over-zero': [
    {
      title: 'RMS norm by hand without epsilon, of a zero vector',
      nodes: [
        named('Pow', 'Mul', ['x', 'x'], 'sq'),
        named('Mean', 'ReduceMean', ['sq'], 'ms', intList('axes', [-1])),
        named('Sqrt', 'Sqrt', ['ms'], 'rms'),
        named('Div', 'Div', ['x', 'rms'], 'y'),
      ],
      x: [[0, 0, 0, 0], plain, plain],
      born: ['Div', '0', '0 / 0 = NaN'],
    },
    {
      title: 'LayerNormalization without epsilon, of a zero vector',
      nodes: [named('LN', 'LayerNormalization', ['x', 'scale'], 'y', int('axis', -1), float('epsilon', 0))],
      weights: [vector('scale', 1, 1, 1, 1)],
      x: [plain, [0, 0, 0, 0], plain],
      born: ['LN', '1', '(x − mean) / √(variance + ε) is 0 / 0 = NaN'],
      evidence: { zeros: 4, epsilon: 0 },
    },
    {
      title: 'looks alike: the same with an epsilon',
      nodes: [named('LN', 'LayerNormalization', ['x', 'scale'], 'y', int('axis', -1), float('epsilon', 1e-5))],
      weights: [vector('scale', 1, 1, 1, 1)],
      x: [plain, [0, 0, 0, 0], plain],
      born: null,
    },
    {
      title: 'looks alike: 1 / 0 is infinite, not NaN',
      nodes: [named('Div', 'Div', ['one', 'x'], 'y')],
      weights: [scalar('one', 1)],
      x: [plain, [0, 0, 0, 0], plain],
      born: null,
    },
  ],
  'inf-over-inf': [
    {
      title: 'both sides of a quotient',
      nodes: [named('Mul', 'Mul', ['x', 'big'], 'b'), named('Div', 'Div', ['x', 'b'], 'y')],
      weights: [scalar('big', 2)],
      x: [plain, [1, -inf, 3, 4], plain],
      born: ['Div', '1', '−inf / −inf = NaN'],
    },
    {
      title: 'Softsign of an infinity',
      nodes: [named('Softsign', 'Softsign', ['x'], 'y')],
      x: [plain, [1, inf, 3, 4], plain],
      born: ['Softsign', '1', '/ (1 + |+inf|)'],
    },
    {
      title: 'looks alike: a finite number over an infinity is 0',
      nodes: [named('Div', 'Div', ['x', 'big'], 'y')],
      weights: [scalar('big', inf)],
      x: [plain, plain, plain],
      born: null,
    },
  ],
  'log-of-negative': [
    {
      title: 'Log',
      nodes: [named('Log', 'Log', ['x'], 'y')],
      x: [plain, [1, -0.25, 3, 4], plain],
      born: ['Log', '1', 'log(−0.25) = NaN'],
    },
    {
      title: 'ReduceLogSum',
      nodes: [named('LogSum', 'ReduceLogSum', ['x'], 'y', intList('axes', [-1]))],
      x: [plain, [1, -5, 1, 1], plain],
      born: ['LogSum', '1', 'add up to −2, and log(−2) = NaN'],
    },
    {
      title: 'looks alike: log(0) is −inf',
      nodes: [named('Log', 'Log', ['x'], 'y')],
      x: [plain, [1, 0, 3, 4], plain],
      born: null,
    },
  ],
  'sqrt-of-negative': [
    {
      title: 'Sqrt',
      nodes: [named('Sqrt', 'Sqrt', ['x'], 'y')],
      x: [plain, [1, -4, 3, 4], plain],
      born: ['Sqrt', '1', '√(−4) = NaN'],
    },
    {
      title: 'a variance taken as a difference that rounding makes negative',
      nodes: [
        named('Mean', 'ReduceMean', ['x'], 'm', intList('axes', [-1])),
        named('Sq', 'Mul', ['x', 'x'], 'sq'),
        named('MeanSq', 'ReduceMean', ['sq'], 'ms', intList('axes', [-1])),
        named('SqMean', 'Mul', ['m', 'm'], 'm2'),
        named('Var', 'Sub', ['ms', 'more'], 'var0'),
        named('Var2', 'Sub', ['var0', 'm2'], 'var'),
        named('Std', 'Sqrt', ['var'], 'y'),
      ],
      weights: [scalar('more', 1e-3)],
      x: [plain, [1, 1, 1, 1], plain],
      born: ['Std', '1', '√(−0.000999'],
    },
    {
      title: 'looks alike: √(−0) is −0',
      nodes: [named('Sqrt', 'Sqrt', ['x'], 'y')],
      x: [plain, [1, -0, 3, 4], plain],
      born: null,
    },
  ],
  'pow-of-negative': [
    {
      title: 'a fractional constant exponent',
      nodes: [named('Pow', 'Pow', ['x', 'e'], 'y')],
      weights: [scalar('e', 0.5)],
      x: [plain, [1, -8, 3, 4], plain],
      born: ['Pow', '1', '(−8) ^ 0.5 = NaN'],
    },
    {
      title: 'an exponent per element',
      nodes: [named('Pow', 'Pow', ['x', 'e'], 'y')],
      weights: [vector('e', 2, 3, 1.5, 2)],
      x: [[-1, -2, 1, -3], plain, [-1, -2, -4, -3]],
      born: ['Pow', '2', '(−4) ^ 1.5 = NaN'],
    },
    {
      title: 'looks alike: whole exponents',
      nodes: [named('Pow', 'Pow', ['x', 'e'], 'y')],
      weights: [vector('e', 2, 3, -1, 2)],
      x: [[-1, -2, -1, -3], plain, plain],
      born: null,
    },
  ],
  'nan-in-weights': [
    {
      title: 'a damaged weight of a product',
      nodes: [named('MatMul', 'MatMul', ['x', 'w'], 'y')],
      weights: [matrix('w', [4, 2], 1, 1, 1, NaN, 0, 1, 1, 1)],
      x: [plain, plain, plain],
      born: ['MatMul', '0-2', 'w itself holds NaN'],
    },
    {
      title: 'looks alike: a weight with infinities of both signs holds no NaN',
      nodes: [named('MatMul', 'MatMul', ['x', 'w'], 'y')],
      weights: [matrix('w', [4, 1], inf, 1, -inf, 1)],
      x: [plain, plain, plain],
      born: ['MatMul', '0-2', 'term 0 is 1 × +inf = +inf and term 2 is 3 × −inf = −inf'],
      is: 'inf-minus-inf',
    },
  ],
  unknown: [
    {
      title: 'outside of a domain that no mechanism is about: Acos',
      nodes: [named('Acos', 'Acos', ['x'], 'y')],
      x: [
        [1, 0, 0.5, 1],
        [0.5, 1.5, 1, 1],
        [0, 0, 0, 0],
      ],
      born: ['Acos', '1', 'between −1 and 1 only, and reads 1.5'],
    },
    {
      title: 'the sine of an infinity',
      nodes: [named('Sin', 'Sin', ['x'], 'y')],
      x: [plain, [1, inf, 3, 4], plain],
      born: ['Sin', '1', 'Sin has no value at +inf'],
    },
  ],
};

for (const [mechanism, cases] of Object.entries(suites)) {
  describe(mechanism, () => {
    it.each(cases)('$title', async (item) => {
      await check(mechanism, item);
    });
  });
}

describe('operands of more kinds', () => {
  it('Einsum and Conv', async () => {
    const einsum = {
      ...named('Einsum', 'Einsum', ['x', 'w'], 'y'),
      attribute: [{ name: 'equation', type: 3, s: new TextEncoder().encode('...k,kn->...n') }],
    };
    await check('zero-times-inf', {
      title: '',
      nodes: [einsum],
      weights: [matrix('w', [4, 2], 1, 1, 1, 1, 0, 1, 1, 1)],
      x: [plain, plain, [1, 1, inf, 1]],
      born: ['Einsum', '2', 'term 2 of the 4 that Einsum adds up is +inf × 0 = NaN'],
    });
    // [1, 3, 4] read as 3 channels of 4 places, a window of 2.
    const { origins } = await run({
      title: '',
      nodes: [named('Conv', 'Conv', ['x', 'w', 'b'], 'y', intList('kernel_shape', [2]), intList('pads', [1, 0]))],
      weights: [matrix('w', [1, 3, 2], 1, 1, 0, 1, 1, 1), vector('b', 1)],
      x: [plain, [1, inf, 1, 1], plain],
      born: null,
    });
    expect(origins).toMatchObject([{ node: 'Conv', mechanism: 'zero-times-inf' }]);
    expect(origins[0]?.evidence).toMatchObject({ terms: 6, bias: 1, examples: [{ factors: ['Infinity', 0] }] });
  });

  it('a bias of the other sign', async () => {
    await check('inf-minus-inf', {
      title: '',
      nodes: [
        named('Reshape', 'Reshape', ['x', 'flat'], 'rows'),
        named('Gemm', 'Gemm', ['rows', 'w', 'b'], 'g'),
        named('Back', 'Reshape', ['g', 'back'], 'y'),
      ],
      weights: [matrix('w', [4, 1], 1, 1, 1, 1), vector('b', -inf), ints('flat', [3, 4]), ints('back', [1, 3, 1])],
      x: [plain, [1, inf, 1, 1], plain],
      born: ['Gemm', '1', 'the bias is −inf'],
    });
  });

  it('partial sums that leave the range in both directions', async () => {
    const { origins } = await run({
      title: '',
      nodes: [named('Sum', 'ReduceSum', ['x', 'axes'], 'y')],
      weights: [ints('axes', [-1])],
      x: [plain, [3e38, 3e38, -3e38, -3e38], plain],
      born: null,
    });
    // The engine may or may not lose it; if it does, it is told as what it is.
    for (const origin of origins) expect(origin).toMatchObject({ node: 'Sum', mechanism: 'inf-minus-inf' });
  });

  it('norms without a mean, with stored statistics, over channels', async () => {
    const rms = {
      ...named('RMS', 'SimplifiedLayerNormalization', ['x', 'scale'], 'y', int('axis', -1), float('epsilon', 0)),
    };
    const weights = [vector('scale', 1, 1, 1, 1)];
    await check('zero-over-zero', {
      title: '',
      nodes: [rms],
      weights,
      x: [plain, [0, 0, 0, 0], plain],
      born: ['RMS', '1', 'x / √(mean of squares + ε) is 0 / 0 = NaN'],
    });
    await check('inf-over-inf', {
      title: '',
      nodes: [rms],
      weights,
      x: [plain, [1, inf, 0, 0], plain],
      born: ['RMS', '1', '+inf / +inf = NaN'],
    });
    const batch = await run({
      title: '',
      nodes: [named('BN', 'BatchNormalization', ['x', 's', 'b', 'm', 'v'], 'y', float('epsilon', 0))],
      weights: [vector('s', 1, 1, 1), vector('b', 0, 0, 0), vector('m', 0, 0, 0), vector('v', 1, -1, 1)],
      x: [plain, plain, plain],
      born: null,
    });
    expect(batch.origins).toMatchObject([{ node: 'BN', mechanism: 'sqrt-of-negative' }]);
    const instance = await run({
      title: '',
      nodes: [named('IN', 'InstanceNormalization', ['x', 's', 'b'], 'y', float('epsilon', 1e-5))],
      weights: [vector('s', 1, 1, 1), vector('b', 0, 0, 0)],
      x: [plain, [1, inf, 1, 1], plain],
      born: null,
    });
    expect(instance.origins).toMatchObject([{ node: 'IN', mechanism: 'inf-minus-inf' }]);
  });

  it('two causes at one node: the commoner is named, the other told', async () => {
    const origin = await check('inf-over-inf', {
      title: '',
      nodes: [named('Mul', 'Mul', ['x', 'two'], 'b'), named('Div', 'Div', ['x', 'b'], 'y')],
      weights: [scalar('two', 2)],
      x: [[0, 1, 1, 1], [inf, inf, 1, 1], plain],
      born: ['Div', '0-1', '1 more elements of it are zero-over-zero'],
    });
    expect(origin?.evidence.also).toEqual({ 'zero-over-zero': 1 });
  });

  it('a float16 weight that holds NaN', async () => {
    const half: TensorInit = {
      name: 'w',
      dims: [4n],
      dataType: DataType.FLOAT16,
      int32Data: [0x3c00, 0x7e00, 0x3c00, 0x3c00],
    };
    const { origins } = await diagnosedModel(
      featureModel([named('Mul', 'Mul', ['x', 'w'], 'y')], [half], {
        graph: { input: [value('x', ['batch', 'seq', 4], DataType.FLOAT16)] },
      }),
      { x: { dtype: 'float16', dims: [1, 1, 4], data: Uint16Array.of(0x3c00, 0x3c00, 0x3c00, 0x3c00) } },
      { fixes: false, userLevel: 'disabled' },
    );
    expect(origins).toMatchObject([{ node: 'Mul', mechanism: 'nan-in-weights' }]);
  });
});
