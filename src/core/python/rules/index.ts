import {
  addedMasks,
  castMask,
  filledTooLate,
  lowestMask,
  maskTimesInfinity,
  mergedMask,
  multipliedAway,
  removedGuard,
  unguardedMask,
} from './masks';
import {
  halfSoftmax,
  hiddenNaN,
  softmaxWithoutMaximum,
  unguardedDomain,
  whereUnderAutograd,
  withoutEpsilon,
} from './numbers';
import { arangePositions, leftPaddingEager } from './padding';
import type { Rule } from './types';

export type { Rule, Severity } from './types';

/** In the order of a reader: masks, arithmetic, padding. */
export const rules: readonly Rule[] = [
  unguardedMask,
  lowestMask,
  mergedMask,
  addedMasks,
  castMask,
  maskTimesInfinity,
  multipliedAway,
  filledTooLate,
  removedGuard,
  softmaxWithoutMaximum,
  withoutEpsilon,
  unguardedDomain,
  whereUnderAutograd,
  halfSoftmax,
  hiddenNaN,
  arangePositions,
  leftPaddingEager,
];
