/** What a crossing is told with are the numbers of this run: the mask's own fill, and the keys of every sample. */
import { describe, expect, it } from 'vitest';
import { verdictSentence } from '../../../src/core/trace/verdict';
import { diagnosedModel } from '../../support/diagnosing';
import { attentionModel, f32, i64, named, scalar } from '../../support/tinyAttention';

const adding = (fill: number) =>
  attentionModel({
    nodes: [
      named('mask/Where', 'Where', ['isPad', 'fill', 'zero'], 'bias'),
      named('/layers.0/self_attn/Add', 'Add', ['scores', 'bias'], 'masked'),
    ],
    initializer: [scalar('fill', fill)],
  });
/** NaN in the hidden states of padding: at the left of the first sample, at the right of the second. */
const feeds = {
  x: f32(
    [2, 5, 2],
    Array.from({ length: 20 }, (_, i) => ([0, 1, 2, 3, 18, 19].includes(i) ? NaN : 0.1 * i)),
  ),
  attention_mask: i64([2, 5], [0, 0, 1, 1, 1, 1, 1, 1, 1, 0]),
};

describe('NaN keys under a mask that is added', () => {
  it.each([
    [-Infinity, '−inf'],
    [-1e9, '−1e9'],
    [-3.4028234663852886e38, '−3.40282e38'],
  ])('filled with %f', async (fill, words) => {
    const report = await diagnosedModel(adding(fill), feeds, { fixes: false });
    const crossing = report.spread.find(({ mechanism }) => mechanism === 'nan-plus-minus-inf');
    expect(crossing).toMatchObject({ node: '/layers.0/self_attn/Add', positions: ['2-4', '0-3'] });
    expect(crossing?.explanation).toContain(
      'the keys at positions 0-1 (sample 0), position 4 (sample 1) are NaN, so their scores are NaN, and the mask ' +
        `adds ${words} to them. NaN + (${words}) = NaN`,
    );
    expect(verdictSentence(report)).toContain('NaN comes in with the input x');
    expect(crossing?.evidence.fill ?? '−inf').toBe(words);
  });
});
