/** The reference of models with fixed lengths: the padded batch without its masked slots, every sample of it. */
import { describe, expect, it } from 'vitest';
import { diagnosedModel } from '../../support/diagnosing';
import { attentionModel, leftPadded, named } from '../../support/tinyAttention';

describe('a batch of fixed lengths with one padded sample', () => {
  it('sees what the trap does to real tokens of the padded one, though the other sample comes after it', async () => {
    const model = attentionModel({
      nodes: [
        named('mask/Or', 'Or', ['isPad', 'later'], 'closed'),
        named('/layers.0/self_attn/Where', 'Where', ['closed', 'minusInf', 'scores'], 'masked'),
      ],
    });
    const { fixes } = await diagnosedModel(model, leftPadded(3));
    const trap = fixes?.find(({ id }) => id === 'drop-padding-mask');
    expect(trap).toMatchObject({ kind: 'trap', verdict: 'hides', reference: 'in-batch' });
    // Position 2 sees itself alone, x = 0.3; without the mask it sees x = 0.1, 0.2 and 0.3 with weights exp(q·k).
    const weights = [0.1 * 0.3 + 0.15 * 0.35, 0.2 * 0.3 + 0.25 * 0.35, 0.3 * 0.3 + 0.35 * 0.35].map(Math.exp);
    const sum = weights.reduce((a, b) => a + b);
    const mixed = weights.reduce((all, weight, i) => all + (weight / sum) * (0.1 + 0.1 * i), 0);
    expect(trap?.realMaxAbsDiff).toBeCloseTo(0.3 - mixed, 5);
  });
});
