/** Where the samples of a made batch lie: how wide each padded sequence is, and which token a position holds. */
import { NanoscopeError } from '../errors';
import { sequenceOf } from './inputAxes';
import { kindOf, layoutOf } from './layout';
import { shapeText } from './limits';
import type { InputSpec, LengthSpec } from './types';

/** Where one input's samples lie in its padded sequence. */
export interface Frame {
  readonly lengths: readonly number[];
  readonly pad: LengthSpec['pad'];
  readonly seed: number;
  /** Positions of the padded sequence. */
  readonly width: number;
}

export function frameOf(
  input: InputSpec,
  inputs: readonly InputSpec[],
  spec: LengthSpec,
  widths: ReadonlyMap<number, number>,
): Frame {
  const group = groupOf(input, inputs);
  return { ...spec, width: widths.get(group) ?? Math.max(...spec.lengths, 1) };
}

/** Which token of its sample a position holds, or −1 for a pad. */
export function tokenAt(frame: Frame, sample: number, position: number): number {
  const length = frame.lengths[sample] ?? 0;
  const token = frame.pad === 'left' ? position - (frame.width - length) : position;
  return token >= 0 && token < length ? token : -1;
}

interface FixedSizes {
  readonly samples: { readonly size: number; readonly input: InputSpec } | null;
  /** Width by sequence group. */
  readonly widths: ReadonlyMap<number, number>;
  readonly widthInputs: ReadonlyMap<number, InputSpec>;
}

/** Sizes of sample and sequence axes that the model fixes. A single row of masks or positions broadcasts. */
export function fixedSizes(inputs: readonly InputSpec[]): FixedSizes {
  let samples: FixedSizes['samples'] = null;
  const widths = new Map<number, number>();
  const widthInputs = new Map<number, InputSpec>();
  for (const input of inputs) {
    for (const { meaning, fixed } of layoutOf(input) ?? []) {
      if (fixed === null) {
        continue;
      }
      const group = groupOf(input, inputs);
      if (meaning === 'batch' && !(fixed === 1 && broadcasts(input))) {
        samples ??= { size: fixed, input };
      } else if (meaning === 'sequence' && !widths.has(group)) {
        widths.set(group, fixed);
        widthInputs.set(group, input);
      }
    }
  }
  return { samples, widths, widthInputs };
}

const broadcasts = (input: InputSpec): boolean => ['mask', 'positions'].includes(kindOf(input));

const groupOf = (input: InputSpec, inputs: readonly InputSpec[]): number =>
  sequenceOf(
    input.name,
    inputs.map((other) => other.name),
  );

/** The width of every sequence: the longest sample, or what the model fixes. */
export function commonWidths(inputs: readonly InputSpec[], spec: LengthSpec): ReadonlyMap<number, number> {
  const longest = Math.max(...spec.lengths, 1);
  const fixed = fixedSizes(inputs);
  if (fixed.samples !== null && fixed.samples.size !== spec.lengths.length) {
    throw doesNotFit(fixed.samples.input, spec, fixed);
  }
  const widths = new Map<number, number>();
  for (const group of new Set(inputs.map((input) => groupOf(input, inputs)))) {
    const width = fixed.widths.get(group) ?? longest;
    const fixedBy = fixed.widthInputs.get(group);
    const even = spec.lengths.every((length) => length === width);
    if (fixedBy !== undefined && (width < longest || (spec.pad === 'none' && !even))) {
      throw doesNotFit(fixedBy, spec, fixed);
    }
    if (spec.pad === 'none' && !even) {
      throw new NanoscopeError(
        'bad-input',
        `Samples of ${spec.lengths.join(' and ')} tokens cannot share a batch without padding.`,
        'Pad them left or right, or give equal lengths of at least 1.',
      );
    }
    widths.set(group, width);
  }
  return widths;
}

function doesNotFit(input: InputSpec, spec: LengthSpec, fixed: FixedSizes): NanoscopeError {
  const samples = fixed.samples?.size ?? spec.lengths.length;
  const width = Math.min(...fixed.widths.values());
  const exactly = spec.pad === 'none';
  const known = Number.isFinite(width);
  const example = Array.from({ length: samples }, (_, i) =>
    known ? (exactly || i % 2 === 0 ? width : Math.max(1, width - 1)) : (spec.lengths[i] ?? spec.lengths[0] ?? 1),
  );
  return new NanoscopeError(
    'bad-input',
    `Input "${input.name}" has the shape ${shapeText(input.dims ?? [])}; ` +
      `${count(spec.lengths.length, 'sample')} of ${spec.lengths.join(', ')} tokens ` +
      `${exactly ? 'without padding do' : 'do'} not fit.`,
    `Give ${count(samples, 'length')}${known ? ` of ${exactly ? 'exactly' : 'at most'} ${String(width)}` : ''}, for example ${example.join(',')}.`,
  );
}

const count = (n: number, word: string): string => `${String(n)} ${word}${n === 1 ? '' : 's'}`;
