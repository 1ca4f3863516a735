import type { BirthRule } from './types';
import { showNumber } from './types';

/** No rule fits: the operands are shown as they are, nothing is guessed. */
export const unknownBirth: BirthRule = {
  id: 'unknown',
  explain({ birth, rows, operands, inputs, where, sampleOf, positionOf }) {
    const example = operands?.examples[0];
    const shown = example?.inputs.map((value, i) => `${inputs[i] ?? '?'} = ${showNumber(value)}`).join(', ');
    return {
      evidence: {
        operands: inputs,
        examples:
          operands?.examples.map((entry) => ({
            sample: sampleOf(entry.cell),
            position: positionOf(entry.cell),
            at: entry.at,
            values: entry.inputs,
          })) ?? [],
        inputCounts:
          operands?.inputs.map(({ nan, posInf, negInf, elements }) => ({ nan, posInf, negInf, elements })) ?? [],
        softmaxRow: rows?.example
          ? {
              length: rows.example.length,
              negInf: rows.example.negInf,
              posInf: rows.example.posInf,
              scores: rows.example.values,
            }
          : null,
      },
      explanation:
        `${where}: ${birth.node.op} gives NaN although nothing that it read was NaN` +
        `${shown === undefined || shown === '' ? '' : ` (first element: ${shown})`}. No mechanism that NaNoscope knows explains it; the operands are shown.`,
    };
  },
};
