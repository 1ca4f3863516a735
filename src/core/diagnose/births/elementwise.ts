/** Undefined operations on single elements, told by the very operands. */
import type { BirthMechanism, JsonNumber } from '../../report';
import type { Family } from './family';
import { isInfinite } from './family';
import type { BirthContext } from './types';
import { showNumber } from './types';

interface Case {
  readonly mechanism: BirthMechanism;
  readonly formula: string;
  readonly meaning: string;
}

const numberOf = (operand: JsonNumber | null | undefined): number =>
  operand === 'Infinity' ? Infinity : operand === '-Infinity' ? -Infinity : typeof operand === 'number' ? operand : NaN;
const show = (value: number): string =>
  showNumber(
    Number.isFinite(value) ? value : value === Infinity ? 'Infinity' : value === -Infinity ? '-Infinity' : 'NaN',
  );

const zeroTimesInf = (a: number, b: number, meaning: string): Case | null =>
  (a === 0 && isInfinite(b)) || (b === 0 && isInfinite(a))
    ? { mechanism: 'zero-times-inf', formula: `${show(a)} × ${show(b)} = NaN`, meaning }
    : null;

/** Activations that multiply x with a gate that goes to 0 as x goes to −inf. */
const gated = new Set(['Gelu', 'FastGelu', 'QuickGelu', 'BiasGelu', 'Swish', 'Silu', 'Mish', 'HardSwish']);

function caseOf(op: string, values: readonly number[]): Case | null {
  const [a = NaN, b = NaN] = values;
  switch (op) {
    case 'Mul':
      return zeroTimesInf(
        a,
        b,
        'A factor meant to switch something off cannot: zero times infinity is undefined. Choose with Where instead of multiplying.',
      );
    case 'Add':
    case 'Sum':
    case 'Mean':
      return values.includes(Infinity) && values.includes(-Infinity)
        ? {
            mechanism: 'inf-minus-inf',
            formula: `${values.map(show).join(' + ')} = NaN`,
            meaning: 'Infinities of opposite sign have no sum.',
          }
        : null;
    case 'Sub':
      return isInfinite(a) && a === b
        ? {
            mechanism: 'inf-minus-inf',
            formula: `${show(a)} − (${show(b)}) = NaN`,
            meaning: 'The difference of two infinities of the same sign is undefined.',
          }
        : null;
    case 'Div':
      if (a === 0 && b === 0)
        return {
          mechanism: 'zero-over-zero',
          formula: `${show(a)} / ${show(b)} = NaN`,
          meaning: 'Usually a norm of a vector that is all zero (a pad embedding) without an epsilon under the root.',
        };
      return isInfinite(a) && isInfinite(b)
        ? {
            mechanism: 'inf-over-inf',
            formula: `${show(a)} / ${show(b)} = NaN`,
            meaning: 'Both sides had already left the range of the type.',
          }
        : null;
    case 'Log':
      return a < 0
        ? {
            mechanism: 'log-of-negative',
            formula: `log(${show(a)}) = NaN`,
            meaning: 'The logarithm of a negative number is undefined; clamp the argument above zero.',
          }
        : null;
    case 'Sqrt':
      return a < 0
        ? {
            mechanism: 'sqrt-of-negative',
            formula: `√(${show(a)}) = NaN`,
            meaning: 'A variance that should be positive came out negative, or a root is taken of an unchecked value.',
          }
        : null;
    case 'Pow':
      // IEEE 754: infinite bases and exponents have a defined power.
      return a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b)
        ? {
            mechanism: 'pow-of-negative',
            formula: `(${show(a)}) ^ ${show(b)} = NaN`,
            meaning: 'A negative number has no fractional power.',
          }
        : null;
    case 'Softsign':
      return isInfinite(a)
        ? {
            mechanism: 'inf-over-inf',
            formula: `${show(a)} / (1 + |${show(a)}|) = NaN`,
            meaning: 'Softsign divides by 1 + |x|; the operand had already left the range of the type.',
          }
        : null;
    default:
      return gated.has(op) && a === -Infinity
        ? zeroTimesInf(
            a,
            0,
            `${op} multiplies x with a gate that is 0 at −inf; x had already left the range of the type.`,
          )
        : null;
  }
}

const known = new Set(['Mul', 'Add', 'Sum', 'Mean', 'Sub', 'Div', 'Log', 'Sqrt', 'Pow', 'Softsign', ...gated]);

export const elementwise: Family = (context) => {
  const { birth, operands, inputs, sampleOf, positionOf } = context;
  const { op } = birth.node;
  if (!known.has(op)) return null;
  if (!operands || operands.groups.length === 0) return { declines: 'its operands could not be read' };
  const slots = birth.node.inputs.map((input) => inputs.indexOf(input));
  const cases = operands.groups.map((group) => ({
    group,
    found: caseOf(
      op,
      slots.map((slot) => numberOf(group.inputs[slot])),
    ),
  }));
  const counts = new Map<BirthMechanism, number>();
  for (const { group, found } of cases)
    if (found) counts.set(found.mechanism, (counts.get(found.mechanism) ?? 0) + group.count);
  const [leading] = [...counts].sort((x, y) => y[1] - x[1]);
  const first = cases.find(({ found }) => found?.mechanism === leading?.[0]);
  if (!leading || !first?.found) {
    const shown = operands.groups[0]?.inputs.map(showNumber).join(', ') ?? '';
    return { declines: `${op} of ${shown} is defined` };
  }
  const others = [...counts].filter(([mechanism]) => mechanism !== leading[0]);
  const explained = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return {
    mechanism: leading[0],
    formula: first.found.formula,
    meaning:
      first.found.meaning +
      others.map(([mechanism, count]) => ` ${String(count)} more elements of it are ${mechanism}.`).join(''),
    evidence: {
      nanElements: operands.nanElements,
      operands: inputs,
      examples: cases
        .filter(({ found }) => found?.mechanism === leading[0])
        .slice(0, 3)
        .map(({ group }) => ({
          sample: sampleOf(group.cell),
          position: positionOf(group.cell),
          at: group.at,
          values: group.inputs,
          elements: group.count,
        })),
      ...(others.length > 0 ? { also: Object.fromEntries(others) } : {}),
      ...(explained < operands.nanElements ? { unexplained: operands.nanElements - explained } : {}),
    },
  };
};

/** Where an operator that no listed mechanism is about has no value; for the words of `unknown`. */
export function outsideDomain(context: BirthContext): string | null {
  const { birth, operands, inputs } = context;
  const slots = birth.node.inputs.map((input) => inputs.indexOf(input));
  const group = operands?.groups[0];
  if (!group) return null;
  const [a = NaN, b = NaN] = slots.map((slot) => numberOf(group.inputs[slot]));
  switch (birth.node.op) {
    case 'Acos':
    case 'Asin':
      return Math.abs(a) > 1 ? `${birth.node.op} is defined between −1 and 1 only, and reads ${show(a)}` : null;
    case 'Acosh':
      return a < 1 ? `Acosh is defined from 1 on, and reads ${show(a)}` : null;
    case 'Atanh':
      return Math.abs(a) > 1 ? `Atanh is defined between −1 and 1 only, and reads ${show(a)}` : null;
    case 'Sin':
    case 'Cos':
    case 'Tan':
      return isInfinite(a) ? `${birth.node.op} has no value at ${show(a)}` : null;
    case 'Mod':
      return b === 0 || isInfinite(a) ? `${show(a)} modulo ${show(b)} is not defined` : null;
    default:
      return null;
  }
}
