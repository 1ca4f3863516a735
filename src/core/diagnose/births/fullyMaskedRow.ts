import type { BirthRule } from './types';
import { showNumber } from './types';

/**
 * Softmax over a row that is −inf throughout because masks removed every key: the row's maximum is −inf,
 * exp(−inf − (−inf)) = exp(NaN). A row with +inf in it, or NaN, is not this.
 */
export const fullyMaskedRow: BirthRule = {
  id: 'fully-masked-row',
  explain({ birth, rows, masks, where, sampleOf, positionOf }) {
    if (birth.node.op !== 'Softmax' || !rows?.example || rows.allNegInf === 0) return null;
    if (rows.withPosInf > 0 || rows.withNaN > 0) return null;
    if (masks === null || masks.fullyMasked === 0) return null;
    const { example } = rows;
    const keys = String(example.length);
    return {
      evidence: {
        rows: rows.maskedCells,
        rowsInAllHeads: rows.allNegInf,
        keys: example.length,
        negInfInRow: example.negInf,
        masks: masks.tensors,
        exampleRow: { sample: sampleOf(example.cell), position: positionOf(example.cell), scores: example.values },
      },
      explanation:
        `${where}: the mask removes all ${keys} keys, so every score of the row is ${showNumber('-Infinity')}. ` +
        `Softmax subtracts the row's maximum: exp(−inf − (−inf)) = exp(NaN), and the whole row is NaN.`,
    };
  },
};
