import type { RemovedRule } from './removed';

/**
 * Swallowed: an operator that was never meant as a guard (a kernel's zeros, ArgMax, TopK, Max, a cast to integers, a
 * slice that leaves it out) ends the NaN before it reached any other position. Not where it had spread first
 * (`laundered`), nor where a test for NaN removes it in place (`guarded`).
 */
export const swallowed: RemovedRule = {
  id: 'swallowed',
  holds: () => true,
  meaning: 'The outputs look healthy, and what was computed from it means nothing.',
};
