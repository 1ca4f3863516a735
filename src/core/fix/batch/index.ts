import { noPadding } from './noPadding';
import { positionIdsFromMask } from './positionIds';
import { rightPadding } from './rightPadding';
import { sameLengthBatches } from './sameLength';
import type { BatchFix } from './types';

/** Every other way to feed a batch, in the order in which they are tried. */
export const batchFixes: readonly BatchFix[] = [rightPadding, sameLengthBatches, noPadding, positionIdsFromMask];
