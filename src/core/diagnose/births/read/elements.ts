/** Element-wise operators: the very operands of the elements that are NaN, one mechanism per element. */
import type { BirthMechanism, JsonNumber } from '../../../report';
import type { Invalid, OperationRule, Words } from '../operation';
import type { BirthContext, Declined } from '../types';
import { showNumber } from '../types';

/** Activations that multiply x with a gate that goes to 0 as x goes to −inf. */
export const gated: ReadonlySet<string> = new Set([
  'Gelu',
  'FastGelu',
  'QuickGelu',
  'BiasGelu',
  'Swish',
  'Silu',
  'Mish',
  'HardSwish',
]);

const elementwise = new Set(['Mul', 'Add', 'Sum', 'Mean', 'Sub', 'Div', 'Log', 'Sqrt', 'Pow', 'Softsign', ...gated]);

export const numberOf = (operand: JsonNumber | null | undefined): number =>
  operand === 'Infinity' ? Infinity : operand === '-Infinity' ? -Infinity : typeof operand === 'number' ? operand : NaN;

export function readElements(context: BirthContext, rules: readonly OperationRule[]): Invalid | Declined | null {
  const { birth, operands, inputs, sampleOf, positionOf } = context;
  const { op } = birth.node;
  if (!elementwise.has(op)) return null;
  if (!operands || operands.groups.length === 0) return { declines: 'its operands could not be read' };
  const slots = birth.node.inputs.map((input) => inputs.indexOf(input));
  const cases = operands.groups.map((group) => ({
    group,
    found: caseOf(
      rules,
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
}

function caseOf(
  rules: readonly OperationRule[],
  op: string,
  values: readonly number[],
): (Words & { readonly mechanism: BirthMechanism }) | null {
  for (const rule of rules) {
    const words = rule.operators.has(op) ? rule.element?.(op, values) : null;
    if (words) return { mechanism: rule.id, ...words };
  }
  return null;
}
