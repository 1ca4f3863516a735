import type { Flags } from '../../trace/health';
import { hasNaN, isNaNAt, NAN } from '../../trace/health';
import type { RemovedRule } from './removed';

/**
 * Laundered: NaN reached positions, or samples, that were clean where it was born, and was removed afterwards. Not
 * where it stayed in place (`swallowed`, or `guarded`); what cannot be told apart is not claimed.
 */
export const laundered: RemovedRule = {
  id: 'laundered',
  holds: (birth, reached) => reached.some((flags) => goesBeyond(birth, flags)),
  meaning:
    'It had already reached positions that were clean at its birth, so what comes out is a number that means nothing.',
};

/** Whether NaN is at a place that was clean at the birth. */
function goesBeyond(birth: Flags, reached: Flags): boolean {
  if (!hasNaN(reached)) return false;
  // Positions of another sequence were clean at the birth, all of them.
  if (birth.perPosition && reached.perPosition && birth.sequence !== reached.sequence) return true;
  for (let sample = 0; sample < reached.samples; sample += 1) {
    for (let position = 0; position < reached.positions; position += 1) {
      if (((reached.bits[sample * reached.positions + position] ?? 0) & NAN) === 0) continue;
      if (reached.perSample && birth.perSample && !anywhere(birth, sample)) return true;
      if (reached.perPosition && birth.perPosition && !isNaNAt(birth, sample, position)) return true;
    }
  }
  return false;
}

function anywhere(flags: Flags, sample: number): boolean {
  for (let position = 0; position < flags.positions; position += 1) if (isNaNAt(flags, sample, position)) return true;
  return false;
}
