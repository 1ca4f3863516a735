/** Operators that work element by element: activations, arithmetic, comparisons, logic, bits, casts. */
import type { Attributes, OperatorGraph } from './build';
import { constant, filled, floats, graph, ids, integers, positive, scalar, whole, weight } from './build';

const unary: readonly (readonly [op: string, opsets: readonly number[], attributes?: Attributes])[] = [
  ['Abs', [13]],
  ['Acos', [7 + 2]],
  ['Asin', [22]],
  ['Asinh', [9]],
  ['Atan', [14]],
  ['Atanh', [22]],
  ['Ceil', [12]],
  ['Celu', [12, 24], { alpha: 0.5 }],
  ['Cos', [17]],
  ['Cosh', [10]],
  ['Elu', [11], { alpha: 0.5 }],
  ['Erf', [9]],
  ['Exp', [13]],
  ['Floor', [25]],
  ['Gelu', [20], { approximate: 'tanh' }],
  ['HardSigmoid', [15], { alpha: 0.3 }],
  ['HardSwish', [14]],
  ['Identity', [10, 26]],
  ['LeakyRelu', [16], { alpha: 0.1 }],
  ['Log', [9]],
  ['Mish', [18]],
  ['Neg', [11]],
  ['Reciprocal', [13]],
  ['Relu', [9, 14]],
  ['Round', [22]],
  ['Selu', [12]],
  ['Sigmoid', [13]],
  ['Sign', [19]],
  ['Sin', [10]],
  ['Sinh', [16]],
  ['Softplus', [13]],
  ['Softsign', [22]],
  ['Sqrt', [12]],
  ['Swish', [24]],
  ['Tan', [15]],
  ['Tanh', [13]],
  ['ThresholdedRelu', [10], { alpha: 0.5 }],
];

const x = floats();
const two = { x, y: floats(undefined, { seed: 2 }) };

const binary: readonly (readonly [op: string, opset: number])[] = [
  ['Add', 14],
  ['Sub', 13],
  ['Mul', 9],
  ['Div', 12],
  ['Pow', 15],
  ['Max', 13],
  ['Min', 12],
  ['Mean', 13],
  ['Sum', 8 + 2],
  ['PRelu', 16],
];
const comparisons = ['Equal', 'Greater', 'Less', 'GreaterOrEqual', 'LessOrEqual'];

export const elementwise: readonly OperatorGraph[] = [
  ...unary.flatMap(([op, opsets, attributes = {}]) =>
    opsets.map((opset) =>
      graph(`${op}, opset ${String(opset)}`, { opset, in: { x }, run: [[`y = ${op}(x)`, attributes]] }),
    ),
  ),
  graph('Acosh', { opset: 22, in: { x }, weights: { one: scalar(1) }, run: ['a = Add(x, one)', 'y = Acosh(a)'] }),
  ...binary.map(([op, opset]) =>
    graph(`${op} of two`, { opset, in: two, run: [`y = ${op}(x, y0)`.replace('y0', 'y').replace('y =', 'z =')] }),
  ),
  graph('Add, broadcast from the right', { in: { x }, weights: { w: weight([16]) }, run: ['y = Add(x, w)'] }),
  graph('Mul, broadcast on both sides', {
    in: { x: floats([2, 1, 16], { layout: 'b..' }), z: floats([1, 3, 16], { layout: '.s.' }) },
    run: ['y = Mul(x, z)'],
  }),
  graph('Hardmax', { opset: 13, in: { x }, run: ['y = Hardmax(x)'], undefinedWithNaN: true }),
  graph('Pow by zero forgets NaN', { opset: 13, in: { x }, weights: { zero: scalar(0) }, run: ['y = Pow(x, zero)'] }),
  graph('Mod of floats', { opset: 13, in: two, run: [['z = Mod(x, y)', { fmod: 1 }]] }),
  graph('Mod of integers', { in: { x: ids([2, 3], 7) }, weights: { m: integers(3) }, run: ['y = Mod(x, m)'] }),
  graph('Clip', {
    opset: 13,
    in: { x },
    weights: { low: scalar(0.2), high: scalar(0.6) },
    run: ['y = Clip(x, low, high)'],
  }),
  graph('Clip, bounds as attributes', { opset: 9, in: { x }, run: [['y = Clip(x)', { min: 0.2, max: 0.6 }]] }),
  graph('Shrink', { opset: 9, in: { x }, run: [['y = Shrink(x)', { lambd: 0.3, bias: 0.1 }]] }),
  ...comparisons.map((op, i) =>
    graph(op, {
      opset: i < 3 ? 13 : 16,
      in: two,
      weights: { one: filled([1], 1) },
      run: [`c = ${op}(x, y)`, ['z = Cast(c)', { to: 1 }]],
      out: ['c', 'z'],
    }),
  ),
  graph('Where', {
    opset: 16,
    in: { ...two, c: whole('bool', [2, 3, 1], [1, 0, 1, 1, 1, 0]) },
    run: ['z = Where(c, x, y)'],
  }),
  graph('IsNaN and Where guard', {
    opset: 13,
    in: { x },
    weights: { zero: scalar(0) },
    run: ['n = IsNaN(x)', 'y = Where(n, zero, x)'],
  }),
  graph('IsInf', { opset: 10, in: { x }, run: ['n = IsInf(x)', ['y = Cast(n)', { to: 1 }]] }),
  graph('And, Or, Xor, Not', {
    opset: 9,
    in: { a: whole('bool', [2, 3], [1, 0, 1, 0, 1, 1]) },
    weights: { b: constant('bool', [1, 3], [1, 1, 0]) },
    run: ['c = And(a, b)', 'd = Or(a, c)', 'e = Xor(d, b)', 'f = Not(e)'],
    out: ['c', 'd', 'e', 'f'],
  }),
  graph('BitShift', {
    opset: 11,
    in: { a: ids([2, 3], 9, 'uint64') },
    weights: { n: constant('uint64', [1], [2]) },
    run: [['b = BitShift(a, n)', { direction: 'LEFT' }]],
  }),
  graph('bitwise operators', {
    opset: 18,
    in: { a: ids([2, 3], 9) },
    weights: { m: integers(6) },
    run: ['b = BitwiseAnd(a, m)', 'c = BitwiseOr(b, m)', 'd = BitwiseXor(a, c)', 'e = BitwiseNot(d)'],
  }),
  graph('BitCast', {
    opset: 26,
    in: { x },
    run: [
      ['i = BitCast(x)', { to: 6 }],
      ['y = BitCast(i)', { to: 1 }],
    ],
    out: ['y', 'i'],
    births: ['BitCast_y: unknown'],
  }),
  graph('Cast to integers swallows', {
    opset: 13,
    in: { x },
    run: [
      ['i = Cast(x)', { to: 7 }],
      ['y = Cast(i)', { to: 1 }],
    ],
  }),
  graph('Cast to double and back', {
    opset: 9,
    in: { x },
    run: [['d = Cast(x)', { to: 11 }], 'e = Exp(d)', ['y = Cast(e)', { to: 1 }]],
    out: ['d', 'y'],
  }),
  graph('CastLike', {
    opset: 19,
    in: { x },
    weights: { like: constant('float64', [1], [0]) },
    run: ['y = CastLike(x, like)'],
  }),
  graph('Dropout', { opset: 13, in: { x }, run: ['y, m = Dropout(x)'], out: ['y'] }),
  graph('Dropout, old', { opset: 10, in: { x }, run: [['y = Dropout(x)', { ratio: 0.3 }]] }),
  graph('float64 throughout', {
    opset: 13,
    in: { x: floats(undefined, { dtype: 'float64' }) },
    run: ['a = Log(x)', 'b = Mul(a, x)', 'y = Sqrt(x)'],
    out: ['b', 'y'],
  }),
  graph('SwiGLU', {
    opset: 15,
    in: { x },
    weights: { gate: positive([16, 8]), up: weight([16, 8], { seed: 4 }) },
    run: ['g = MatMul(x, gate)', 's = Sigmoid(g)', 'silu = Mul(g, s)', 'u = MatMul(x, up)', 'y = Mul(silu, u)'],
  }),
];
