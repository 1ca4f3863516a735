/** What fused kernels do without a NaN in their output, and how NaN gets through their masks. */
import { describe, expect, it } from 'vitest';
import { diagnosedModel } from '../../support/diagnosing';
import { ints as intTensor, lowest, scalar } from '../../support/tinyAttention';
import type { FusedLayer } from './support';
import { float, fusedModel, heads, int, mhaBias, mhaKeys, named, padded, standard } from './support';

const fixes = { fixes: false };
const mha = '/layers.0/self_attn/MultiHeadAttention';
/** First prompt: nothing cached yet. */
const gqa = (...more: string[]): FusedLayer => ({
  op: 'GroupQueryAttention',
  domain: 'com.microsoft',
  inputs: ['q', 'k', 'v', '', '', 'lengths', 'total', ...more],
  attributes: [heads, int('kv_num_heads', 2)],
});
const i32 = (name: string, numbers: number[], dims = [numbers.length]) => ({
  ...intTensor(name, [], dims),
  dataType: 6,
  int64Data: [],
  int32Data: numbers,
});
const counts = [i32('lengths', [4, 4]), i32('total', [5], [])];
const biased = gqa('', '', '', 'bias');

describe('rows that the mask leaves nothing of', () => {
  it.each<[string, Parameters<typeof fusedModel>, string[] | null]>([
    ['a key padding mask with its own finite fill', [[mhaKeys()]], ['0-1', '']],
    [
      'a filter of −inf beside order: later keys are finite',
      [[mhaKeys(float('mask_filter_value', -Infinity))]],
      ['0-1', ''],
    ],
    ['a bias of the lowest finite number', [[mhaBias], { fill: lowest }], ['0-1', '']],
    ['the standard operator: zeros, as it should', [[standard('bias')], { fill: lowest }], null],
    ['grouped queries: zeros', [[biased], { fill: lowest, initializer: counts, width: 16 }], null],
  ])('%s', async (_, made, positions) => {
    const report = await diagnosedModel(fusedModel(...made), padded(3, 'left', made[1]?.width), fixes);
    expect(report.origins).toEqual([]);
    const silent = report.silent.filter(({ mechanism }) => mechanism === 'unmasked-silently');
    expect(silent.map((finding) => ({ node: finding.node, positions: finding.positions }))).toEqual(
      positions ? [{ node: mha, positions }] : [],
    );
  });

  it('says nothing of a right-padded causal batch', async () => {
    const report = await diagnosedModel(fusedModel([mhaKeys()]), padded(3, 'right'), fixes);
    expect(report.silent.filter(({ mechanism }) => mechanism === 'unmasked-silently')).toEqual([]);
  });
});

describe('NaN that a masked key or value holds', () => {
  /** NaN where the mask of keys is 0: log of −1 at the padding of sample 0. */
  const sickPads = (which: 'k' | 'v' | 'both') => {
    const values = { k: ['q', 'sick', 'v'], v: ['q', 'k', 'sick'], both: ['q', 'sick', 'sick'] }[which];
    const after = [
      named('sick/Cast', 'Cast', ['realFlag'], 'realFloat', int('to', 1)),
      named('sick/Sub', 'Sub', ['realFloat', 'half'], 'sign'),
      named('sick/Unsqueeze', 'Unsqueeze', ['sign', 'lastAxis'], 'signs'),
      named('sick/Log', 'Log', ['signs'], 'logs'),
      named('sick/Add', 'Add', ['x', 'logs'], 'sick'),
    ];
    return { values, after, initializer: [scalar('half', 0.5), intTensor('lastAxis', [2])] };
  };
  it.each([
    ['k', 'nan-plus-minus-inf'],
    ['v', 'zero-times-nan'],
    ['both', 'nan-plus-minus-inf'],
  ] as const)('in %s: %s', async (which, mechanism) => {
    const { values, after, initializer } = sickPads(which);
    const layer = { ...mhaBias, inputs: [...values, '', '', 'bias'] };
    const report = await diagnosedModel(fusedModel([layer], { after, initializer }), padded(3), fixes);
    expect(report.origins[0]).toMatchObject({ node: 'sick/Log', positions: ['0-1', ''] });
    const crossed = report.spread.filter(({ node }) => node === mha);
    expect(crossed.map((item) => item.mechanism)).toContain(mechanism);
    const real = crossed.find((item) => item.mechanism === mechanism);
    expect(real).toMatchObject({
      evidence: { nanPositionsRead: '0-1', ofThoseAllowedByTheMask: '' },
    });
    expect(real?.positions?.[0]).toBe('0-4');
  });

  it('without a mask in the way it is a sum like any other', async () => {
    const { values, after, initializer } = sickPads('both');
    const layer = { ...mhaBias, inputs: values };
    const report = await diagnosedModel(fusedModel([layer], { after, initializer }), padded(3), fixes);
    expect(report.spread.filter(({ node }) => node === mha).map(({ mechanism }) => mechanism)).toEqual(['contraction']);
  });

  it('grouped queries swallow rows whose every score is NaN: the birth is told upstream, the end at the node', async () => {
    const { after, initializer } = sickPads('k');
    const layer = gqa();
    // Only where it hands its cache out; without that it keeps the NaN.
    const sick = { ...layer, outputs: ['keys', 'values'], inputs: ['sick', ...layer.inputs.slice(1)] };
    const proto = fusedModel([sick], { after, initializer: [...initializer, ...counts], width: 16 });
    const report = await diagnosedModel(proto, padded(3, 'left', 16), fixes);
    expect(report.origins).toMatchObject([{ node: 'sick/Log', mechanism: 'log-of-negative', positions: ['0-1', ''] }]);
    expect(report.outputs[0]?.nanPositions).toEqual([0, 0]);
    expect(report.silent.filter(({ mechanism }) => mechanism === 'swallowed')).toMatchObject([
      { node: '/layers.0/self_attn/GroupQueryAttention', evidence: { bornAt: 'sick/Log' } },
    ]);
  });
});
