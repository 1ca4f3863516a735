/**
 * Births in one undefined operation, one rule a mechanism. What is undefined is found once per operator family
 * (`elementwise`, `contraction`, `reduction`, `normalization`); a rule holds where that is its own mechanism.
 */
import type { BirthMechanism } from '../../report';
import { invalidOperation } from './invalid';
import type { BirthRule } from './types';
import { softmaxNote } from './softmaxNote';

/** Mechanisms that single operations can have; sums, products and norms can have several. */
const ofOperation: Readonly<Record<string, readonly BirthMechanism[]>> = {
  Mul: ['zero-times-inf'],
  Add: ['inf-minus-inf'],
  Sub: ['inf-minus-inf'],
  Sum: ['inf-minus-inf'],
  Mean: ['inf-minus-inf'],
  Div: ['zero-over-zero', 'inf-over-inf'],
  Log: ['log-of-negative'],
  Sqrt: ['sqrt-of-negative'],
  Pow: ['pow-of-negative'],
};

const concerns = (id: BirthMechanism, op: string): boolean =>
  (ofOperation[op] ?? ['zero-times-inf', 'inf-minus-inf', 'zero-over-zero']).includes(id);

function rule(id: BirthMechanism): BirthRule {
  return {
    id,
    explain(context) {
      const found = invalidOperation(context);
      if (!found) return null;
      if ('declines' in found) return concerns(id, context.birth.node.op) ? found : null;
      if (found.mechanism !== id) return null;
      return {
        evidence: { ...found.evidence, ...(softmaxNote(context)?.evidence ?? {}) },
        explanation: `${context.where}: ${found.formula}. ${softmaxNote(context)?.text ?? found.meaning}`,
      };
    },
  };
}

export const zeroTimesInf = rule('zero-times-inf');
export const infMinusInf = rule('inf-minus-inf');
export const zeroOverZero = rule('zero-over-zero');
export const infOverInf = rule('inf-over-inf');
export const logOfNegative = rule('log-of-negative');
export const sqrtOfNegative = rule('sqrt-of-negative');
export const powOfNegative = rule('pow-of-negative');
