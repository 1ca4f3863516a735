/**
 * Births in one element-wise operation, told by the very operands (IEEE 754-2019, 7.2 "Invalid operation"). One rule
 * a mechanism; what they share is only how operands are shown.
 */
import type { BirthMechanism, JsonNumber } from '../../report';
import type { BirthRule } from './types';
import { showNumber } from './types';

const value = (operand: JsonNumber | null | undefined): number =>
  operand === 'Infinity' ? Infinity : operand === '-Infinity' ? -Infinity : typeof operand === 'number' ? operand : NaN;

function rule(
  id: BirthMechanism,
  ops: readonly string[],
  holds: (op: string, a: number, b: number) => boolean,
  formula: (a: string, b: string) => string,
  meaning: string,
): BirthRule {
  return {
    id,
    explain({ birth, operands, inputs, where, sampleOf, positionOf }) {
      if (!ops.includes(birth.node.op) || !operands) return null;
      const fitting = operands.examples.filter(({ inputs: [a, b] }) => holds(birth.node.op, value(a), value(b)));
      const example = fitting[0];
      // Every element that was looked at must show it: one that does not has another cause.
      if (!example || fitting.length !== operands.examples.length) return null;
      const [a = null, b = null] = example.inputs;
      return {
        evidence: {
          nanElements: operands.nanElements,
          operands: inputs,
          examples: fitting.map((entry) => ({
            sample: sampleOf(entry.cell),
            position: positionOf(entry.cell),
            at: entry.at,
            values: entry.inputs,
          })),
        },
        explanation: `${where}: ${formula(showNumber(a), showNumber(b))} = NaN. ${meaning}`,
      };
    },
  };
}

const infinite = (x: number): boolean => x === Infinity || x === -Infinity;

export const zeroTimesInf = rule(
  'zero-times-inf',
  ['Mul'],
  (_, a, b) => (a === 0 && infinite(b)) || (b === 0 && infinite(a)),
  (a, b) => `${a} × ${b}`,
  'A factor meant to switch something off cannot: zero times infinity is undefined. Choose with Where instead of multiplying.',
);

export const infMinusInf = rule(
  'inf-minus-inf',
  ['Add', 'Sub'],
  (op, a, b) => infinite(a) && infinite(b) && (op === 'Add' ? a !== b : a === b),
  (a, b) => `${a} and ${b} taken together`,
  'Infinities of opposite sign have no sum.',
);

export const zeroOverZero = rule(
  'zero-over-zero',
  ['Div'],
  (_, a, b) => a === 0 && b === 0,
  (a, b) => `${a} / ${b}`,
  'Usually a norm of a vector that is all zero (a pad embedding) without an epsilon under the root.',
);

export const infOverInf = rule(
  'inf-over-inf',
  ['Div'],
  (_, a, b) => infinite(a) && infinite(b),
  (a, b) => `${a} / ${b}`,
  'Both sides had already left the range of the type.',
);

export const logOfNegative = rule(
  'log-of-negative',
  ['Log'],
  (_, a) => a < 0,
  (a) => `log(${a})`,
  'The logarithm of a negative number is undefined; clamp the argument above zero.',
);

export const sqrtOfNegative = rule(
  'sqrt-of-negative',
  ['Sqrt'],
  (_, a) => a < 0,
  (a) => `√(${a})`,
  'A variance that should be positive came out negative, or a root is taken of an unchecked value.',
);

export const powOfNegative = rule(
  'pow-of-negative',
  ['Pow'],
  // IEEE 754: infinite bases and exponents have a defined power.
  (_, a, b) => a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b),
  (a, b) => `(${a}) ^ ${b}`,
  'A negative number has no fractional power.',
);
