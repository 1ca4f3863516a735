import type { Explained } from './types';

/**
 * A graph input that holds NaN before the model runs: there is no node, the origin is the input. It is told before
 * all rules: a NaN that no node computed cannot be another mechanism's, and one that a node computes from clean inputs
 * is never this.
 *
 * @param positions per sample as ranges; null where the input's axes are unknown.
 */
export const nanInInput = {
  id: 'nan-in-input' as const,
  explain: (input: string, positions: readonly string[] | null, where: string): Explained => ({
    evidence: { input, positions },
    explanation: `${where}: the input ${input} already holds NaN before the model runs.`,
  }),
};
