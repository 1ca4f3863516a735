import type { BirthMechanism } from '../report';
import type { GuideEntry } from './types';

/** How NaN comes into being where none was read. */
export const births: Readonly<Record<BirthMechanism, GuideEntry>> = {
  'fully-masked-row': {
    title: 'A row with nothing to attend to',
    formula: 'softmax(−inf, …, −inf): exp(−inf − (−inf)) = exp(NaN)',
    what:
      'Under left padding the first query positions are pads: the causal mask leaves them only pad keys, the padding ' +
      'mask removes those too, and every score of the row is −inf. Softmax subtracts the largest score first, and ' +
      '−inf − (−inf) is NaN. The real tokens of this layer are untouched, which is why it goes unnoticed until the next one.',
    recognise: [
      'NaN at pad positions only in the first layer, at all positions of the sample from the second on.',
      'As many NaN rows as there are leading pads; samples without padding are clean.',
      'The score row at birth is −inf in every key.',
    ],
    notToBeConfused: [
      {
        mechanism: 'mask-overflow',
        difference: 'the masks are finite, their sum is not: the row is −inf by overflow.',
      },
      { mechanism: 'score-overflow', difference: 'the row holds +inf, not only −inf.' },
    ],
    mends: [
      'Let fully masked rows attend everywhere (unmask-rows): pads get some finite value that nobody reads.',
      'Set the probabilities of such rows to 0 (safe softmax, or nan_to_num directly after the softmax).',
      'Pad on the right, so that every causal row sees at least the first real token; or do not pad.',
      'A finite fill in place of −inf, if masks are not added twice.',
    ],
    doesNotMend: [
      'nan_to_num on the logits: by then real tokens have been computed from NaN, and only the evidence is gone.',
      'Dropping the padding mask: finite, and wrong for real tokens.',
      'Changing how heads or experts are sharded: the pattern is the same on every rank.',
    ],
    reports: [
      { at: 'pytorch#103749', says: 'a boolean or −inf row gives 0/0 in scaled_dot_product_attention.' },
      { at: 'pytorch#41508', says: 'an early report of the same 0/0.' },
      {
        at: 'pytorch#110213',
        says: 'Falcon with left padding; led to unmasking unattended rows in transformers (#26572).',
      },
      { at: 'transformers#38690', says: 'only with some attention backends, and then at every position.' },
      { at: 'unsloth#9708', says: 'Gemma: the upstream guard had been removed, left-padded rows became NaN.' },
      { at: 'transformers#47651', says: 'appears by total length (a proposed trigger is length mod 32 = 1).' },
      { at: 'onnxscript#2479', says: 'the exported decomposition gives NaN where PyTorch gives 0.' },
      { at: 'onnx#8068', says: 'the standard now says that a masked row is 0.' },
    ],
  },
  'mask-overflow': {
    title: 'Finite masks that sum to −inf',
    formula: 'lowest + lowest = −inf; lowest + (a negative score) = −inf in half precision',
    what:
      'Masks made of the lowest finite value of the type are meant to be safe. Where two of them are added, or one meets ' +
      'a negative score in half precision, the sum leaves the range and becomes −inf; a row that is −inf throughout ' +
      'is NaN after softmax.',
    recognise: [
      'The mask itself is finite; the scores after adding it are −inf.',
      'Causal and padding parts are built apart, each with the lowest value.',
      'float32 is clean and float16 is not, or a float32 lowest value was cast to half.',
    ],
    notToBeConfused: [{ mechanism: 'fully-masked-row', difference: 'there the mask itself is −inf.' }],
    mends: [
      'Combine the masks as booleans and fill once; or clamp the summed mask at the lowest value.',
      'Use a fill of half the lowest value, or choose with Where in place of adding.',
    ],
    doesNotMend: ['A smaller epsilon, another seed, more warm-up: the sum overflows for every input.'],
    reports: [
      {
        at: 'transformers#17306',
        says: 'OPT in float16: lowest + (−16) is already −inf, NaN first at the pad position.',
      },
      { at: 'transformers#27114', says: 'causal and padding planes summed to −inf.' },
      { at: 'NeMo Automodel#2658', says: 'the same in a DeepSeek-V4 mask in bfloat16.' },
      { at: 'coremltools#2669', says: 'a float32 lowest value cast to float16 is −inf.' },
    ],
  },
  'score-overflow': {
    title: '+inf in a softmax row',
    formula: 'max = +inf: exp(+inf − (+inf)) = exp(NaN)',
    what:
      'A score left the range of its type before softmax saw it. Subtracting the maximum, which is +inf, gives ' +
      'inf − inf for that element, and the sum spreads it over the row.',
    recognise: [
      '+inf among the scores of the row.',
      'Large norms of queries or keys, or a missing 1/√d.',
      'Half precision.',
    ],
    notToBeConfused: [{ mechanism: 'fully-masked-row', difference: 'all −inf, no +inf.' }],
    mends: [
      'Compute scores and softmax in float32.',
      'Scale queries before the product, not after.',
      'Normalise or clip queries and keys.',
    ],
    doesNotMend: ['Another mask: the overflow is in the scores themselves.'],
    reports: [
      { at: 'transformers#9487', says: 'T5 in float16: activations leave the range of the type.' },
      { at: 'onnxruntime#26367', says: 'NaN in float16 on WebGPU, clean on the CPU, which computes in float32.' },
    ],
  },
  'zero-times-inf': {
    title: 'Zero times infinity',
    formula: '0 × ∞ = NaN',
    what:
      'A factor of zero was meant to switch something off, but zero times infinity has no value. The classic is a mask ' +
      'built as (1 − m) × −inf: where m is 1 it should give 0 and gives NaN.',
    recognise: [
      'A multiplication with a 0/1 mask beside a value that holds an infinity.',
      'Inside a matrix product: a 0 weight against an infinite activation.',
    ],
    notToBeConfused: [
      { mechanism: 'zero-times-nan', difference: 'there the other factor was NaN already: a crossing, not a birth.' },
    ],
    mends: ['Choose with Where in place of multiplying.', 'A finite number in place of the infinity.'],
    doesNotMend: ['Swapping the order of the factors, or adding an epsilon to the mask.'],
    reports: [],
  },
  'inf-minus-inf': {
    title: 'Infinity minus infinity',
    formula: '∞ − ∞ = NaN',
    what:
      'Two infinities that should cancel have no difference. Softmax and log-sum-exp written out by hand do this in a ' +
      'row that is −inf throughout; merging partial softmax results of empty chunks does it too.',
    recognise: ['A subtraction of a row maximum that is infinite.', 'A sum that holds +inf and −inf.'],
    notToBeConfused: [
      {
        mechanism: 'fully-masked-row',
        difference: 'the same arithmetic inside one Softmax operator, caused by masks.',
      },
    ],
    mends: ['Replace an infinite maximum by 0 before subtracting.', 'Keep empty chunks out of the merge.'],
    doesNotMend: ['Clamping the result: NaN passes a clamp.'],
    reports: [
      { at: 'vllm#27491', says: 'merging attention states whose log-sum-exp is −inf.' },
      { at: 'vllm#15492', says: 'one kernel returns +inf, the other −inf for the same empty row.' },
      { at: 'vllm#49294', says: 'an empty chunk of a chunked prefill.' },
    ],
  },
  'zero-over-zero': {
    title: 'Zero over zero',
    formula: '0 / 0 = NaN',
    what:
      'A vector that is all zero was divided by its own norm, or a masked sum by a count that is zero. Pad embeddings are ' +
      'often exactly zero, so it starts at pads.',
    recognise: ['A division whose denominator is a norm, a sum or a count without an epsilon.'],
    notToBeConfused: [
      {
        mechanism: 'fully-masked-row',
        difference: 'a softmax in one operator; written out it may end as 0 / 0 as well.',
      },
    ],
    mends: ['An epsilon under the root or in the denominator.', 'max(denominator, epsilon).'],
    doesNotMend: ['nan_to_num several operators later.'],
    reports: [{ at: 'vllm#57017', says: 'a pad slot gives 0/0, then the per-tensor FP8 scale poisons every request.' }],
  },
  'inf-over-inf': {
    title: 'Infinity over infinity',
    formula: '∞ / ∞ = NaN',
    what: 'Numerator and denominator had both left the range. Softmax without subtracting the maximum is the usual place: exp of a score above 88 is infinite in float32.',
    recognise: ['An Exp that gives +inf before the division.', 'A norm whose squares overflow.'],
    notToBeConfused: [{ mechanism: 'score-overflow', difference: 'there the scores were infinite before softmax.' }],
    mends: ['Subtract the row maximum before exp.', 'Compute norms in float32.'],
    doesNotMend: ['An epsilon in the denominator.'],
    reports: [{ at: 'transformers#5651', says: 'T5 in float16 gives NaN: activations reach the limit of the type.' }],
  },
  'log-of-negative': {
    title: 'Logarithm of a negative number',
    formula: 'log(x), x < 0',
    what: 'Rounding or an unclamped difference pushed the argument just below zero. The logarithm has no value there.',
    recognise: ['Tiny negative arguments (−1e−8), often 1 − p with p rounded above 1.'],
    notToBeConfused: [{ mechanism: 'inf-minus-inf', difference: 'log(0) = −inf is legal; what follows may not be.' }],
    mends: ['Clamp the argument at a small positive number; use log1p or log-softmax where they fit.'],
    doesNotMend: ['abs(): finite, and another function.'],
    reports: [],
  },
  'sqrt-of-negative': {
    title: 'Square root of a negative number',
    formula: '√x, x < 0',
    what: 'A variance computed as E[x²] − E[x]² loses its digits when the mean is large and comes out slightly negative.',
    recognise: ['A root after a difference of two nearly equal numbers.'],
    notToBeConfused: [{ mechanism: 'zero-over-zero', difference: 'the division after the root, not the root.' }],
    mends: ['Clamp at 0 before the root, or compute the variance from centred values; an epsilon under the root.'],
    doesNotMend: ['An epsilon after the root.'],
    reports: [],
  },
  'pow-of-negative': {
    title: 'Fractional power of a negative number',
    formula: 'x^p, x < 0, p not whole',
    what: 'A power with a fractional exponent was taken of values that can be negative.',
    recognise: ['Pow with an exponent such as 0.5 or −0.5, or one that is learned.'],
    notToBeConfused: [{ mechanism: 'sqrt-of-negative', difference: 'the same cause, another operator.' }],
    mends: ['Clamp the base at 0, or take the power of its absolute value if the sign carries no meaning.'],
    doesNotMend: ['Rounding the exponent.'],
    reports: [],
  },
  'nan-in-weights': {
    title: 'A weight holds NaN',
    formula: 'the stored number is NaN',
    what: 'Nothing computed it: the file holds NaN. Either training had already diverged, or a conversion (a cast, a quantisation scale of zero) damaged it.',
    recognise: ['The first node that reads the weight gives NaN for every sample, padded or not.'],
    notToBeConfused: [
      {
        mechanism: 'unread-nan-weight',
        difference: 'there the NaN is in a part of the weight that this batch never read.',
      },
    ],
    mends: [
      'Another copy of the weights; check the conversion.',
      'Setting them to 0 (clean-weights) shows whether anything else is wrong; it is no proof of a right model.',
    ],
    doesNotMend: ['Any change of masks or padding.'],
    reports: [],
  },
  'nan-in-input': {
    title: 'The input holds NaN',
    formula: 'the given number is NaN',
    what: 'The batch already held NaN when the model received it. Look at what made the batch: a cache that was never initialised, features divided by a zero deviation.',
    recognise: ['The input itself has NaN positions in the table.'],
    notToBeConfused: [{ mechanism: 'nan-in-weights', difference: 'the stored model, not the batch.' }],
    mends: ['Clean the batch where it is made; zero a cache before its first use.'],
    doesNotMend: ['Masking those positions: an additive mask and 0 × NaN both let NaN through.'],
    reports: [
      { at: 'wan2gp#1628', says: 'a cache with stale NaN: NaN − inf is still NaN; zero the cache.' },
      { at: 'llama.cpp#3523', says: 'uninitialised key/value slots that are masked, and poison all the same.' },
    ],
  },
  unknown: {
    title: 'A birth that no known mechanism explains',
    formula: 'clean inputs, NaN out',
    what: 'The node gave NaN although nothing that it read for these positions was NaN, and none of the known patterns fits its operands. They are shown as they were, and nothing is guessed.',
    recognise: ['Operators with bodies or custom kernels; values outside a function’s domain (asin of 2).'],
    notToBeConfused: [],
    mends: ['Read the operands in the report; clamp them to the domain of the operator.'],
    doesNotMend: [],
    reports: [],
  },
};
