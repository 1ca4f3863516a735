/** Which fix is recommended, and the sentence that says why or what else to do. */
import { describe, expect, it } from 'vitest';
import type { FixKind, FixResult, Origin, Verdict } from '../../../src/core/report';
import { recommend } from '../../../src/core/verify/recommend';
import { seedReport } from '../../support/seedReport';

const fix = (id: string, kind: FixKind, verdict: Verdict): FixResult => ({
  id,
  kind,
  title: `Title of ${id}`,
  verdict,
  reason: '',
  reference: 'unpadded',
  nanAfter: 0,
  realNanAfter: 0,
  realMaxAbsDiff: 0,
  tolerance: 1e-5,
  topTokenSame: true,
  costRatio: 1,
  edits: 1,
});
const [seed] = seedReport().origins;
if (!seed) throw new Error('the seed report has an origin');
const born = (mechanism: Origin['mechanism'], tensor = 't'): Origin[] => [{ ...seed, mechanism, tensor }];
const said = (list: readonly FixResult[], mechanism: Origin['mechanism'] = 'fully-masked-row') =>
  recommend(list, born(mechanism, 'x'));

describe('recommendation', () => {
  const fed = fix('right-padding', 'batch', 'heals');
  const set = fix('a+b', 'combination', 'heals');
  const one = fix('a', 'graph', 'heals');

  it.each<[string, FixResult[], string | null]>([
    ['one edit before a set and before another batch', [fed, set, one], 'a'],
    ['a set that can be applied before another batch', [fed, set], 'a+b'],
    ['another batch where no edit heals', [fed, fix('a', 'graph', 'partial')], 'right-padding'],
    ['never a trap, even one that looks as if it healed', [fix('nan-to-num-logits', 'trap', 'heals')], null],
    ['nothing that is partial, unproven or hides', [fix('a', 'graph', 'partial'), fix('b', 'graph', 'hides')], null],
  ])('%s', (_, list, id) => {
    const { fix: found, sentence } = said(list);
    expect(found).toBe(id);
    expect(sentence).toMatch(/^\S.*\.$/);
  });

  it('says what to do where no fix can tell the right numbers', () => {
    expect(said([], 'nan-in-input').sentence).toContain('mend what fills x');
    expect(said([fix('clean-weights', 'graph', 'unproven')], 'nan-in-weights').sentence).toContain('checkpoint');
    expect(said([fix('clamp', 'graph', 'unproven')], 'log-of-negative').sentence).toContain('Title of clamp');
    expect(said([fix('a', 'graph', 'partial')]).sentence).toContain('at padding only');
    expect(said([fix('a', 'graph', 'fails')]).sentence).toContain('No fix');
  });

  it('calls a value defined only where a fix defines one', () => {
    const why =
      'No NaN is left at real tokens, but nothing says what the right numbers are: no output can be compared.';
    const unproven = { ...fix('unmask-rows', 'graph', 'unproven'), reason: why };
    expect(said([unproven]).sentence).toBe(`“Title of unmask-rows” comes nearest. ${why}`);
    expect(said([fix('clamp', 'graph', 'unproven')], 'log-of-negative').sentence).toContain('the model never had');
  });

  it.each<[Origin['mechanism'], Origin['evidence'], RegExp]>([
    ['zero-times-inf', { infiniteOperand: 'scale', infinityIsStored: true }, /scale is stored with an infinity: load/],
    [
      'zero-times-inf',
      { infiniteOperand: 'h' },
      /where h leaves the range .* choose with Where instead of multiplying/,
    ],
    ['inf-over-inf', { infiniteOperand: 'e' }, /where e leaves the range .* subtract the row's maximum/],
    ['inf-minus-inf', {}, /what inf − inf should have been/],
    ['unknown', {}, /inside of what the operator is defined for/],
    [
      'log-of-negative',
      { inside: [{ node: '/If', body: 'then_branch' }] },
      /in a body of \/If, which fixes do not reach/,
    ],
    ['fully-masked-row', {}, /mend it there\.$/],
  ])('%s %j: says what to do in the source', (mechanism, evidence, expected) => {
    const [origin] = born(mechanism);
    const { fix: none, sentence } = recommend([], origin ? [{ ...origin, evidence }] : []);
    expect(none).toBeNull();
    expect(sentence).toMatch(expected);
  });
});
