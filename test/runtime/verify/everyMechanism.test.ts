/** For each way NaN can be born: a fix heals, or is unproven and says why, or the report says that none can and what to do. */
import { describe, expect, it } from 'vitest';
import type { ModelProto } from 'onnx-buf';
import { birthMechanisms } from '../../../src/core/report';
import type { BirthMechanism } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel } from '../../support/diagnosing';
import { halfFeeds, halved } from '../../../src/core/onnx/halve';
import {
  attentionModel,
  f32,
  featureModel,
  leftPadded,
  matrix,
  named,
  scalar,
  vector,
} from '../../support/tinyAttention';
import type { NodeInit, TensorInit } from '../../unit/onnx/support';

interface Case {
  readonly model: ModelProto;
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly heals?: string;
  readonly unproven?: string;
  /** Where none heals: part of what is said to do. */
  readonly instead?: RegExp;
}

const one = (
  nodes: readonly NodeInit[],
  second: readonly number[],
  weights: readonly TensorInit[] = [],
): Pick<Case, 'model' | 'feeds'> => ({
  model: featureModel(nodes, weights),
  feeds: { x: f32([1, 3, 4], [1, 2, 3, 4, ...second, 1, 2, 3, 4]) },
});
/** Two masks of the lowest number are added, or one of −inf. */
const masked = (fill: string, times: number): ModelProto =>
  attentionModel({
    nodes: [
      named('Fill', 'Where', ['isPad', fill, 'zero'], 'bias'),
      named('Once', 'Add', ['scores', 'bias'], times === 1 ? 'masked' : 'once'),
      ...(times === 1 ? [] : [named('Twice', 'Add', ['once', 'bias'], 'masked')]),
    ],
  });

const cases: Readonly<Record<BirthMechanism, Case>> = {
  'fully-masked-row': { model: masked('minusInf', 1), feeds: leftPadded(0), heals: 'zero-masked-rows' },
  'mask-overflow': { model: masked('lowest', 2), feeds: leftPadded(0), heals: 'finite-mask' },
  // In float32 a clamp leaves real tokens wrong, and it says so; what float16 cannot hold has a right number in float32.
  'score-overflow': {
    model: halved(masked('minusInf', 1)),
    feeds: halfFeeds({
      ...leftPadded(5),
      x: f32(
        [2, 5, 2],
        Array.from({ length: 20 }, (_, i) => 100 * (1 + (i % 5))),
      ),
    }),
    heals: 'fp32-attention',
  },
  'zero-times-inf': {
    ...one(
      [named('Big', 'Mul', ['x', 'big'], 'b'), named('Off', 'Mul', ['b', 'off'], 'y')],
      [1, 100, 3, 4],
      [scalar('big', 1e38), scalar('off', 0)],
    ),
    heals: 'clamp',
  },
  'inf-minus-inf': {
    ...one([named('E', 'Exp', ['x'], 'e'), named('S', 'Sub', ['e', 'e'], 'y')], [1, 100, 3, 4]),
    heals: 'clamp',
  },
  'zero-over-zero': { ...one([named('D', 'Div', ['x', 'x'], 'y')], [1, 0, 3, 4]), unproven: 'eps' },
  'inf-over-inf': {
    ...one(
      [named('Big', 'Mul', ['x', 'big'], 'b'), named('D', 'Div', ['b', 'b'], 'y')],
      [1, 100, 3, 4],
      [scalar('big', 1e38)],
    ),
    heals: 'clamp',
  },
  'log-of-negative': { ...one([named('L', 'Log', ['x'], 'y')], [1, -2, 3, 4]), unproven: 'clamp' },
  'sqrt-of-negative': { ...one([named('L', 'Sqrt', ['x'], 'y')], [1, -2, 3, 4]), unproven: 'clamp' },
  'pow-of-negative': {
    ...one([named('L', 'Pow', ['x', 'half'], 'y')], [1, -2, 3, 4], [scalar('half', 0.5)]),
    unproven: 'clamp',
  },
  'nan-in-weights': {
    ...one(
      [named('A', 'Add', ['x', 'w'], 'y')],
      [1, 2, 3, 4],
      [matrix('w', [3, 4], 1, 1, 1, 1, 1, NaN, 1, 1, 1, 1, 1, 1)],
    ),
    unproven: 'clean-weights',
    instead: /numbers of w .* load the checkpoint again/,
  },
  'nan-in-input': {
    ...one([named('R', 'Relu', ['x'], 'y')], [1, NaN, 3, 4]),
    instead: /mend what fills x before the model runs/,
  },
  unknown: {
    ...one(
      [named('Third', 'Mul', ['x', 'tenth'], 't'), named('A', 'Atanh', ['t'], 'y')],
      [1, 20, 3, 4],
      [scalar('tenth', 0.1)],
    ),
    instead: /No fix of this list heals\. What A \(Atanh\) reads is told with the birth: keep it inside/,
  },
};

describe('every mechanism', () => {
  it('has its case', () => {
    expect(Object.keys(cases).sort()).toEqual([...birthMechanisms].sort());
  });

  it.each(birthMechanisms.map((mechanism) => [mechanism, cases[mechanism]] as const))('%s', async (mechanism, own) => {
    const report = await diagnosedModel(own.model, own.feeds);
    expect(report.origins[0]?.mechanism).toBe(mechanism);
    const proper = (report.fixes ?? []).filter(({ kind }) => kind !== 'trap');
    const verdict = (id: string): string | undefined => proper.find((fix) => fix.id === id)?.verdict;
    const { fix, sentence = '' } = report.recommendation ?? {};
    if (own.heals !== undefined) {
      expect(verdict(own.heals)).toBe('heals');
      expect(verdict(fix ?? '')).toBe('heals');
      return;
    }
    expect(proper.map((one) => one.verdict)).not.toContain('heals');
    expect(fix).toBeNull();
    if (own.unproven !== undefined) {
      expect(verdict(own.unproven)).toBe('unproven');
      expect(proper.find(({ id }) => id === own.unproven)?.reason).toMatch(
        /nothing says what the right numbers are: ./,
      );
    }
    expect(sentence).toMatch(own.instead ?? /nothing can prove its numbers right/);
  });

  it('an infinity that is stored is named', async () => {
    const nodes = [named('E', 'Exp', ['x'], 'e'), named('M', 'MatMul', ['e', 'w'], 'y')];
    const zeros = matrix('w', [4, 4], ...Array.from({ length: 16 }, (_, i) => (i === 0 ? Infinity : 0)));
    const { model, feeds } = one(nodes, [-200, 0, 0, 0], [zeros]);
    const report = await diagnosedModel(model, feeds);
    expect(report.origins[0]).toMatchObject({
      mechanism: 'zero-times-inf',
      evidence: { infinite: [{ operand: 'w', how: 'stored' }] },
    });
    expect(report.origins[0]?.explanation).toMatch(/The infinity is stored: w holds it in the file, [^.]*\.$/);
    expect(report.fixes?.find(({ id }) => id === 'clamp')?.reason).toContain('w is stored with an infinity: load');
  });

  it('an infinity that was read from a sum of what is stored is followed to the file', async () => {
    const nodes = [named('E', 'Add', ['x', 'w'], 'e'), named('S', 'Sub', ['e', 'e'], 'y')];
    const { model, feeds } = one(nodes, [1, 2, 3, 4], [vector('w', 0, Infinity, 0, 0)]);
    const [origin] = (await diagnosedModel(model, feeds)).origins;
    expect(origin?.mechanism).toBe('inf-minus-inf');
    expect(origin?.explanation).toContain('e is infinite because w is. w holds the infinity in the file');
  });

  it('an infinity in a weight that scores read is followed to the file', async () => {
    const model = attentionModel({
      nodes: [named('Off', 'Add', ['scores', 'shift'], 'masked')],
      initializer: [scalar('shift', Infinity)],
    });
    const [origin] = (await diagnosedModel(model, leftPadded(0))).origins;
    expect(origin?.mechanism).toBe('score-overflow');
    expect(origin?.explanation).toContain('shift holds the infinity in the file');
  });
});
