/** What is odd about the tensors, not about the operator. */
import type { OperatorGraph } from './build';
import { constant, filled, floats, graph, integers, positive, scalar, weight, whole } from './build';

const x = floats();

const outputs = { x, z: floats(undefined, { seed: 2 }) };

export const oddTensors: readonly OperatorGraph[] = [
  graph('a scalar output', {
    opset: 13,
    in: { x },
    run: [['y = ReduceMax(x)', { keepdims: 0 }]],
    undefinedWithNaN: true,
  }),
  graph('scalar arithmetic', {
    opset: 13,
    in: { x, t: whole('float32', [], [0.5]) },
    run: ['s = Sqrt(t)', 'y = Mul(x, s)'],
    out: ['y', 's'],
  }),
  graph('a past without positions', {
    opset: 13,
    in: { x: floats([2, 4, 3, 4]), past_key: floats([2, 4, 0, 4], { layout: 'b...' }) },
    run: [['y = Concat(past_key, x)', { axis: 2 }]],
  }),
  graph('tensors without elements', {
    opset: 13,
    in: { x },
    weights: { from: integers(0), axes: integers(2), none: integers(0) },
    run: [
      'e = Slice(x, from, none, axes)',
      'n = Exp(e)',
      ['s = ReduceSum(n, axes)', { keepdims: 1 }],
      ['y = Concat(e, x)', { axis: 2 }],
      'z = Add(y, s)',
    ],
    out: ['n', 'z'],
  }),
  graph('an output that is an input', { opset: 13, in: outputs, run: ['y = Add(x, z)'], out: ['y', 'x'] }),
  graph('an output that is a weight', {
    opset: 13,
    in: { x },
    weights: { w: weight([16]) },
    run: ['y = Add(x, w)'],
    out: ['y', 'w'],
  }),
  graph('outputs that nobody reads', {
    opset: 13,
    in: { x },
    weights: { n: integers(8, 8) },
    run: [['a, b = Split(x, n)', { axis: 2 }], 'y = Exp(a)'],
    out: ['y'],
  }),
  graph('omitted outputs', {
    opset: 17,
    in: { x },
    weights: { w: positive([16]) },
    run: [['y, _, v = LayerNormalization(x, w)', { axis: -1 }]],
    out: ['y', 'v'],
  }),
  graph('a node that nobody reads', { opset: 13, in: { x }, run: ['dead = Log(x)', 'y = Exp(x)'], out: ['y'] }),
  graph('an input that nobody reads', { opset: 13, in: outputs, run: ['y = Exp(x)'] }),
  graph('one value as two outputs', {
    opset: 13,
    in: { x },
    run: ['a = Exp(x)', 'y = Identity(a)', 'z = Identity(a)'],
    out: ['y', 'z', 'a'],
  }),
  graph('one value twice in a node', {
    opset: 13,
    in: { x },
    run: ['a = Mul(x, x)', ['y = Concat(a, a, x)', { axis: 2 }]],
  }),
  graph('a value named like a probe', {
    opset: 13,
    in: { x },
    run: ['__nanoscope_sum_0 = Exp(x)', 'y = Neg(__nanoscope_sum_0)'],
  }),
  graph('infinities that cancel in a sum', {
    opset: 13,
    in: { x },
    weights: { big: constant('float32', [16], [Infinity, -Infinity, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) },
    run: ['a = Mul(x, big)', 'y = Tanh(a)'],
    out: ['a', 'y'],
  }),
  graph('numbers that leave the range in a sum', {
    opset: 13,
    in: { x },
    weights: { big: scalar(3e38) },
    run: ['a = Mul(x, big)', 'y = Tanh(a)'],
    out: ['a', 'y'],
  }),
  graph('float16 at both ends', {
    opset: 13,
    in: { x: floats(undefined, { dtype: 'float16' }) },
    weights: { w: weight([16, 5], { dtype: 'float16' }) },
    run: ['y = MatMul(x, w)'],
  }),
  graph('float16 softmax over keys', {
    opset: 17,
    in: { q: floats([2, 4, 3, 4], { dtype: 'float16' }), k: floats([2, 4, 3, 4], { dtype: 'float16', seed: 2 }) },
    run: [
      ['t = Transpose(k)', { perm: [0, 1, 3, 2] }],
      ['f = Cast(q)', { to: 1 }],
      ['g = Cast(t)', { to: 1 }],
      's = MatMul(f, g)',
      ['p = Softmax(s)', { axis: -1 }],
      ['y = Cast(p)', { to: 10 }],
    ],
    layouts: { s: 'b.sk', p: 'b.sk', y: 'b.sk' },
  }),
  graph('float16 moved and cut', {
    opset: 15,
    in: { x: floats(undefined, { dtype: 'float16' }) },
    weights: { from: integers(0), to: integers(8), axes: integers(2) },
    run: ['a = Slice(x, from, to, axes)', ['y = Concat(a, x)', { axis: 2 }]],
  }),
  graph('float16 as ORT computes it', {
    opset: 17,
    in: { x: floats(undefined, { dtype: 'float16' }) },
    weights: { w: filled([16], 1, 'float16') },
    run: [['y = LayerNormalization(x, w)', { axis: -1 }]],
  }),
];
