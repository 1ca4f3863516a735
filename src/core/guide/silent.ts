import type { SilentMechanism } from '../report';
import type { GuideEntry } from './types';

/** Trouble that does not show as NaN in the outputs. */
export const silent: Readonly<Record<SilentMechanism, GuideEntry>> = {
  guarded: {
    title: 'Born and removed on purpose',
    formula: 'Where(IsNaN(p), 0, p)',
    what: 'An explicit test for NaN removes it before it reaches any position that was clean. A safe softmax does this: nothing is wrong.',
    recognise: ['A Where on IsNaN (or x ≠ x) right behind the softmax.'],
    notToBeConfused: [{ mechanism: 'laundered', difference: 'there NaN had already spread when it was removed.' }],
    mends: ['Nothing needs mending.'],
    doesNotMend: [],
    reports: [{ at: 'pytorch#133882', says: 'the safe softmax that PyTorch has since 2.5.' }],
  },
  'unmasked-silently': {
    title: 'The kernel ignores a fully masked row',
    formula: 'softmax over a uniform or unmasked row',
    what: 'The row has nothing to attend to, and the kernel attends to something anyway: a finite fill gives a uniform average of V, some fused kernels drop the mask. No NaN, and a number that means nothing at that position.',
    recognise: [
      'A finite fill (lowest value, −1e9, −1e4) and a row masked throughout.',
      'MultiHeadAttention with a key padding mask.',
    ],
    notToBeConfused: [{ mechanism: 'fully-masked-row', difference: 'the same row with −inf: NaN instead.' }],
    mends: ['Harmless at pads that nobody reads. At real rows: give them something to attend to, or set them to 0.'],
    doesNotMend: [],
    reports: [
      { at: 'onnxruntime#28904', says: 'the mean of V where the standard says 0.' },
      { at: 'TransformerLens#366', says: 'a finite sentinel above real scores: masked keys win.' },
    ],
  },
  'overflow-risk': {
    title: 'Close to the limit of the type',
    formula: '|x| near 65504 (float16)',
    what: 'Everything is finite here, and a little more would not be: in half precision, or for a longer batch, these values leave the range.',
    recognise: ['The largest magnitude stands in the table; the finding gives the margin.'],
    notToBeConfused: [{ mechanism: 'score-overflow', difference: 'there it has happened.' }],
    mends: ['Keep this part in float32 or bfloat16.', 'A clamp, as T5 has for float16.'],
    doesNotMend: [],
    reports: [
      { at: 'transformers#19229', says: 'T5 in float16: 66246 is above 65504.' },
      { at: 'transformers#22097', says: 'an export dropped the clamp that guarded it.' },
    ],
  },
  'unread-nan-weight': {
    title: 'A weight with NaN that this batch did not read',
    formula: 'a row of a table that no index chose',
    what: 'The stored weight holds NaN in a part that this batch never touched: a token that does not occur, an expert that no token was sent to. Another batch will find it.',
    recognise: ['Gather from a table, routing to experts.'],
    notToBeConfused: [{ mechanism: 'nan-in-weights', difference: 'there it was read.' }],
    mends: ['Another copy of the weights.'],
    doesNotMend: [],
    reports: [],
  },
  swallowed: {
    title: 'Removed by accident',
    formula: 'max(NaN, x) = x in some kernels; int(NaN); argmax(…, NaN, …)',
    what: 'An operator that was never meant as a guard removed the NaN: a fused kernel that returns zeros, ArgMax, TopK, Max, a cast to integer. The outputs look healthy. The birth stays an origin, because what was computed from it means nothing.',
    recognise: ['NaN in the middle, none at the end, and no test for NaN between them.'],
    notToBeConfused: [
      { mechanism: 'guarded', difference: 'there a test for NaN removes it where it was born.' },
      { mechanism: 'laundered', difference: 'it had spread to other positions first.' },
    ],
    mends: ['Mend the birth.'],
    doesNotMend: ['Looking at final outputs only.'],
    reports: [
      { at: 'vllm#53029', says: 'an all-NaN row of logits became a valid token.' },
      {
        at: 'sglang#33206',
        says: 'nan_to_num turned an all-NaN row into a uniform distribution: noise streamed as an answer.',
      },
    ],
  },
  laundered: {
    title: 'Spread, then wiped clean',
    formula: 'nan_to_num on what was computed from NaN',
    what: 'NaN reached positions that were clean and was replaced by a number afterwards. What comes out is finite and means nothing; a check for NaN at the output passes.',
    recognise: ['Real tokens are NaN in some layer and finite in a later one.'],
    notToBeConfused: [{ mechanism: 'guarded', difference: 'there nothing else had been reached.' }],
    mends: ['Mend the birth and remove the wiping; or move the guard to directly after the softmax.'],
    doesNotMend: ['More nan_to_num.'],
    reports: [{ at: 'sglang#33263', says: 'nan_to_num on an all-NaN row: what was streamed looked healthy.' }],
  },
};
