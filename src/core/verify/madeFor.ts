/** Which fixes are made for which cause: they stand at the birth, all others somewhere on the way behind it. */
import type { BirthMechanism } from '../report';

export const madeFor: Readonly<Record<BirthMechanism, readonly string[]>> = {
  'fully-masked-row': ['unmask-rows', 'unmask-self', 'zero-masked-rows', 'nan-to-num-softmax', 'finite-mask'],
  'mask-overflow': ['finite-mask', 'fp32-attention', 'zero-masked-rows'],
  'score-overflow': ['clamp', 'fp32-attention'],
  'zero-times-inf': ['clamp', 'eps', 'finite-mask'],
  'inf-minus-inf': ['clamp', 'finite-mask'],
  'zero-over-zero': ['eps', 'stable-softmax'],
  'inf-over-inf': ['clamp', 'stable-softmax'],
  'log-of-negative': ['clamp'],
  'sqrt-of-negative': ['clamp', 'eps'],
  'pow-of-negative': ['clamp'],
  'nan-in-weights': ['clean-weights'],
  'nan-in-input': ['clean-weights'],
  unknown: [],
};
