import { clamp } from './clamp';
import { cleanWeights } from './cleanWeights';
import { dropPaddingMask } from './dropPaddingMask';
import { eps } from './eps';
import { finiteMask } from './finiteMask';
import { fp32Attention } from './fp32Attention';
import { maskWithWhere } from './maskWithWhere';
import { multiplyByMask } from './multiplyByMask';
import { nanToNumLogits } from './nanToNumLogits';
import { nanToNumSoftmax } from './nanToNumSoftmax';
import { positionIdsFromMask } from './positionIdsFromMask';
import { stableSoftmax } from './stableSoftmax';
import type { Fix } from './types';
import { unmaskRows } from './unmaskRows';
import { unmaskSelf } from './unmaskSelf';
import { zeroMaskedRows } from './zeroMaskedRows';
import { zeroPadAttentionOutput } from './zeroPadAttentionOutput';
import { zeroPadHidden } from './zeroPadHidden';

/** Every fix of the graph, in the order in which they are tried. */
export const fixes: readonly Fix[] = [
  unmaskRows,
  unmaskSelf,
  zeroMaskedRows,
  nanToNumSoftmax,
  zeroPadAttentionOutput,
  zeroPadHidden,
  finiteMask,
  maskWithWhere,
  fp32Attention,
  stableSoftmax,
  eps,
  clamp,
  cleanWeights,
];

/** What people do that removes NaN, or seems to, and not the error: run to show it, never recommended. */
export const traps: readonly Fix[] = [multiplyByMask, nanToNumLogits, dropPaddingMask];

/** What padding makes wrong without any NaN: tried where that is seen, beside a fix that clears the NaN. */
export const fixesOfPositions: readonly Fix[] = [positionIdsFromMask];
