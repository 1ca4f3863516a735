/**
 * Normalizations that are one node: y = (x − mean) / √(variance + ε) × scale + bias, or without the mean
 * x / √(mean of squares + ε). Worked out again step by step from what was read, to name the first undefined one.
 */
import type { Evidence } from '../../../report';
import { jsonNumber } from '../../../trace/jsonNumber';
import { floatAttribute, normalizations } from '../../rows/lanesOf';
import { inRange, isInfinite } from '../family';
import type { Invalid, OperationRule } from '../operation';
import type { BirthContext, Declined } from '../types';
import { show } from '../types';

export { normalizations };

export interface Step {
  readonly op: 'Add' | 'Sub' | 'Mul' | 'Div' | 'Sqrt';
  readonly values: readonly number[];
  /** Puts the formula into its place: "x − mean is +inf − (+inf) = NaN". */
  readonly says: (formula: string) => string;
  /** Why, where it is not what the mechanism says of norms. */
  readonly because?: string;
}

export const tooLarge = 'What it reads had already left the range of the type.';
const noSum = 'Infinities of opposite sign have no sum.';

export function readNormalization(
  { birth, lane, dtype, sampleOf, positionOf }: BirthContext,
  rules: readonly OperationRule[],
): Invalid | Declined | null {
  const { node } = birth;
  if (!normalizations.has(node.op)) return null;
  const vectors = lane?.operands.filter((operand) => (operand.values?.length ?? 0) > 0) ?? [];
  if (!lane || vectors.length === 0) return { declines: 'what it normalises could not be read' };
  const skips = node.op.startsWith('Skip');
  const rounded = (value: number): number => inRange(dtype === 'float64' ? value : Math.fround(value), dtype);
  const first = lane.operands[0]?.values ?? new Float64Array(0);
  const second = (skips ? lane.operands[1]?.values : null) ?? null;
  const x = Array.from(first, (value, i) => rounded(value + (second?.[i] ?? 0)));
  const own = Math.max(0, lane.operands[0]?.indices?.indexOf(lane.index) ?? 0);
  const parameters = lane.operands.slice(skips ? 2 : 1).map((operand) => operand.values?.[0]);
  const epsilon = floatAttribute(node, 'epsilon', skips ? 1e-12 : 1e-5);
  const evidence: Evidence = {
    sample: sampleOf(lane.cell),
    position: positionOf(lane.cell),
    at: lane.at,
    operands: lane.names,
    elements: x.length,
    zeros: x.filter((value) => value === 0).length,
    posInf: x.filter((value) => value === Infinity).length,
    negInf: x.filter((value) => value === -Infinity).length,
    first: x.slice(0, 4).map(jsonNumber),
    ...(node.op === 'LpNormalization' ? {} : { epsilon }),
  };
  const steps = function* (): Generator<Step> {
    if (second) yield* sumOfBoth(first, second);
    if (node.op === 'BatchNormalization') yield* batchSteps(x[own] ?? NaN, parameters, epsilon);
    else if (node.op === 'LpNormalization') yield quotient(x[own] ?? NaN, Math.hypot(...x), 'x / ‖x‖');
    else yield* vectorSteps(x, own, parameters, epsilon, /Simplified|RMS/.test(node.op), rounded);
  };
  for (const step of steps()) {
    for (const rule of rules) {
      const words = rule.step?.(step);
      if (words) return { ...words, mechanism: rule.id, evidence };
    }
  }
  return { declines: `${node.op} of what it read is defined when it is worked out step by step` };
}

const is =
  (what: string) =>
  (formula: string): string =>
    `${what} is ${formula}`;

const quotient = (a: number, b: number, what: string): Step => ({ op: 'Div', values: [a, b], says: is(what) });

function* sumOfBoth(first: Float64Array, second: Float64Array): Generator<Step> {
  const at = first.findIndex((value, i) => isInfinite(value) && value === -(second[i] ?? 0));
  if (at < 0) return;
  yield {
    op: 'Add',
    values: [Infinity, -Infinity],
    says: (formula) => `the two inputs that are added first are infinite with opposite signs: ${formula}`,
    because: tooLarge,
  };
}

function* vectorSteps(
  x: readonly number[],
  own: number,
  [scale, bias]: readonly (number | undefined)[],
  epsilon: number,
  withoutMean: boolean,
  rounded: (value: number) => number,
): Generator<Step> {
  const value = x[own] ?? NaN;
  const size = x.length;
  const sum = (of: (value: number) => number): number =>
    x.reduce((total, entry) => rounded(total + rounded(of(entry))), 0);
  const square = (entry: number): number => entry * entry;
  if (withoutMean) {
    const root = Math.sqrt(rounded(rounded(sum(square) / size) + epsilon));
    yield quotient(value, root, 'x / √(mean of squares + ε)');
    yield* scaled(rounded(value / root), scale, bias);
    return;
  }
  if (x.includes(Infinity) && x.includes(-Infinity))
    yield {
      op: 'Add',
      values: [Infinity, -Infinity],
      says: (formula) => `the mean adds +inf and −inf: ${formula}`,
      because: tooLarge,
    };
  const mean = rounded(sum((entry) => entry) / size);
  if (x.some((entry) => isInfinite(entry) && entry === mean))
    yield { op: 'Sub', values: [mean, mean], says: is('x − mean'), because: tooLarge };
  const variance = rounded(sum((entry) => square(rounded(entry - mean))) / size);
  const root = Math.sqrt(rounded(variance + epsilon));
  yield quotient(rounded(value - mean), root, '(x − mean) / √(variance + ε)');
  yield* scaled(rounded(rounded(value - mean) / root), scale, bias);
  // The engine's kernel takes the variance as the mean of squares minus the square of the mean.
  const meanSquare = rounded(sum(square) / size);
  const squareMean = rounded(mean * mean);
  yield {
    op: 'Sub',
    values: [meanSquare, squareMean],
    says: is('the variance as mean of squares − square of the mean'),
    because: 'The squares left the range of the type.',
  };
  const difference = rounded(rounded(meanSquare - squareMean) + epsilon);
  yield {
    op: 'Sqrt',
    values: [difference],
    says: (formula) =>
      `the variance as mean of squares − square of the mean, plus ε, comes out as ${show(difference)}, and ${formula}`,
    because: 'Rounding made a variance negative that is zero; an epsilon under the root hides that.',
  };
  yield quotient(rounded(value - mean), Math.sqrt(difference), '(x − mean) / √(variance + ε)');
}

function* batchSteps(
  x: number,
  [scale, bias, mean = NaN, variance = NaN]: readonly (number | undefined)[],
  epsilon: number,
): Generator<Step> {
  yield { op: 'Sub', values: [x, mean], says: is('x − mean'), because: tooLarge };
  yield {
    op: 'Sqrt',
    values: [variance + epsilon],
    says: (formula) => `√(variance + ε) = ${formula}`,
    because: 'The stored variance is negative: the weight is damaged.',
  };
  const root = Math.sqrt(variance + epsilon);
  yield quotient(x - mean, root, '(x − mean) / √(variance + ε)');
  yield* scaled((x - mean) / root, scale, bias);
  if (scale === undefined) return;
  // The engine folds scale / √(variance + ε) into one factor.
  yield quotient(scale, root, 'scale / √(variance + ε)');
  yield* scaled(x, scale / root, undefined);
}

function* scaled(value: number, scale: number | undefined, bias: number | undefined): Generator<Step> {
  if (scale !== undefined) yield { op: 'Mul', values: [value, scale], says: is('normalised × scale') };
  if (bias !== undefined)
    yield { op: 'Add', values: [value * (scale ?? 1), bias], says: is('scaled + bias'), because: noSum };
}
