/** The attention census and what is ruled out, on models whose heads are known from their options. */
import { describe, expect, it } from 'vitest';
import { diagnosed } from '../../support/diagnosing';

const left = { lengths: { lengths: [2, 5], pad: 'left' as const, seed: 1 }, fixes: false };

describe('attention census', () => {
  it.each([
    ['kimi-k2-mini?layers=2', 'eager', 1],
    ['kimi-k2-mini?layers=2&attention=fused', 'fused', 1],
    ['llama-mini?layers=2', 'eager', 2],
    ['llama-mini?layers=2&kvHeads=1', 'eager', 4],
    ['llama-mini?layers=2&kvHeads=4', 'eager', 1],
    ['llama-mini?layers=2&attention=fused', 'fused', 2],
    ['gpt2-mini?layers=2', 'eager', 1],
  ] as const)('%s: %s, %i query heads per key head', async (name, kind, kvGroups) => {
    const { model } = await diagnosed({ model: `builtin:${name}`, ...left });
    expect(model.attention.map((site) => [site.layer, site.kind, site.kvGroups])).toEqual([
      [0, kind, kvGroups],
      [1, kind, kvGroups],
    ]);
  });

  it('counts encoder, decoder and cross-attention of an encoder-decoder', async () => {
    const { model } = await diagnosed({ model: 'builtin:t5-mini?layers=2', ...left });
    expect(model.attention.map((site) => site.layer)).toEqual([0, 1, 0, 0, 1, 1]);
    expect(model.attention.every((site) => site.kvGroups === 1)).toBe(true);
  });
});

describe('checked and ruled out', () => {
  it('names what this run refutes, with its figures', async () => {
    const { ruledOut = [] } = await diagnosed({ model: 'builtin:kimi-k2-mini?layers=2&heads=4', ...left });
    const because = Object.fromEntries(ruledOut.map((entry) => [entry.id, entry.because]));
    expect(because['kv-groups']).toContain('1 group');
    expect(because['attention-mix']).toBe('2 written out, 0 fused');
    expect(because['one-head']).toBe('the rows are masked in all 4 heads alike');
    expect(because.weights).toMatch(/^none of \d+ stored float tensors holds NaN or \+inf$/);
  });

  it('does not rule out the repeat where heads share keys', async () => {
    const { ruledOut = [] } = await diagnosed({ model: 'builtin:llama-mini?layers=2', ...left });
    expect(ruledOut.map((entry) => entry.id)).not.toContain('kv-groups');
  });
});
