/**
 * Mechanisms that other tests show least of: at least two models each that show it, and one that looks alike. Births
 * of single operations stand in `operations.test.ts`, those of masks in `maskedRows.test.ts` and `families.test.ts`,
 * crossings inside attention in `builtin.test.ts`, `families.test.ts` and `test/runtime/fused/`.
 */
import { describe, expect, it } from 'vitest';
import type { CrossingMechanism, Finding, Report } from '../../../src/core/report';
import { diagnosedModel } from '../../support/diagnosing';
import { f32, featureModel, int, intList, ints, matrix, named, scalar, vector } from '../../support/tinyAttention';
import { node } from '../../unit/onnx/support';
import type { NodeInit, TensorInit } from '../../unit/onnx/support';

interface Made {
  readonly nodes: readonly NodeInit[];
  readonly weights?: readonly TensorInit[];
  /** x [1, 3, 4], row by row. */
  readonly x: readonly (readonly number[])[];
}
interface Case extends Made {
  readonly title: string;
  /** Node, mechanism and positions of everything that is told. */
  readonly told: readonly (readonly [node: string | null, mechanism: string, positions: string])[];
  /** A part of the first finding's evidence. */
  readonly evidence?: Record<string, unknown>;
  readonly says?: string;
}

const plain = [1, 2, 3, 4];
const sick = [1, NaN, 3, 4];
const rows = [plain, sick, plain];
const negative = [plain, [1, -2, 3, 4], plain];

const run = ({ nodes, weights = [], x }: Made): Promise<Report> =>
  diagnosedModel(
    featureModel(nodes, weights),
    { x: f32([1, 3, 4], x.flat()) },
    { fixes: false, userLevel: 'disabled' },
  );

function check(found: readonly (Finding & { readonly mechanism: string })[], { told, evidence, says }: Case): void {
  expect(found.map((item) => [item.node, item.mechanism, item.positions])).toEqual(
    told.map(([at, mechanism, positions]) => [at, mechanism, [positions]]),
  );
  if (evidence) expect(found[0]?.evidence).toMatchObject(evidence);
  if (says !== undefined) expect(found[0]?.explanation).toContain(says);
}

const mean = named('Mean', 'ReduceMean', ['x'], 'm', intList('axes', [1]));
const turn = (from: string, to: string): NodeInit =>
  named(`Turn_${to}`, 'Transpose', [from], to, intList('perm', [0, 2, 1]));

const births: Record<string, readonly Case[]> = {
  'nan-in-input': [
    {
      title: 'one position of it, handed on',
      nodes: [named('Neg', 'Neg', ['x'], 'y')],
      x: rows,
      told: [[null, 'nan-in-input', '1']],
      evidence: { input: 'x', positions: ['1'] },
      says: 'already holds NaN before the model runs',
    },
    {
      title: 'at pads of a row that every later sum reads',
      nodes: [named('Softmax', 'Softmax', ['x'], 'y', int('axis', 1))],
      x: [sick, plain, plain],
      told: [[null, 'nan-in-input', '0']],
    },
    {
      title: 'looks alike: an infinite input, NaN by the first operator that reads it',
      nodes: [named('Sub', 'Sub', ['x', 'x'], 'y')],
      x: [plain, [1, Infinity, 3, 4], plain],
      told: [['Sub', 'inf-minus-inf', '1']],
    },
  ],
  'nan-in-weights': [
    {
      title: 'a bias, added at every position',
      nodes: [named('Add', 'Add', ['x', 'b'], 'y')],
      weights: [vector('b', 0, 0, NaN, 0)],
      x: [plain, plain, plain],
      told: [['Add', 'nan-in-weights', '0-2']],
      evidence: { weights: ['b'] },
    },
    {
      title: 'the scale of a norm',
      nodes: [named('Norm', 'LayerNormalization', ['x', 's'], 'y', int('axis', -1))],
      weights: [vector('s', 1, NaN, 1, 1)],
      x: [plain, plain, plain],
      told: [['Norm', 'nan-in-weights', '0-2']],
      evidence: { weights: ['s'] },
    },
    {
      title: 'chosen by a Where: only positions that take it from the weight',
      nodes: [named('Less', 'Less', ['x', 'zero'], 'low'), named('Where', 'Where', ['low', 'b', 'x'], 'y')],
      weights: [scalar('zero', 0), vector('b', 0, NaN, 0, 0)],
      x: negative,
      told: [['Where', 'nan-in-weights', '1']],
      evidence: { weights: ['b'] },
    },
    {
      title: 'looks alike: a Where that takes none of it',
      nodes: [named('Less', 'Less', ['x', 'zero'], 'low'), named('Where', 'Where', ['low', 'b', 'x'], 'y')],
      weights: [scalar('zero', 0), vector('b', 0, NaN, 0, 0)],
      x: [plain, plain, plain],
      told: [],
    },
    {
      title: 'looks alike: a weight of +inf meets a 0',
      nodes: [named('Mul', 'Mul', ['x', 's'], 'y')],
      weights: [vector('s', 1, Infinity, 1, 1)],
      x: [plain, [1, 0, 3, 4], plain],
      told: [['Mul', 'zero-times-inf', '1']],
    },
  ],
  unknown: [
    {
      title: 'outside of a domain that no mechanism is about',
      nodes: [named('Atanh', 'Atanh', ['x'], 'y')],
      x: [
        [0, 0.5, 0, 0],
        [0, 2, 0, 0],
        [0, 0, 0, 0],
      ],
      told: [['Atanh', 'unknown', '1']],
      evidence: { declined: [] },
      says: 'reads 2',
    },
    {
      title: 'Cos of an infinity',
      nodes: [named('Cos', 'Cos', ['x'], 'y')],
      x: [plain, [1, -Infinity, 3, 4], plain],
      told: [['Cos', 'unknown', '1']],
      says: 'Cos has no value at −inf',
    },
    {
      title: 'looks alike: Atanh of 1 is infinite',
      nodes: [named('Atanh', 'Atanh', ['x'], 'y')],
      x: [
        [0, 1, 0, 0],
        [0, -1, 0, 0],
        [0, 0, 0, 0],
      ],
      told: [],
    },
  ],
};

describe.each(Object.entries(births))('%s', (_, cases) => {
  it.each(cases)('$title', async (item) => {
    check((await run(item)).origins, item);
  });
});

const crossings: Partial<Record<CrossingMechanism, readonly Case[]>> = {
  gather: [
    {
      title: 'a pooled row put in front of the tokens',
      nodes: [mean, named('Concat', 'Concat', ['m', 'x'], 'y', int('axis', 1))],
      x: rows,
      told: [['Concat', 'gather', '0,2']],
      evidence: { nanPositionsRead: '', nanSharedByAllPositions: ['m'] },
    },
    {
      title: 'a pooled row repeated for every token',
      nodes: [mean, named('Tile', 'Tile', ['m', 'times'], 't'), named('Mul', 'Mul', ['x', 't'], 'y')],
      weights: [ints('times', [1, 3, 1])],
      x: rows,
      told: [['Tile', 'gather', '0-2']],
    },
    {
      title: 'looks alike: rows put in another order keep whose they are',
      nodes: [named('Gather', 'Gather', ['x', 'order'], 'y', int('axis', 1))],
      weights: [ints('order', [2, 1, 0])],
      x: rows,
      told: [],
    },
  ],
  residual: [
    {
      title: 'x + f(x), where f is a mean over all tokens',
      nodes: [mean, named('Relu', 'Relu', ['m'], 'r'), named('Add', 'Add', ['x', 'r'], 'y')],
      x: rows,
      told: [['Add', 'residual', '0,2']],
      evidence: { nanSharedByAllPositions: ['r'] },
      says: 'clean + NaN = NaN where the residual is added',
    },
    {
      title: 'a token meets the one before it',
      nodes: [
        named('Slice', 'Slice', ['x', 'from', 'to', 'axis'], 's'),
        named('Pad', 'Pad', ['s', 'pads', 'zero'], 'before'),
        named('Add', 'Add', ['x', 'before'], 'y'),
      ],
      weights: [
        ints('from', [0]),
        ints('to', [-1]),
        ints('axis', [1]),
        ints('pads', [0, 1, 0, 0, 0, 0]),
        scalar('zero', 0),
      ],
      x: rows,
      told: [['Add', 'residual', '2']],
      evidence: { nanPositionsRead: '1' },
    },
    {
      title: 'looks alike: a sum of two values of which neither is made of the other',
      nodes: [
        mean,
        named('Abs', 'Abs', ['x'], 'a'),
        named('Where', 'Where', ['never', 'a', 'one'], 'w'),
        named('Add', 'Add', ['w', 'm'], 'y'),
      ],
      weights: [scalar('one', 1), { name: 'never', dims: [1n, 1n, 1n], dataType: 9, int32Data: [0] }],
      x: rows,
      told: [['Add', 'elementwise', '0-2']],
    },
  ],
  elementwise: [
    {
      title: 'less the mean over tokens of what one of them has no logarithm of',
      nodes: [
        named('Log', 'Log', ['x'], 'l'),
        named('Mean', 'ReduceMean', ['l'], 'm', intList('axes', [1])),
        named('Sub', 'Sub', ['x', 'm'], 'y'),
      ],
      x: negative,
      told: [['Sub', 'elementwise', '0-2']],
      evidence: { nanSharedByAllPositions: ['m'] },
    },
    {
      title: 'divided by a sum over everything',
      nodes: [named('Sum', 'ReduceSum', ['x'], 'm', int('keepdims', 0)), named('Div', 'Div', ['x', 'm'], 'y')],
      x: rows,
      told: [['Div', 'elementwise', '0,2']],
    },
    {
      title: 'looks alike: the mean over features is a token’s own',
      nodes: [named('Mean', 'ReduceMean', ['x'], 'm', intList('axes', [2])), named('Sub', 'Sub', ['x', 'm'], 'y')],
      x: rows,
      told: [],
    },
  ],
  reduction: [
    {
      title: 'a running sum over tokens: those after it',
      nodes: [named('CumSum', 'CumSum', ['x', 'axis'], 'y')],
      weights: [ints('axis', [1], [])],
      x: rows,
      told: [['CumSum', 'reduction', '2']],
      evidence: { nanPositionsRead: '1', example: { sample: 0, position: 2 } },
    },
    {
      title: 'a norm along tokens',
      nodes: [turn('x', 't'), named('Norm', 'InstanceNormalization', ['t', 's', 'b'], 'n'), turn('n', 'y')],
      weights: [vector('s', 1, 1, 1, 1), vector('b', 0, 0, 0, 0)],
      x: rows,
      told: [['Norm', 'reduction', '0-2']],
    },
    {
      title: 'looks alike: a norm along features',
      nodes: [named('Norm', 'LayerNormalization', ['x', 's'], 'y', int('axis', -1))],
      weights: [vector('s', 1, 1, 1, 1)],
      x: rows,
      told: [],
    },
  ],
  'softmax-row': [
    {
      title: 'a softmax along tokens',
      nodes: [named('Softmax', 'Softmax', ['x'], 'y', int('axis', 1))],
      x: rows,
      told: [['Softmax', 'softmax-row', '0-2']],
      evidence: { nanPositionsRead: '1' },
    },
    {
      title: 'LogSoftmax along tokens, turned',
      nodes: [turn('x', 't'), named('LogSoftmax', 'LogSoftmax', ['t'], 'n', int('axis', 2)), turn('n', 'y')],
      x: rows,
      told: [['LogSoftmax', 'softmax-row', '0-2']],
    },
    {
      title: 'looks alike: a softmax along features',
      nodes: [named('Softmax', 'Softmax', ['x'], 'y', int('axis', -1))],
      x: rows,
      told: [],
    },
  ],
  contraction: [
    {
      title: 'a convolution over tokens: its neighbours',
      nodes: [turn('x', 't'), named('Conv', 'Conv', ['t', 'w'], 'c', intList('pads', [1, 1])), turn('c', 'y')],
      weights: [matrix('w', [2, 4, 3], ...Array.from({ length: 24 }, () => 1))],
      x: rows,
      told: [['Conv', 'contraction', '0,2']],
    },
    {
      title: 'every token with every other one',
      nodes: [turn('x', 't'), named('Mix', 'MatMul', ['x', 't'], 'y')],
      x: rows,
      told: [['Mix', 'contraction', '0,2']],
      evidence: { nanPositionsRead: '1' },
    },
    {
      title: 'looks alike: a weight mixes features only',
      nodes: [named('Up', 'MatMul', ['x', 'w'], 'y')],
      weights: [matrix('w', [4, 2], 1, 1, 1, 1, 1, 1, 1, 1)],
      x: rows,
      told: [],
    },
  ],
};

describe.each(Object.entries(crossings))('%s', (_, cases) => {
  it.each(cases)('$title', async (item) => {
    check((await run(item)).spread, item);
  });
});

const root = named('Sqrt', 'Sqrt', ['x'], 's');
const wiped = (from: string): NodeInit[] => [
  node('IsNaN', [from], ['test']),
  named('Wipe', 'Where', ['test', 'zero', from], 'y'),
];
const zero = scalar('zero', 0);

const silent: Record<string, readonly Case[]> = {
  swallowed: [
    {
      title: 'Slice leaves the position out',
      nodes: [root, named('Slice', 'Slice', ['s', 'from', 'to', 'axis'], 'y')],
      weights: [ints('from', [2]), ints('to', [3]), ints('axis', [1])],
      x: negative,
      told: [['Slice', 'swallowed', '1']],
      evidence: { bornAt: 'Sqrt', ends: [{ how: 'selection' }] },
    },
    {
      title: 'a cast to integers',
      nodes: [root, named('Cast', 'Cast', ['s'], 'y', int('to', 7))],
      x: negative,
      told: [['Cast', 'swallowed', '1']],
      evidence: { bornAs: 'sqrt-of-negative', ends: [{ how: 'integer' }] },
    },
    {
      title: 'looks alike: a test for NaN removes it where it was born',
      nodes: [root, ...wiped('s')],
      weights: [zero],
      x: negative,
      told: [['Sqrt', 'guarded', '1']],
    },
  ],
  laundered: [
    {
      title: 'a softmax along tokens, then wiped',
      nodes: [root, named('Softmax', 'Softmax', ['s'], 'p', int('axis', 1)), ...wiped('p')],
      weights: [zero],
      x: negative,
      told: [['Wipe', 'laundered', '0-2']],
      evidence: { bornAt: 'Sqrt', ends: [{ how: 'guard' }] },
    },
    {
      title: 'a running sum, then wiped',
      nodes: [root, named('CumSum', 'CumSum', ['s', 'axis'], 'c'), ...wiped('c')],
      weights: [zero, ints('axis', [1], [])],
      x: negative,
      told: [['Wipe', 'laundered', '1-2']],
    },
    {
      title: 'looks alike: it shows in the output',
      nodes: [root, named('CumSum', 'CumSum', ['s', 'axis'], 'y')],
      weights: [ints('axis', [1], [])],
      x: negative,
      told: [],
    },
  ],
};

describe.each(Object.entries(silent))('%s', (_, cases) => {
  it.each(cases)('$title', async (item) => {
    check((await run(item)).silent, item);
  });
});
