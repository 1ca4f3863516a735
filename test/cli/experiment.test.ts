/** `nanoscope experiment`: every experiment with everything real, and what a script gets. */
import { describe, expect, it } from 'vitest';
import { experimentIds } from '../../src/core/experiments/catalog';
import type { ExperimentResult } from '../../src/core/experiments/types';
import { runHere, runProcess } from '../support/cliHarness';

interface All {
  readonly agrees: boolean;
  readonly results: readonly ExperimentResult[];
}

/**
 * Outcomes by experiment, written by hand: those of the investigation's own tables and of the measurements that PyTorch
 * gave before a line of this was written. Measured values, by what they are of.
 */
const outcomes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'padding-sharded': {
    'layer 1, sample 0 (30 padding): NaN positions': '35/35 on every rank',
    'layer 1, sample 1 (no padding): NaN positions': '0/35 on every rank',
    'logits, sample 0 (30 padding): NaN positions': '35/35 on every rank',
    'logits, sample 1 (no padding): NaN positions': '0/35 on every rank',
  },
  'padding-unsharded': { 'pattern of NaN, attention sharded and not': 'the same' },
  'nan-trace': {
    'embedding: NaN positions of sample 0': '0/35',
    'layer 0 input norm, out: NaN positions of sample 0': '0/35',
    'layer 0 attention, in: NaN positions of sample 0': '0/35',
    'layer 0 attention, out: NaN positions of sample 0': '30/35',
    'layer 0 norm behind attention, in: NaN positions of sample 0': '30/35',
    'layer 0 norm behind attention, out: NaN positions of sample 0': '30/35',
    'layer 0 MLP, out: NaN positions of sample 0': '30/35',
    'layer 0, out: NaN positions of sample 0': '30/35',
    'layer 1 input norm, in: NaN positions of sample 0': '30/35',
    'layer 1 input norm, out: NaN positions of sample 0': '30/35',
    'layer 1 attention, in: NaN positions of sample 0': '30/35',
    'layer 1 attention, out: NaN positions of sample 0': '35/35',
    'layer 1 norm behind attention, in: NaN positions of sample 0': '35/35',
    'layer 1 MLP, out: NaN positions of sample 0': '35/35',
    'layer 1, out: NaN positions of sample 0': '35/35',
    'NaN is born in': 'layer 0 attention (fully-masked-row)',
    'real tokens are reached in': 'layer 1 (nan-plus-minus-inf)',
  },
  'attention-path': {
    'model with fused attention': '2 fused, 0 written out',
    'the same model, attention written out': '0 fused, 2 written out',
    'NaN with fused attention': 'no NaN',
    'NaN with attention written out': 'NaN born in layer 0 at padding',
  },
  'kv-groups': { 'pattern of NaN with 1, 2 and 4 heads per group': 'the same' },
  'pipeline-parallel': {
    'no padding, as the first extraction had it': 'no NaN',
    'padded, over 1, 2 stages': 'NaN at real tokens',
    'pattern of NaN in all of them': 'the same',
  },
  'fix-1-no-padding': { 'no-padding: positions with NaN that are left': '0' },
  'fix-2-right-padding': { 'right-padding: real tokens, held against each sequence alone': 'equal' },
  'fix-3-softmax-guard': { 'nan-to-num-softmax: real tokens, held against each sequence alone': 'equal' },
  'fix-4-zero-pad-hidden': {
    'zero-pad-hidden: positions with NaN that are left': '30',
    'zero-pad-hidden: real tokens, held against each sequence alone': 'equal',
    'multiply-by-mask: real tokens, held against each sequence alone': 'NaN in 5 of 5',
  },
  'fix-5-unmask': { 'unmask-rows: positions with NaN that are left': '0' },
  'legacy-unmask-rule': { 'the rule off': 'NaN', 'the rule on': 'no NaN' },
  'extraction-plan': {
    'the plan': '1 × 9, 2 × 4',
    'padding that is not computed': '10 positions',
    'one padded batch: NaN': 'NaN',
    'batches without padding: NaN': 'no NaN',
  },
};

describe('nanoscope experiment --all', () => {
  it('measures what was found, in every experiment, and ends with 0', async () => {
    const args = ['experiment', '--all', '--layers', '2', '--lengths', '4,9,4', '--json'];
    const { code, out, err } = await runProcess(args);
    expect(err).toBe('');
    expect(code).toBe(0);
    const { agrees, results } = JSON.parse(out) as All;
    expect(agrees).toBe(true);
    expect(results.map(({ id }) => id)).toEqual(experimentIds);
    for (const [id, wanted] of Object.entries(outcomes)) {
      const checks = results.find((result) => result.id === id)?.checks ?? [];
      const measured = Object.fromEntries(checks.map((check) => [check.what, check.measured]));
      expect({ id, ...measured }).toMatchObject({ id, ...wanted });
    }
    // Where the engine is known to behave differently is said once, and nowhere else.
    const differing = results.flatMap(({ id, checks }) =>
      checks.flatMap(({ what, verdict }) => (verdict === 'differs' ? [`${id}: ${what}`] : [])),
    );
    expect(differing).toEqual(['attention-path: NaN with fused attention']);
    expect(results.find(({ id }) => id === 'padding-sharded')?.comparison?.variants).toHaveLength(9);
  }, 120_000);
});

describe('the list', () => {
  it('is printed where no experiment is named', async () => {
    const { code, out } = await runHere(['experiment']);
    expect(code).toBe(0);
    for (const id of experimentIds) expect(out).toContain(id);
  });
});

describe('what is refused', () => {
  it.each([
    [['nan-trase'], 'There is no experiment called “nan-trase”.', 'Did you mean nan-trace?'],
    [['nan-trace', '--all'], '--all runs every experiment', 'Leave one of them out.'],
    [['nan-trace', '--lengths', '3,5'], '--lengths is what extraction-plan plans for', 'leave --lengths out'],
    [['--all', '--layers', '1'], '--layers 1 is not a whole number from 2 to 61.', '--layers 4'],
    [['--all', '--json', '--markdown'], '--json and --markdown cannot be given together.', 'Choose one'],
  ])('%j', async (args, message, hint) => {
    const { code, out, err } = await runHere(['experiment', ...args]);
    expect(code).toBe(2);
    expect(out + err).toContain(message);
    expect(out + err).toContain(hint);
  });
});

describe('an outcome that is not as it was found', () => {
  it('ends with 1', async () => {
    const { code, out } = await runHere(['experiment', 'nan-trace'], {
      work: {
        runExperiments: async (_, { ids }, __, onResult) => {
          expect(ids).toEqual(['nan-trace']);
          await onResult({
            schemaVersion: 1,
            kind: 'experiment',
            id: 'nan-trace',
            title: 'A title',
            question: 'A question?',
            checks: [{ what: 'layer 1', expected: '35/35', measured: '0/35', pytorch: null, verdict: 'disagrees' }],
            agrees: false,
            explanation: null,
            standIns: [],
            milliseconds: 1,
          });
        },
      },
    });
    expect(code).toBe(1);
    expect(out).toContain('≠ layer 1   35/35   0/35');
  });
});
