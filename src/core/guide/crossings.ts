import type { CrossingMechanism } from '../report';
import type { GuideEntry } from './types';

/** How NaN reaches positions that were clean. */
export const crossings: Readonly<Record<CrossingMechanism, GuideEntry>> = {
  'nan-plus-minus-inf': {
    title: 'An additive mask cannot remove NaN',
    formula: 'NaN + (−inf) = NaN',
    what:
      'The key at a pad position is NaN since the layer before, so its score is NaN for every query. The mask adds −inf ' +
      'to it, and the sum is still NaN. One NaN in a row makes the row’s maximum and sum NaN, so real tokens are lost ' +
      'one layer after the birth.',
    recognise: [
      'Pad only in one layer, every position of the sample in the next.',
      'The mask is added (Add), not chosen (Where).',
    ],
    notToBeConfused: [
      {
        mechanism: 'zero-times-nan',
        difference: 'the scores are clean (a Where removed the NaN) and NaN comes in through V.',
      },
      { mechanism: 'contraction', difference: 'the row may attend to the NaN key: no mask stands between them.' },
    ],
    mends: ['Mend the birth; this step then has nothing to carry.', 'Choose with Where and keep V clean as well.'],
    doesNotMend: ['A stronger mask: −inf is already the strongest.'],
    reports: [
      { at: 'pytorch#101967', says: 'a masked NaN key still poisons the row.' },
      { at: 'llama.cpp#3523', says: 'NaN − inf is still NaN.' },
    ],
  },
  'zero-times-nan': {
    title: 'Weight zero does not protect against NaN in V',
    formula: '0 × NaN = NaN',
    what: 'The mask gives a pad key the probability 0, but its value vector is NaN, and the sum over keys multiplies 0 by NaN. Masking scores, in whatever way, cannot protect V.',
    recognise: [
      'Scores and probabilities are clean, the output of P·V is NaN.',
      'A boolean mask with Where: K is protected, V is not.',
    ],
    notToBeConfused: [
      { mechanism: 'nan-plus-minus-inf', difference: 'the scores are NaN already.' },
      { mechanism: 'zero-times-inf', difference: 'a birth: there the other factor was infinite, not NaN.' },
    ],
    mends: [
      'Mend the birth.',
      'Zero the pad hidden states before each attention, with Where and never by multiplying.',
    ],
    doesNotMend: ['Multiplying V by the mask: 0 × NaN again.'],
    reports: [
      { at: 'flash-attention#2374', says: 'NaN in V of masked slots reaches the output.' },
      { at: 'vllm#53856', says: 'K alone never poisons there, V does.' },
      { at: 'transformers#46765', says: 'pad tokens wrote NaN into a shared cache.' },
    ],
  },
  contraction: {
    title: 'A sum with one NaN term',
    formula: 'a + … + NaN + … = NaN',
    what: 'A product sums over elements of which one is NaN, and nothing forbids reading it. Attention rows that may attend to a NaN key belong here: the spread is legitimate, the birth is elsewhere.',
    recognise: [
      'MatMul, Gemm, Einsum or a fused attention node.',
      'Causal order: positions after the NaN, not before.',
    ],
    notToBeConfused: [{ mechanism: 'nan-plus-minus-inf', difference: 'there the mask should have kept the NaN out.' }],
    mends: ['Mend the birth.'],
    doesNotMend: [],
    reports: [],
  },
  'softmax-row': {
    title: 'One NaN fills a softmax row',
    formula: 'max(…, NaN) = NaN',
    what: 'Softmax divides every element by the sum of the row. One NaN makes it NaN, and with it every element.',
    recognise: ['NaN in one column before, in whole rows after.'],
    notToBeConfused: [{ mechanism: 'fully-masked-row', difference: 'there nothing was NaN before.' }],
    mends: ['Mend the birth.'],
    doesNotMend: [],
    reports: [],
  },
  reduction: {
    title: 'One number shared by all positions',
    formula: 'amax, mean or sum over positions with one NaN',
    what: 'A statistic over positions (a per-tensor scale, a mean over tokens) reads pads as well. If one of them is NaN the statistic is NaN, and it is applied to everybody.',
    recognise: ['A whole sample, or every sample of the batch, becomes NaN in one step that is no attention.'],
    notToBeConfused: [{ mechanism: 'contraction', difference: 'a product over features or keys.' }],
    mends: ['Leave pads out of the statistic.', 'Mend the birth.'],
    doesNotMend: [],
    reports: [
      { at: 'vllm#57094', says: 'a per-tensor FP8 amax over pad slots poisons every request.' },
      { at: 'sglang#26133', says: 'pad rows contaminate the amax at the input of MLA.' },
    ],
  },
  elementwise: {
    title: 'Combined with a NaN of another position',
    formula: 'x ∘ NaN = NaN',
    what: 'An element-wise operator broadcasts a value of other positions over clean ones.',
    recognise: ['A broadcast axis: the NaN operand has size 1 where the result has positions.'],
    notToBeConfused: [],
    mends: ['Mend the birth.'],
    doesNotMend: [],
    reports: [],
  },
  residual: {
    title: 'Carried on by the residual stream',
    formula: 'x + NaN = NaN',
    what: 'The sublayer’s output is NaN and is added to a clean stream, which is NaN from there to the end of the model.',
    recognise: ['The layer’s output is NaN exactly where its sublayer’s is.'],
    notToBeConfused: [],
    mends: ['Mend the birth; or zero the attention output at pads with Where.'],
    doesNotMend: [],
    reports: [],
  },
  gather: {
    title: 'Copied to another place',
    formula: 'y[i] = x[j]',
    what: 'A row that is NaN was copied, shifted or concatenated to a position that was clean.',
    recognise: ['Gather, Scatter, Slice, Concat, a cache.'],
    notToBeConfused: [],
    mends: ['Mend the birth; clean the cache slot before it is reused.'],
    doesNotMend: [],
    reports: [{ at: 'transformers#46765', says: 'a shared cache that held NaN of pads, only when it was tiny.' }],
  },
};
