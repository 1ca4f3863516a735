/** Branches, loops, functions, lists, optional values and numbers drawn at random. */
import type { ModelInit } from '../../unit/onnx/support';
import type { OperatorGraph } from './build';
import { body, constant, filled, floats, graph, integers, nodeOf, positive, scalar, weight, whole } from './build';

const x = floats();
const gelu: ModelInit['functions'] = [
  {
    name: 'Scaled',
    domain: 'local',
    input: ['a', 'scale'],
    output: ['b'],
    opsetImport: [{ domain: '', version: 17n }],
    node: [nodeOf('t = Tanh(a)'), nodeOf('b = Mul(t, scale)')],
  },
];
const opsets = (name: string, opset: number): ModelInit['functions'] => [
  {
    name,
    domain: 'local',
    input: ['q', 'k', 'v'],
    output: ['y'],
    opsetImport: [{ domain: '', version: BigInt(opset) }],
    node: [
      nodeOf(['t = Transpose(k)', { perm: [0, 1, 3, 2] }]),
      nodeOf('s = MatMul(q, t)'),
      nodeOf(['p = Softmax(s)', { axis: -1 }]),
      nodeOf('y = MatMul(p, v)'),
    ],
  },
];
const branch = (step: string) => body([], [step], ['r']);

export const control: readonly OperatorGraph[] = [
  graph('If', {
    opset: 13,
    in: { x, use_it: whole('bool', [], [1]) },
    run: [
      ['y = If(use_it)', { then_branch: { body: branch('r = Tanh(x)') }, else_branch: { body: branch('r = Neg(x)') } }],
    ],
    layouts: { y: 'bs.' },
    untold: ['y'],
  }),
  graph('If within If', {
    opset: 16,
    in: { x },
    weights: { yes: scalar(1, 'bool'), no: scalar(0, 'bool') },
    run: [
      'h = Exp(x)',
      [
        'y = If(yes)',
        {
          then_branch: {
            body: body(
              [],
              [
                [
                  'r = If(no)',
                  { then_branch: { body: branch('r = Neg(h)') }, else_branch: { body: branch('r = Sqrt(h)') } },
                ],
              ],
              ['r'],
            ),
          },
          else_branch: { body: branch('r = Neg(h)') },
        },
      ],
      'z = Add(y, x)',
    ],
  }),
  graph('Loop', {
    opset: 13,
    in: { x },
    weights: { n: scalar(3, 'int64'), go: scalar(1, 'bool'), half: scalar(0.5) },
    run: [
      [
        'y = Loop(n, go, x)',
        {
          body: {
            body: body(
              ['i: int64[]', 'c: bool[]', 's: float32[2 3 16]'],
              ['d = Identity(c)', 't = Mul(s, half)'],
              ['d', 't'],
            ),
          },
        },
      ],
    ],
    untold: ['y'],
  }),
  graph('Loop that gathers', {
    opset: 11,
    in: { x },
    weights: { n: scalar(4, 'int64'), go: scalar(1, 'bool'), half: scalar(0.5) },
    run: [
      [
        'y, all = Loop(n, go, x)',
        {
          body: {
            body: body(
              ['i: int64[]', 'c: bool[]', 's: float32[2 3 16]'],
              ['d = Identity(c)', 't = Mul(s, half)', 'o = Identity(t)'],
              ['d', 't', 'o'],
            ),
          },
        },
      ],
    ],
    layouts: { all: '.bs.' },
    untold: ['all', 'y'],
  }),
  graph('Scan over positions', {
    opset: 11,
    in: { x: floats([3, 2, 16]) },
    weights: { start: filled([2, 16], 0) },
    run: [
      [
        'last, y = Scan(start, x)',
        {
          num_scan_inputs: 1,
          body: {
            body: body(['s: float32[2 16]', 'e: float32[2 16]'], ['t = Add(s, e)', 'o = Identity(t)'], ['t', 'o']),
          },
        },
      ],
    ],
    untold: ['last', 'y'],
  }),
  graph('a local function', {
    opset: 17,
    in: { x },
    weights: { scale: scalar(2) },
    functions: gelu,
    run: ['y = local.Scaled(x, scale)'],
  }),
  graph('attention as a local function', {
    opset: 18,
    in: { q: floats([2, 4, 3, 4]), k: floats([2, 4, 3, 4], { seed: 2 }), v: floats([2, 4, 3, 4], { seed: 3 }) },
    functions: opsets('Attend', 18),
    run: ['y = local.Attend(q, k, v)'],
  }),
  graph('SequenceConstruct, SequenceAt, SequenceLength', {
    opset: 11,
    in: { x, z: floats(undefined, { seed: 2 }) },
    weights: { one: scalar(1, 'int64') },
    run: ['l = SequenceConstruct(x, z)', 'n = SequenceLength(l)', 'y = SequenceAt(l, one)'],
    out: ['y', 'n'],
    untold: ['y'],
  }),
  graph('SplitToSequence and ConcatFromSequence', {
    opset: 11,
    in: { x },
    run: [
      ['l = SplitToSequence(x)', { axis: 2 }],
      ['y = ConcatFromSequence(l)', { axis: 2 }],
    ],
    untold: ['y'],
  }),
  graph('SequenceEmpty, SequenceInsert, SequenceErase', {
    opset: 12,
    in: { x },
    weights: { zero: scalar(0, 'int64') },
    run: [
      ['e = SequenceEmpty()', { dtype: 1 }],
      'a = SequenceInsert(e, x)',
      'b = SequenceInsert(a, x)',
      'c = SequenceErase(b, zero)',
      ['y = ConcatFromSequence(c)', { axis: 0 }],
    ],
    untold: ['y'],
  }),
  graph('SequenceMap', {
    opset: 17,
    in: { x },
    run: [
      ['l = SplitToSequence(x)', { axis: 0 }],
      ['m = SequenceMap(l)', { body: { body: body(['e: float32[1 3 16]'], ['o = Exp(e)'], ['o: float32[1 3 16]']) } }],
      ['y = ConcatFromSequence(m)', { axis: 0 }],
    ],
    untold: ['y'],
  }),
  graph('Optional, OptionalHasElement, OptionalGetElement', {
    opset: 18,
    in: { x },
    run: ['o = Optional(x)', 'has = OptionalHasElement(o)', 'y = OptionalGetElement(o)'],
    out: ['y', 'has'],
    untold: ['y'],
  }),
  graph('RandomNormalLike with a seed', {
    opset: 9,
    in: { x },
    run: [['r = RandomNormalLike(x)', { seed: { float: 7 }, dtype: 1 }], 'y = Add(x, r)'],
  }),
  graph('RandomUniformLike with a seed', {
    opset: 13,
    in: { x },
    run: [['r = RandomUniformLike(x)', { seed: { float: 7 }, dtype: 1 }], 'y = Mul(x, r)'],
  }),
  graph('RandomNormal and RandomUniform with seeds', {
    opset: 21,
    in: { x },
    run: [
      ['r = RandomNormal()', { shape: [16], seed: { float: 3 } }],
      ['u = RandomUniform()', { shape: [16], seed: { float: 4 } }],
      'a = Add(x, r)',
      'y = Mul(a, u)',
    ],
    layouts: { r: '.', u: '.' },
  }),
  graph('Multinomial with a seed', {
    opset: 13,
    in: { x: floats([2, 7], { layout: 'b.' }) },
    run: [['y = Multinomial(x)', { seed: { float: 3 }, sample_size: 1 }]],
    undefinedWithNaN: true,
  }),
  graph('Bernoulli with a seed', {
    opset: 15,
    in: { x },
    run: [['y = Bernoulli(x)', { seed: { float: 5 } }]],
    undefinedWithNaN: true,
  }),
];

const outputs = { x, z: floats(undefined, { seed: 2 }) };

/** What is odd about the tensors, not about the operator. */
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

/** One attention block as exporters of that time wrote it. */
function block(opset: number): OperatorGraph {
  const asInput = opset >= 13;
  const axes = asInput ? { last: integers(-1), heads: integers(1) } : {};
  const newMean = opset >= 18;
  return graph(`an attention block in opset ${String(opset)}`, {
    opset,
    in: { x, attention_mask: whole('int64', [2, 3], [0, 1, 1, 1, 1, 1]) },
    weights: {
      ...axes,
      axis: integers(-1),
      wq: weight([16, 16]),
      wk: weight([16, 16], { seed: 2 }),
      wv: weight([16, 16], { seed: 3 }),
      split: integers(0, 0, 4, 4),
      join: integers(0, 0, 16),
      scale: scalar(0.5),
      one: scalar(1),
      low: scalar(-10000),
      eps: scalar(1e-5),
      two: scalar(2),
    },
    run: [
      newMean ? 'mean = ReduceMean(x, axis)' : ['mean = ReduceMean(x)', { axes: [-1] }],
      'centred = Sub(x, mean)',
      'squares = Pow(centred, two)',
      newMean ? 'variance = ReduceMean(squares, axis)' : ['variance = ReduceMean(squares)', { axes: [-1] }],
      'stable = Add(variance, eps)',
      'deviation = Sqrt(stable)',
      'normed = Div(centred, deviation)',
      ...['q', 'k', 'v'].flatMap((own): readonly (string | readonly [string, { perm: number[] }])[] => [
        `${own}0 = MatMul(normed, w${own})`,
        `${own}1 = Reshape(${own}0, split)`,
        [`${own} = Transpose(${own}1)`, { perm: own === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3] }],
      ]),
      'raw = MatMul(q, k)',
      'scores = Mul(raw, scale)',
      ...(asInput
        ? ['m1 = Unsqueeze(attention_mask, heads)', 'm2 = Unsqueeze(m1, heads)']
        : [['m2 = Unsqueeze(attention_mask)', { axes: [1, 2] }] as const]),
      ['m3 = Cast(m2)', { to: 1 }],
      'm4 = Sub(one, m3)',
      'm5 = Mul(m4, low)',
      'masked = Add(scores, m5)',
      ['p = Softmax(masked)', { axis: opset < 13 ? 3 : -1 }],
      'read = MatMul(p, v)',
      ['back = Transpose(read)', { perm: [0, 2, 1, 3] }],
      'joined = Reshape(back, join)',
      'y = Add(x, joined)',
    ],
    layouts: { raw: 'b.sk', scores: 'b.sk', masked: 'b.sk', p: 'b.sk', k: 'b..s', m3: 'b..k', m4: 'b..k', m5: 'b..k' },
  });
}

export const everyOpset: readonly OperatorGraph[] = Array.from({ length: 18 }, (_, i) => block(9 + i));
