/** Branches, loops, functions, lists, optional values and numbers drawn at random. */
import type { ModelInit } from '../../unit/onnx/support';
import type { OperatorGraph } from './build';
import { body, filled, floats, graph, nodeOf, scalar, whole } from './build';

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
