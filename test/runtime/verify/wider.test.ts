/** A fix that is more exact than its reference: in float16 the reference is rounded too. */
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import { diagnosedModel } from '../../support/diagnosing';
import { halfFeeds, halved } from '../../../src/core/onnx/halve';
import { attentionModel, f32, i64, named, scalar } from '../../support/tinyAttention';

/** Scores in the hundreds, where float16 has steps of 0.125 to 0.25: the weights of real tokens are rough. */
const steep = attentionModel({
  before: [named('Q', 'Mul', ['x', 'steepness'], 'q'), named('K', 'Identity', ['x'], 'k')],
  nodes: [
    named('Fill', 'Where', ['isPad', 'lowestHalf', 'zero'], 'bias'),
    named('/layers.0/self_attn/Add', 'Add', ['scores', 'bias'], 'masked'),
  ],
  initializer: [scalar('lowestHalf', -65504), scalar('steepness', -8)],
});
const features = [6.01, -1.2, 6, -0.61, 6, -0.37, 6, 1.17, 6.02, -0.14];
const feeds = {
  x: f32([2, 5, 2], [...features.map((value) => value + 1), ...features]),
  attention_mask: i64([2, 5], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]),
};
const fp32 = (report: Report) => report.fixes?.find(({ id }) => id === 'fp32-attention');

describe('attention in float32, in a float16 model', () => {
  it('is not said to hide an error that is the rounding of its reference', async () => {
    const report = await diagnosedModel(halved(steep), halfFeeds(feeds));
    expect(report.origins.map(({ mechanism }) => mechanism)).toEqual(['mask-overflow']);
    const fix = fp32(report);
    expect(fix).toMatchObject({ verdict: 'heals', reference: 'high-precision', nanAfter: 0 });
    expect(fix?.reason).toContain('what float16 alone makes each sample without padding differ by');
    // Nearer to the samples in float32 than the float16 reference, by far.
    expect(Number(fix?.realMaxAbsDiff)).toBeLessThan(Number(fix?.tolerance) / 4);
    // The others are held to the float16 reference as before.
    expect(report.fixes?.find(({ id }) => id === 'finite-mask')).toMatchObject({
      verdict: 'heals',
      reference: 'unpadded',
    });
  });
});
