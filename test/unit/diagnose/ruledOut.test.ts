import { describe, expect, it } from 'vitest';
import type { Checked } from '../../../src/core/diagnose/ruledOut';
import { ruledOut } from '../../../src/core/diagnose/ruledOut';
import type { AttentionInfo, Origin } from '../../../src/core/report';

const site = (layer: number, more: Partial<AttentionInfo> = {}): AttentionInfo => ({
  layer,
  kind: 'eager',
  op: 'Softmax',
  node: `/layers.${String(layer)}/self_attn/Softmax`,
  kvGroups: 1,
  ...more,
});
const origin: Origin = {
  tensor: 'p',
  node: 'n',
  op: 'Softmax',
  layer: 0,
  block: 'self',
  stage: 'attention',
  mechanism: 'fully-masked-row',
  positions: ['0-29', ''],
  evidence: { rows: 30, rowsInAllHeads: 120 },
  explanation: '',
};
const base: Checked = {
  attention: [site(0), site(1)],
  origins: [origin],
  weights: 40,
  nanWeights: [],
  infiniteWeights: [],
  floatInputs: [],
  nanInputs: [],
  collectives: 0,
  positionIds: null,
  padded: true,
};
const claims = (change: Partial<Checked>): Record<string, string> =>
  Object.fromEntries(ruledOut({ ...base, ...change }).map(({ id, because }) => [id, because]));

describe('checked and ruled out', () => {
  it('says with a figure what this run refutes', () => {
    expect(claims({})).toEqual({
      weights: 'none of 40 stored float tensors holds NaN or +inf',
      'kv-groups': '1 group: every query head has keys of its own, so the repeat does nothing',
      'attention-mix': '2 written out, 0 fused',
      sharding: 'this graph has no collective operator: all heads were computed in one place, and NaN is there',
      'one-head': 'the rows are masked in all 4 heads alike',
    });
  });

  it('keeps quiet about what it cannot refute', () => {
    expect(claims({ nanWeights: ['w'] })).not.toHaveProperty('weights');
    expect(claims({ weights: 0 })).not.toHaveProperty('weights');
    expect(claims({ infiniteWeights: ['w'] })).not.toHaveProperty('weights');
    expect(claims({ attention: [site(0, { kvGroups: 4 })] })).not.toHaveProperty('kv-groups');
    expect(claims({ attention: [site(0, { kvGroups: null })] })).not.toHaveProperty('kv-groups');
    expect(claims({ attention: [site(0), site(1, { kind: 'fused' })] })).not.toHaveProperty('attention-mix');
    expect(claims({ collectives: 2 })).not.toHaveProperty('sharding');
    expect(claims({ origins: [{ ...origin, evidence: { rows: 30, rowsInAllHeads: 30 } }] })).not.toHaveProperty(
      'one-head',
    );
    expect(claims({ origins: [{ ...origin, evidence: { rows: 30, rowsInAllHeads: 31 } }] })).not.toHaveProperty(
      'one-head',
    );
  });

  it('judges inputs and position ids by what was fed', () => {
    expect(claims({ floatInputs: ['inputs_embeds'] }).inputs).toBe('inputs_embeds: no NaN was fed');
    expect(claims({ floatInputs: ['inputs_embeds'], nanInputs: ['inputs_embeds'] })).not.toHaveProperty('inputs');
    expect(claims({ positionIds: [{ first: 0, consecutive: true }] })).toHaveProperty('position-ids');
    expect(claims({ positionIds: [{ first: 30, consecutive: true }] })).not.toHaveProperty('position-ids');
    expect(claims({ positionIds: [{ first: 0, consecutive: false }] })).not.toHaveProperty('position-ids');
  });

  it('padding is ruled out where no sample has any', () => {
    expect(
      claims({ padded: false, origins: [{ ...origin, mechanism: 'log-of-negative', evidence: {} }] }).padding,
    ).toBe('no sample of this batch is padded, and NaN is born all the same');
    expect(claims({})).not.toHaveProperty('padding');
  });

  it('has nothing to say of a clean run', () => {
    expect(ruledOut({ ...base, origins: [] })).toEqual([]);
  });
});
