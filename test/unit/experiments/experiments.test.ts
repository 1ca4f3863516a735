/** Experiments as they are told: plans, marks and sentences. */
import { describe, expect, it } from 'vitest';
import { experimentNamed } from '../../../src/app/experiments/experiment';
import { markdownExperiment } from '../../../src/app/render/experiments/markdown';
import { terminalExperiment } from '../../../src/app/render/experiments/terminal';
import { outcomeSentence } from '../../../src/app/render/experiments/words';
import { createStyle } from '../../../src/app/render/style';
import { borneOut, check } from '../../../src/core/experiments/check';
import { planBatches } from '../../../src/core/experiments/extraction';
import type { ExperimentResult } from '../../../src/core/experiments/types';

const result = (checks: ExperimentResult['checks']): ExperimentResult => ({
  schemaVersion: 1,
  kind: 'experiment',
  id: 'nan-trace',
  title: 'A title',
  question: 'A question?',
  checks,
  agrees: checks.every(({ verdict }) => verdict !== 'disagrees'),
  explanation: { then: 'So it was said.', measured: 'So it is.', verdict: 'corrected' },
  standIns: ['A small one stands in for a large one.'],
  milliseconds: 1,
});

describe('a plan of batches', () => {
  it.each<[string, number[], number, [number, number[]][]]>([
    [
      'equal lengths together, longest first',
      [5, 35, 5, 12],
      32,
      [
        [35, [1]],
        [12, [3]],
        [5, [0, 2]],
      ],
    ],
    [
      'no more than fit',
      [7, 7, 7, 7, 7],
      2,
      [
        [7, [0, 1]],
        [7, [2, 3]],
        [7, [4]],
      ],
    ],
    ['empty sequences are not run', [0, 3, 0], 8, [[3, [1]]]],
    ['nothing at all', [], 8, []],
  ])('%s', (_, lengths, most, plan) => {
    expect(planBatches(lengths, most).map(({ length, sequences }) => [length, sequences])).toEqual(plan);
  });
});

describe('a check', () => {
  it.each([
    ['agrees', check('x', 'NaN', 'NaN')],
    ['disagrees', check('x', 'NaN', 'zeros')],
    ['differs', check('x', 'NaN', 'zeros', { known: 'zeros' })],
    ['disagrees', check('x', 'NaN', 'means', { known: 'zeros' })],
    ['measured', check('x', null, 'zeros')],
    ['measured', check('x', null, 'zeros', { explained: 'zeros' })],
    ['disagrees', check('x', null, 'NaN', { explained: 'zeros' })],
  ] as const)('%s', (verdict, made) => {
    expect(made.verdict).toBe(verdict);
  });
});

describe('what is said of the outcomes', () => {
  it.each([
    ['As found then.', [check('x', '1', '1')]],
    ['As found then, in all 2 outcomes.', [check('x', '1', '1'), check('y', '1', '1'), check('z', null, '3')]],
    ['As found then in 1 of 2 outcomes; 1 is not.', [check('x', '1', '1'), check('y', '1', '2')]],
    [
      'As found then in 0 of 1 outcomes. In 1 the engine is known to behave differently (marked ~). ONNX Runtime and PyTorch 1.13 differ in 1:',
      [check('x', '1', '2', { known: '2', pytorch: '1' })],
    ],
    ['Nothing was measured of this then.', [check('x', null, '2')]],
  ])('%s', (sentence, checks) => {
    expect(outcomeSentence({ checks })).toBe(sentence);
  });
});

describe('an experiment', () => {
  const checks = [
    check('layer 0', '30/35', '30/35', { pytorch: '30/35' }),
    check('layer 1', '35/35', '34/35'),
    check('new', null, 'x'),
  ];

  it('in a terminal', () => {
    expect(terminalExperiment(result(checks), { width: 80, style: createStyle(false) })).toBe(
      [
        'nan-trace  A title',
        'A question?',
        '',
        '            then    measured   PyTorch 1.13',
        '= layer 0   30/35   30/35      30/35',
        '≠ layer 1   35/35   34/35',
        '  new               x',
        '',
        'As found then in 1 of 2 outcomes; 1 is not.',
        '',
        'Then:      So it was said.',
        'Corrected: So it is.',
        '',
        '- A small one stands in for a large one.',
        '',
      ].join('\n'),
    );
  });

  it('without a word of PyTorch has no column for it', () => {
    const text = terminalExperiment(result([check('x', '1', '1')]), { width: 80, style: createStyle(false) });
    expect(text).not.toContain('PyTorch');
  });

  it('as Markdown', () => {
    const text = markdownExperiment(result(checks));
    expect(text).toContain('| layer 1 | 35/35 | ≠ 34/35 |  |');
    expect(text).toContain('**Corrected.** So it is.');
  });
});

describe('an explanation', () => {
  const said = { then: 'So it was said.', measured: 'So it is.', verdict: 'confirmed' } as const;

  it('stands where the outcomes bear it out', () => {
    expect(borneOut(said, [check('x', null, 'same', { explained: 'same' })])).toBe(said);
  });

  it('is taken back where one of them does not', () => {
    const checks = [check('x', 'NaN', 'NaN'), check('y', null, 'different', { explained: 'same' })];
    const taken = borneOut(said, checks);
    expect(taken).toMatchObject({ then: said.then, verdict: 'open' });
    expect(taken.measured).toBe('Not what this run measured: y came out as different.');
    const text = markdownExperiment({ ...result(checks), explanation: taken });
    expect(text).toContain('**Open.** Not what this run measured');
    expect(text).toContain('As found then. 1 is not as it is explained.');
  });
});

describe('a name that is none', () => {
  it('is answered with the one that was meant', () => {
    expect(() => experimentNamed('nan-trase')).toThrow('There is no experiment called “nan-trase”.');
  });
});
