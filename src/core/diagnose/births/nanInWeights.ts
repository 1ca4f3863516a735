import type { BirthRule, Explained } from './types';

/**
 * A weight or constant that the node reads holds NaN; the activations that it reads do not. Declines (has nothing to
 * say) where no stored operand holds NaN, and where the NaN rows of a table were not read: then NaN is not born.
 */
export const nanInWeights: BirthRule = {
  id: 'nan-in-weights',
  explain({ birth, nanWeights, operands, where }) {
    const weight = nanWeights[0];
    if (weight === undefined) return null;
    const example = operands?.examples[0];
    return {
      evidence: {
        weights: nanWeights,
        nanElementsOut: operands?.nanElements ?? null,
        exampleElement: example ? [...example.at] : null,
      },
      explanation:
        `${where}: the stored tensor ${weight} itself holds NaN, and ${birth.node.op} reads it there. ` +
        `Nothing computed it: the weight file is damaged, or training had already diverged.`,
    };
  },
};

/** A graph output that is itself a constant with NaN: no node reads or computes it. */
export const storedOutput = (output: string): Explained => ({
  evidence: { weights: [output] },
  explanation: `The output ${output} is a stored constant that holds NaN; nothing computed it.`,
});
