import type { Fix } from './types';
import { padHidden } from './zeroPadHidden';

/** What people write instead of `zero-pad-hidden`: `hidden * mask`. */
export const multiplyByMask: Fix = {
  id: 'multiply-by-mask',
  title: 'Multiply the hidden states with the mask',
  effect: 'Hidden states of padding that are NaN stay NaN, as NaN × 0 is NaN, and go on spreading.',
  trap: true,
  plan: (context) =>
    padHidden(context, 'multiply-by-mask', 'by multiplying', (block, { value, dtype, flags }) =>
      block.op('Mul', [value, block.cast(flags, dtype)]),
    ),
};
