/**
 * NaN inside a normalization that is one node: y = (x − mean) / √(variance + ε) × scale + bias, or without the mean
 * x / √(mean of squares + ε). Worked out again step by step from what it read, to name the first undefined one.
 */
import type { BirthMechanism, Evidence } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import { floatAttribute, normalizations } from '../rows/lanesOf';
import type { Family } from './family';
import { inRange, isInfinite } from './family';
import { showNumber } from './types';

interface Step {
  readonly mechanism: BirthMechanism;
  readonly formula: string;
  readonly meaning: string;
}

const show = (value: number): string => showNumber(jsonNumber(value));
const emptyVector =
  'Every element is the same (a pad embedding of zeros, say), and nothing (no epsilon) keeps the root above zero.';
const tooLarge = 'What it reads had already left the range of the type.';

export const normalization: Family = ({ birth, lane, dtype, sampleOf, positionOf }) => {
  const { node } = birth;
  if (!normalizations.has(node.op)) return null;
  const vectors = lane?.operands.filter((operand) => (operand.values?.length ?? 0) > 0) ?? [];
  if (!lane || vectors.length === 0) return { declines: 'what it normalises could not be read' };
  const skips = node.op.startsWith('Skip');
  const rounded = (value: number): number => inRange(dtype === 'float64' ? value : Math.fround(value), dtype);
  const first = lane.operands[0]?.values ?? new Float64Array(0);
  const second = skips ? lane.operands[1]?.values : null;
  const x = Array.from(first, (value, i) => rounded(value + (second ? (second[i] ?? 0) : 0)));
  const own = Math.max(0, lane.operands[0]?.indices?.indexOf(lane.index) ?? 0);
  const parameters = lane.operands.slice(skips ? 2 : 1).map((operand) => operand.values?.[0]);
  const epsilon = floatAttribute(node, 'epsilon', skips ? 1e-12 : 1e-5);
  const step =
    second && Array.from(first).some((value, i) => isInfinite(value) && value === -(second[i] ?? 0))
      ? sumOfBoth
      : node.op === 'BatchNormalization'
        ? batchStep(x[own] ?? NaN, parameters, epsilon)
        : node.op === 'LpNormalization'
          ? lengthStep(x, own)
          : vectorStep(x, own, parameters, epsilon, /Simplified|RMS/.test(node.op), rounded);
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
  if (!step) return { declines: `${node.op} of what it read is defined when it is worked out step by step` };
  return { ...step, evidence };
};

const sumOfBoth: Step = {
  mechanism: 'inf-minus-inf',
  formula: 'the two inputs that are added first are infinite with opposite signs: +inf + (−inf) = NaN',
  meaning: tooLarge,
};

function vectorStep(
  x: readonly number[],
  own: number,
  [scale, bias]: readonly (number | undefined)[],
  epsilon: number,
  withoutMean: boolean,
  rounded: (value: number) => number,
): Step | null {
  const value = x[own] ?? NaN;
  const size = x.length;
  const sum = (of: (value: number) => number): number =>
    x.reduce((total, entry) => rounded(total + rounded(of(entry))), 0);
  const square = (entry: number): number => entry * entry;
  if (withoutMean) {
    const root = Math.sqrt(rounded(rounded(sum(square) / size) + epsilon));
    return quotient(value, root, 'x / √(mean of squares + ε)') ?? scaled(rounded(value / root), scale, bias);
  }
  if (x.includes(Infinity) && x.includes(-Infinity))
    return {
      mechanism: 'inf-minus-inf',
      formula: 'the mean adds +inf and −inf: +inf + (−inf) = NaN',
      meaning: tooLarge,
    };
  const mean = rounded(sum((entry) => entry) / size);
  if (x.some((entry) => isInfinite(entry) && entry === mean))
    return {
      mechanism: 'inf-minus-inf',
      formula: `x − mean is ${show(mean)} − (${show(mean)}) = NaN`,
      meaning: tooLarge,
    };
  const variance = rounded(sum((entry) => square(rounded(entry - mean))) / size);
  const root = Math.sqrt(rounded(variance + epsilon));
  const whole =
    quotient(rounded(value - mean), root, '(x − mean) / √(variance + ε)') ??
    scaled(rounded(rounded(value - mean) / root), scale, bias);
  if (whole) return whole;
  // The engine's kernel takes the variance as the mean of squares minus the square of the mean.
  const meanSquare = rounded(sum(square) / size);
  const squareMean = rounded(mean * mean);
  if (isInfinite(meanSquare) && isInfinite(squareMean))
    return {
      mechanism: 'inf-minus-inf',
      formula: `the variance as mean of squares − square of the mean is ${show(meanSquare)} − (${show(squareMean)}) = NaN`,
      meaning: 'The squares left the range of the type.',
    };
  const difference = rounded(rounded(meanSquare - squareMean) + epsilon);
  if (difference < 0)
    return {
      mechanism: 'sqrt-of-negative',
      formula: `the variance as mean of squares − square of the mean, plus ε, comes out as ${show(difference)}, and √(${show(difference)}) = NaN`,
      meaning: 'Rounding made a variance negative that is zero; an epsilon under the root hides that.',
    };
  return quotient(rounded(value - mean), Math.sqrt(difference), '(x − mean) / √(variance + ε)');
}

function batchStep(
  x: number,
  [scale, bias, mean = NaN, variance = NaN]: readonly (number | undefined)[],
  epsilon: number,
): Step | null {
  if (isInfinite(x) && x === mean)
    return { mechanism: 'inf-minus-inf', formula: `x − mean is ${show(x)} − (${show(mean)}) = NaN`, meaning: tooLarge };
  if (variance + epsilon < 0)
    return {
      mechanism: 'sqrt-of-negative',
      formula: `√(variance + ε) = √(${show(variance + epsilon)}) = NaN`,
      meaning: 'The stored variance is negative: the weight is damaged.',
    };
  const root = Math.sqrt(variance + epsilon);
  return (
    quotient(x - mean, root, '(x − mean) / √(variance + ε)') ??
    scaled((x - mean) / root, scale, bias) ??
    folded(x, root, scale)
  );
}

/** The engine folds scale / √(variance + ε) into one factor. */
function folded(x: number, root: number, scale: number | undefined): Step | null {
  if (scale === undefined) return null;
  return quotient(scale, root, 'scale / √(variance + ε)') ?? scaled(x, scale / root, undefined);
}

function lengthStep(x: readonly number[], own: number): Step | null {
  return quotient(x[own] ?? NaN, Math.hypot(...x), 'x / ‖x‖');
}

function quotient(a: number, b: number, text: string): Step | null {
  if (a === 0 && b === 0)
    return { mechanism: 'zero-over-zero', formula: `${text} is ${show(a)} / ${show(b)} = NaN`, meaning: emptyVector };
  if (isInfinite(a) && isInfinite(b))
    return { mechanism: 'inf-over-inf', formula: `${text} is ${show(a)} / ${show(b)} = NaN`, meaning: tooLarge };
  return null;
}

function scaled(value: number, scale: number | undefined, bias: number | undefined): Step | null {
  if (scale !== undefined && ((value === 0 && isInfinite(scale)) || (scale === 0 && isInfinite(value))))
    return {
      mechanism: 'zero-times-inf',
      formula: `normalised × scale is ${show(value)} × ${show(scale)} = NaN`,
      meaning: 'Zero times infinity is undefined.',
    };
  const product = value * (scale ?? 1);
  if (bias !== undefined && isInfinite(product) && bias === -product)
    return {
      mechanism: 'inf-minus-inf',
      formula: `scaled + bias is ${show(product)} + (${show(bias)}) = NaN`,
      meaning: 'Infinities of opposite sign have no sum.',
    };
  return null;
}
