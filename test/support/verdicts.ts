/** What the fixes of a report come to, and what FACTS measured of a left-padded decoder with a separate PyTorch run. */
import type { Report, Verdict } from '../../src/core/report';

/** Ids by verdict, sorted; what declines is left out. */
export function verdictsOf({ fixes }: Pick<Report, 'fixes'>): Partial<Record<Verdict, readonly string[]>> {
  const found: Partial<Record<Verdict, string[]>> = {};
  for (const { id, verdict } of fixes ?? []) if (verdict !== 'declines') (found[verdict] ??= []).push(id);
  for (const ids of Object.values(found)) ids.sort();
  return found;
}

/** Fixes that change the mask or what comes of a row without any key: each heals where that row is all that is wrong. */
const ofMaskedRows = [
  'finite-mask',
  'mask-with-where',
  'nan-to-num-softmax',
  'unmask-rows',
  'unmask-self',
  'zero-masked-rows',
  'zero-pad-attention-output',
];

/** Rows of padding before the first real token are fully masked; real tokens read them from layer 1 on. */
export const leftPaddedDecoder = {
  heals: [...ofMaskedRows, 'no-padding', 'right-padding'].sort(),
  partial: ['zero-pad-hidden'],
  hides: ['drop-padding-mask', 'nan-to-num-logits'],
  fails: ['multiply-by-mask'],
};

/** With cross-attention, where no key is the query itself. */
export const leftPaddedEncoderDecoder = {
  ...leftPaddedDecoder,
  heals: leftPaddedDecoder.heals.filter((id) => id !== 'unmask-self'),
};

/**
 * One sample that is nothing but padding: no real token was ever touched, so whatever clears its NaN heals, and what
 * leaves it is partial.
 */
export const emptySample = {
  heals: [...ofMaskedRows, 'drop-padding-mask', 'nan-to-num-logits', 'no-padding'].sort(),
  partial: ['multiply-by-mask', 'zero-pad-hidden'],
};
