/** For each cause of NaN outside of masks: what mends it, what that leaves alone, or what is said to do instead. */
import { describe, expect, it } from 'vitest';
import { fixes } from '../../../src/core/fix';
import type { TensorData } from '../../../src/core/tensor';
import type { Patient, Ran } from '../../support/fixing';
import { bytesOf, fixNamed, patched, patientOf, run } from '../../support/fixing';
import {
  attentionModel,
  f32,
  featureModel,
  float,
  int,
  intList,
  ints,
  leftPadded,
  matrix,
  named,
  scalar,
  vector,
} from '../../support/tinyAttention';
import type { NodeInit, TensorInit } from '../../unit/onnx/support';

const inf = Infinity;
const plain = [1, 2, 3, 4];

interface Case {
  readonly title: string;
  readonly mechanism: string;
  readonly nodes: readonly NodeInit[];
  readonly weights?: readonly TensorInit[];
  /** x [1, 3, 4]; row 1 is the one that becomes NaN. */
  readonly x: readonly (readonly number[])[];
  readonly opset?: number;
  /** Fixes that apply; all others say why not. */
  readonly mended: Readonly<Record<string, readonly number[] | 'finite'>>;
  /** Part of what clamp says where nothing mends it. */
  readonly instead?: [fix: string, says: string];
}

const cases: readonly Case[] = [
  {
    title: 'Div of a zero vector by its norm',
    mechanism: 'zero-over-zero',
    nodes: [
      named('Square', 'Mul', ['x', 'x'], 's'),
      named('Sum', 'ReduceSum', ['s', 'last'], 'sum', int('keepdims', 1)),
      named('Sqrt', 'Sqrt', ['sum'], 'norm'),
      named('Div', 'Div', ['x', 'norm'], 'y'),
    ],
    weights: [ints('last', [-1])],
    x: [plain, [0, 0, 0, 0], plain],
    mended: { eps: [0, 0, 0, 0] },
  },
  {
    title: 'a reciprocal root of a variance of 0, multiplied with',
    mechanism: 'zero-times-inf',
    nodes: [
      named('Square', 'Mul', ['x', 'x'], 's'),
      named('Mean', 'ReduceMean', ['s'], 'mean', intList('axes', [-1])),
      named('Sqrt', 'Sqrt', ['mean'], 'root'),
      named('Inverse', 'Reciprocal', ['root'], 'inverse'),
      named('Mul', 'Mul', ['x', 'inverse'], 'y'),
    ],
    x: [plain, [0, 0, 0, 0], plain],
    mended: { eps: [0, 0, 0, 0], clamp: [0, 0, 0, 0] },
  },
  {
    title: 'the same as a negative power',
    mechanism: 'zero-times-inf',
    nodes: [
      named('Square', 'Mul', ['x', 'x'], 's'),
      named('Mean', 'ReduceMean', ['s'], 'mean', intList('axes', [-1])),
      named('Pow', 'Pow', ['mean', 'e'], 'inverse'),
      named('Mul', 'Mul', ['x', 'inverse'], 'y'),
    ],
    weights: [scalar('e', -0.5)],
    x: [plain, [0, 0, 0, 0], plain],
    mended: { eps: [0, 0, 0, 0], clamp: [0, 0, 0, 0] },
  },
  {
    title: 'LayerNormalization without epsilon',
    mechanism: 'zero-over-zero',
    nodes: [named('LN', 'LayerNormalization', ['x', 'scale'], 'y', int('axis', -1), float('epsilon', 0))],
    weights: [vector('scale', 1, 1, 1, 1)],
    x: [plain, [0, 0, 0, 0], plain],
    mended: { eps: [0, 0, 0, 0] },
  },
  {
    title: 'Log',
    mechanism: 'log-of-negative',
    nodes: [named('Log', 'Log', ['x'], 'y')],
    x: [plain, [1, -2, 3, 4], plain],
    mended: { clamp: [0, Math.log(1e-12), Math.log(3), Math.log(4)] },
  },
  {
    title: 'Sqrt',
    mechanism: 'sqrt-of-negative',
    nodes: [named('Sqrt', 'Sqrt', ['x'], 'y')],
    x: [plain, [1, -2, 4, 9], plain],
    mended: { clamp: [1, 1e-6, 2, 3] },
  },
  {
    title: 'Pow',
    mechanism: 'pow-of-negative',
    nodes: [named('Pow', 'Pow', ['x', 'half'], 'y')],
    weights: [scalar('half', 0.5)],
    x: [plain, [1, -2, 4, 9], plain],
    mended: { clamp: [1, 1e-6, 2, 3] },
  },
  {
    title: 'Exp that overflows, minus itself',
    mechanism: 'inf-minus-inf',
    nodes: [named('Exp', 'Exp', ['x'], 'e'), named('Sub', 'Sub', ['e', 'e'], 'y')],
    x: [plain, [1, 100, 3, 4], plain],
    mended: { clamp: [0, 0, 0, 0] },
  },
  {
    title: 'a written-out softmax without its maximum',
    mechanism: 'inf-over-inf',
    nodes: [
      named('Exp', 'Exp', ['x'], 'e'),
      named('Sum', 'ReduceSum', ['e', 'last'], 'sum', int('keepdims', 1)),
      named('Div', 'Div', ['e', 'sum'], 'y'),
    ],
    weights: [ints('last', [-1])],
    x: [plain, [100, 101, 0, 0], plain],
    mended: { 'stable-softmax': [1 / (1 + Math.E), Math.E / (1 + Math.E), 0, 0], clamp: 'finite' },
  },
  {
    title: 'the same where every exp underflows',
    mechanism: 'zero-over-zero',
    nodes: [
      named('Exp', 'Exp', ['x'], 'e'),
      named('Sum', 'ReduceSum', ['e', 'last'], 'sum', int('keepdims', 1)),
      named('Div', 'Div', ['e', 'sum'], 'y'),
    ],
    weights: [ints('last', [-1])],
    x: [plain, [-201, -200, -900, -900], plain],
    mended: { 'stable-softmax': [1 / (1 + Math.E), Math.E / (1 + Math.E), 0, 0], eps: [0, 0, 0, 0] },
  },
  {
    title: 'both sides of a quotient overflow in a product',
    mechanism: 'inf-over-inf',
    nodes: [named('Mul', 'Mul', ['x', 'big'], 'b'), named('Div', 'Div', ['b', 'b'], 'y')],
    weights: [scalar('big', 1e38)],
    x: [plain.map((v) => v / 10), [0.1, 100, 0.3, 0.4], plain.map((v) => v / 10)],
    mended: { clamp: [1, 1, 1, 1] },
  },
  {
    title: 'an infinity that is fed meets a weight of 0',
    mechanism: 'zero-times-inf',
    nodes: [named('MatMul', 'MatMul', ['x', 'w'], 'y')],
    weights: [matrix('w', [4, 4], ...Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)))],
    x: [plain, [1, inf, 3, 4], plain],
    mended: { clamp: [1, 3.4028234663852886e38, 3, 4] },
  },
  {
    title: 'a damaged weight',
    mechanism: 'nan-in-weights',
    nodes: [named('Add', 'Add', ['x', 'w'], 'y')],
    weights: [matrix('w', [3, 4], 1, 1, 1, 1, 1, NaN, 1, 1, 1, 1, 1, 1)],
    x: [plain, plain, plain],
    mended: { 'clean-weights': [2, 2, 4, 5] },
  },
  {
    title: 'NaN that is fed',
    mechanism: 'nan-in-input',
    nodes: [named('Add', 'Add', ['x', 'one'], 'y')],
    weights: [scalar('one', 1)],
    x: [plain, [1, NaN, 3, 4], plain],
    mended: {},
    instead: ['clean-weights', 'what is fed to x does'],
  },
];

const rowOf = (ran: Ran | undefined, row: number): number[] => {
  const width = (ran?.data.length ?? 0) / 3;
  return Array.from(ran?.data.subarray(row * width, (row + 1) * width) ?? []);
};

/** Fixes whose subject is attention say so of any model without. */
async function applying(who: Patient): Promise<Record<string, Ran>> {
  const found: Record<string, Ran> = {};
  for (const fix of fixes) {
    const plan = fix.plan(who.context);
    if (!plan.applies) {
      expect(plan.reason, fix.id).toMatch(/\.$/);
      continue;
    }
    const { y } = await run(bytesOf(patched(who.proto, plan)), who.inputs);
    if (y) found[fix.id] = y;
  }
  return found;
}

describe('one operation', () => {
  it.each(cases)('$mechanism: $title', async ({ mechanism, nodes, weights = [], x, opset = 17, mended, instead }) => {
    const inputs: Record<string, TensorData> = { x: f32([1, 3, 4], x.flat()) };
    const who = await patientOf(featureModel(nodes, weights, { opset }), inputs);
    expect(who.report.origins.map((origin) => origin.mechanism)).toEqual([mechanism]);
    const before = (await run(bytesOf(who.proto), inputs)).y;
    const found = await applying(who);
    expect(Object.keys(found).sort()).toEqual(Object.keys(mended).sort());
    for (const [id, wanted] of Object.entries(mended)) {
      // Rows that were never NaN keep their numbers.
      for (const row of [0, 2]) {
        const [now, then] = [rowOf(found[id], row), rowOf(before, row)];
        for (const [k, value] of now.entries())
          expect(value, `${id} row ${String(row)}`).toBeCloseTo(then[k] ?? NaN, 6);
      }
      const own = rowOf(found[id], 1);
      if (wanted === 'finite') expect(own.every(Number.isFinite)).toBe(true);
      else for (const [k, value] of own.entries()) expect(value, id).toBeCloseTo(wanted[k] ?? NaN, 5);
    }
    if (instead) {
      const [id, says] = instead;
      const plan = fixNamed(id).plan(who.context);
      expect(plan.applies ? '' : plan.reason).toContain(says);
    }
  });

  it('repeats in other layers are mended with the first', async () => {
    const layer = (i: number, from: string, to: string): NodeInit[] => [
      named(`/layers.${String(i)}/mlp/Sub`, 'Sub', [from, 'two'], `s${String(i)}`),
      named(`/layers.${String(i)}/mlp/Log`, 'Log', [`s${String(i)}`], to),
    ];
    const model = featureModel(
      [...layer(0, 'x', 'h'), ...layer(1, 'h', 'g'), named('/head/Log', 'Log', ['g'], 'y')],
      [scalar('two', 2)],
    );
    const who = await patientOf(model, { x: f32([1, 3, 4], [9, 9, 9, 9, 1, 9, 9, 9, 9, 9, 9, 9]) });
    const plan = fixNamed('clamp').plan(who.context);
    expect(plan.applies && plan.note).toContain('/layers.0/mlp/Log');
    expect(plan.applies && plan.note).toContain('/layers.1/mlp/Log');
    const bounded = (plan.applies ? plan.edits : []).filter(({ kind }) => kind === 'replaceInput');
    expect(bounded.length).toBe(
      new Set([...who.report.origins.map(({ node }) => node), '/layers.1/mlp/Log', '/layers.0/mlp/Log']).size,
    );
  });
});

describe('scores', () => {
  it('score-overflow: Softmax that reads +inf is kept finite by clamp', async () => {
    const who = await patientOf(
      attentionModel({ nodes: [named('W', 'Where', ['later', 'minusInf', 'scores'], 'masked')] }),
      leftPadded(5, 2e20),
    );
    expect(who.report.origins.map((origin) => origin.mechanism)).toEqual(['score-overflow']);
    const found = await applying(who);
    // Row 0 attends to itself alone, whatever its score.
    expect(found.clamp?.data[0]).toBeCloseTo(Number(who.inputs.x?.data[0]), -14);
    expect(found.clamp?.data.every(Number.isFinite)).toBe(true);
  });

  it('0 × −inf in a mask: finite-mask mends the factor', async () => {
    const inputs = leftPadded(2);
    const who = await patientOf(
      attentionModel({
        nodes: [
          named('Flag', 'Sub', ['one', 'real'], 'flag'),
          named('Fill', 'Mul', ['flag', 'minusInf'], 'bias'),
          named('Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
      }),
      inputs,
    );
    expect(who.report.origins.map(({ node, mechanism }) => [node, mechanism])).toContainEqual([
      'Fill',
      'zero-times-inf',
    ]);
    const { 'finite-mask': mended } = await applying(who);
    const asWhere = await patientOf(
      attentionModel({ nodes: [named('W', 'Where', ['isPad', 'minusInf', 'scores'], 'masked')] }),
      inputs,
    );
    const { y } = await run(bytesOf(asWhere.proto), inputs);
    expect(mended?.data.every(Number.isFinite)).toBe(true);
    for (const [i, value] of (mended?.data ?? []).entries()) expect(value).toBeCloseTo(y?.data[i] ?? NaN, 6);
  });
});
