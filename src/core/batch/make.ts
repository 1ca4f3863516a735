/**
 * Makes a batch for a model from its own input names and shapes: so many samples, so many real tokens each,
 * padded on one side. What a sample holds depends on the seed, the input and the sample only, not on the padding
 * or on the other samples, so that padded and unpadded runs can be compared.
 */
import { NanoscopeError } from '../errors';
import { RandomStream } from '../models/random';
import { bytesPerElement, elementCount } from '../tensor';
import type { DType, TensorData } from '../tensor';
import { sequenceOf } from './inputAxes';
import { kindOf, layoutOf, marksPadding } from './layout';
import type { AxisLayout } from './layout';
import { batchLimits, checkedCount, megabytes, shapeText } from './limits';
import { isDType, isFloat, toElements } from './numbers';
import type { Batch, InputSpec, LengthSpec } from './types';

export interface BatchHints {
  /** Rows of the table that an id input looks up: ids are below it. */
  readonly idBounds?: Readonly<Record<string, number>>;
  /** What the elements of an input mean that is a mask, where the graph or a person tells; else its name does. */
  readonly masks?: Readonly<Record<string, MaskMeaning>>;
  /** What fills the padding of an id input, where that is known; else 0. */
  readonly padIds?: Readonly<Record<string, number>>;
}

/** `flag`: `real` against the other of 0 and 1. `additive`: 0 is real, −∞ is not. */
export interface MaskMeaning {
  readonly form: 'flag' | 'additive';
  readonly real: 0 | 1;
}

/** Ids below this exist in the vocabulary of any model that is larger than a toy. */
const safeIdBound = 32;

/**
 * Ids (1 … bound − 1 at real positions, 0 at pads; 0 stands in for the pad's id where that is another), masks, position ids (counted from the first real token),
 * segments (0), empty caches, and normal floats for everything else.
 * @throws NanoscopeError `bad-input` when the lengths do not fit the model or an input cannot be made up,
 *   `mask-ambiguous` when a mask input could mean several things
 */
export function makeBatch(inputs: readonly InputSpec[], spec: LengthSpec, hints: BatchHints = {}): Batch {
  checkLengths(spec);
  const parts = inputs.map((input) => ({ input, dtype: knownType(input), axes: knownLayout(input) }));
  const widths = commonWidths(inputs, spec);
  let bytes = 0;
  const made = parts.map(({ input, dtype, axes }) => {
    const frame = frameOf(input, inputs, spec, widths);
    const dims = axes.map((axis, i) => sizeOf(input, axis, i, frame));
    bytes += checkedCount(`Input "${input.name}"`, dtype, dims, 'bad-input') * bytesPerElement(dtype);
    if (bytes > batchLimits.totalBytes) {
      throw new NanoscopeError(
        'bad-input',
        `The batch would be larger than ${megabytes(batchLimits.totalBytes)}.`,
        'Use fewer samples or shorter ones.',
      );
    }
    const values = valuesOf({ input, dtype, axes, dims, frame, hints });
    return [input.name, { dtype, dims, data: toElements(dtype, values) }] as const;
  });
  return { inputs: Object.fromEntries<TensorData>(made), lengths: spec };
}

/** The batch of `5,35`, left padded, or the nearest to it that fits a model with fixed sizes. */
export function defaultLengths(inputs: readonly InputSpec[]): LengthSpec {
  const fixed = fixedSizes(inputs);
  const longest = Math.min(...fixed.widths.values(), 35);
  const short = Math.max(1, Math.round(longest / 7));
  const lengths = Array.from({ length: fixed.samples?.size ?? 2 }, (_, i) => (i % 2 === 0 ? short : longest));
  return { lengths, pad: 'left', seed: 1 };
}

/** Where one input's samples lie in its padded sequence. */
interface Frame {
  readonly lengths: readonly number[];
  readonly pad: LengthSpec['pad'];
  readonly seed: number;
  /** Positions of the padded sequence. */
  readonly width: number;
}

function frameOf(
  input: InputSpec,
  inputs: readonly InputSpec[],
  spec: LengthSpec,
  widths: ReadonlyMap<number, number>,
): Frame {
  const group = groupOf(input, inputs);
  return { ...spec, width: widths.get(group) ?? Math.max(...spec.lengths, 1) };
}

/** Which token of its sample a position holds, or −1 for a pad. */
function tokenAt(frame: Frame, sample: number, position: number): number {
  const length = frame.lengths[sample] ?? 0;
  const token = frame.pad === 'left' ? position - (frame.width - length) : position;
  return token >= 0 && token < length ? token : -1;
}

function checkLengths({ lengths }: LengthSpec): void {
  if (lengths.length === 0) {
    throw new NanoscopeError('bad-input', 'A batch needs at least one sample.', 'Give lengths, for example 5,35.');
  }
  const wrong = lengths.find((length) => !Number.isSafeInteger(length) || length < 0);
  if (wrong !== undefined) {
    throw new NanoscopeError('bad-input', `${String(wrong)} is not a length.`, 'Give whole numbers, for example 5,35.');
  }
}

function knownType(input: InputSpec): DType {
  if (isDType(input.dtype)) {
    return input.dtype;
  }
  throw cannotMake(input, `elements of type ${input.dtype} cannot be made up`);
}

function knownLayout(input: InputSpec): readonly AxisLayout[] {
  const axes = layoutOf(input);
  if (axes === null) {
    throw cannotMake(input, 'the model does not say what shape it has');
  }
  if (axes.length === 0 && kindOf(input) !== 'cache-flag') {
    throw cannotMake(input, 'a single number could mean anything');
  }
  return axes;
}

interface FixedSizes {
  readonly samples: { readonly size: number; readonly input: InputSpec } | null;
  /** Width by sequence group. */
  readonly widths: ReadonlyMap<number, number>;
  readonly widthInputs: ReadonlyMap<number, InputSpec>;
}

/** Sizes of sample and sequence axes that the model fixes. A single row of masks or positions broadcasts. */
function fixedSizes(inputs: readonly InputSpec[]): FixedSizes {
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
function commonWidths(inputs: readonly InputSpec[], spec: LengthSpec): ReadonlyMap<number, number> {
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

function sizeOf(input: InputSpec, { meaning, fixed }: AxisLayout, axis: number, frame: Frame): number {
  if (fixed !== null) {
    return fixed;
  }
  switch (meaning) {
    case 'batch':
      return frame.lengths.length;
    case 'sequence':
      return frame.width;
    case 'past':
      return 0;
    case 'feature':
      throw cannotMake(input, `the size of axis ${String(axis)} is not known`);
  }
}

interface Making {
  readonly input: InputSpec;
  readonly dtype: DType;
  readonly axes: readonly AxisLayout[];
  readonly dims: readonly number[];
  readonly frame: Frame;
  readonly hints: BatchHints;
}

function valuesOf(making: Making): Float64Array {
  const { input, dtype, hints } = making;
  if (hints.masks && Object.hasOwn(hints.masks, input.name)) return maskValues(making);
  switch (kindOf(input)) {
    case 'segments':
    case 'cache':
    case 'cache-flag':
      return new Float64Array(elementCount(making.dims));
    case 'mask':
      return maskValues(making);
    case 'positions':
      return positionValues(making);
    case 'ids': {
      const bound = hints.idBounds?.[input.name] ?? safeIdBound;
      const pad = padIdOf(input, bound, hints);
      return sampledValues(making, (stream, isPad) => {
        if (isPad) return pad;
        const id = bound < 2 ? 0 : 1 + stream.below(bound - 1);
        return id === pad ? 0 : id;
      });
    }
    case 'values':
      if (!isFloat(dtype)) {
        throw cannotMake(input, `${dtype} values could mean anything`);
      }
      return sampledValues(making, (stream) => stream.normal());
  }
}

/** Calls `value` for every element in order, with the element's sample and position (0 where there is no such axis). */
function fill(
  { axes, dims }: Pick<Making, 'axes' | 'dims'>,
  value: (sample: number, position: number) => number,
): Float64Array {
  const out = new Float64Array(elementCount(dims));
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  const along = (axis: number, i: number): number =>
    axis < 0 ? 0 : Math.floor(i / (strides[axis] ?? 1)) % (dims[axis] ?? 1);
  const batchAxis = axes.findIndex(({ meaning }) => meaning === 'batch');
  // Of [batch, 1, queries, keys] the last one: roles are those of the keys.
  const positionAxis = axes.findLastIndex(({ meaning }) => meaning === 'sequence');
  for (let i = 0; i < out.length; i++) {
    out[i] = value(along(batchAxis, i), along(positionAxis, i));
  }
  return out;
}

/** Random values, drawn per sample; pads draw from a stream of their own. */
function sampledValues(making: Making, draw: (stream: RandomStream, isPad: boolean) => number): Float64Array {
  const { frame, input, axes } = making;
  const streams = new Map<string, RandomStream>();
  const streamOf = (name: string): RandomStream => {
    const known = streams.get(name) ?? new RandomStream(frame.seed, name);
    streams.set(name, known);
    return known;
  };
  const sequential = axes.some(({ meaning }) => meaning === 'sequence');
  return fill(making, (sample, position) => {
    const isPad = sequential && tokenAt(frame, sample, position) < 0;
    return draw(streamOf(`${input.name}/${String(sample)}/${isPad ? 'pad' : 'real'}`), isPad);
  });
}

/** @throws NanoscopeError `bad-input` when the model has no such id */
function padIdOf(input: InputSpec, bound: number, { idBounds, padIds }: BatchHints): number {
  const id = padIds?.[input.name] ?? 0;
  if (idBounds?.[input.name] !== undefined && id >= bound) {
    throw new NanoscopeError(
      'bad-input',
      `The pad id ${String(id)} does not exist: "${input.name}" looks up a table of ${String(bound)} rows.`,
      `Give an id from 0 to ${String(bound - 1)}.`,
    );
  }
  return id;
}

function maskValues(making: Making): Float64Array {
  const { input, dtype, axes, dims, frame, hints } = making;
  const known = hints.masks?.[input.name];
  const many = axes.length > 2 || marksPadding(input.name);
  if (known === undefined && ((isFloat(dtype) && many) || /causal/i.test(input.name))) {
    throw ambiguous(input, 'its elements could be added to the scores or select them');
  }
  const batchAxis = axes.findIndex(({ meaning }) => meaning === 'batch');
  const shared = frame.lengths.length > 1 && (batchAxis < 0 || dims[batchAxis] === 1);
  const padded = frame.lengths.some((length) => length !== frame.width);
  if (shared && padded) {
    throw ambiguous(input, 'it is shared by all samples, whose padding differs');
  }
  const real = known?.real ?? (marksPadding(input.name) ? 0 : 1);
  const pad = known?.form === 'additive' ? -Infinity : 1 - real;
  return fill(making, (sample, position) => (tokenAt(frame, sample, position) < 0 ? pad : real));
}

/** Counted from the first real token, 1 at pads, as the hub's models do; plain where all samples share one row. */
function positionValues(making: Making): Float64Array {
  const { input, axes, dims, frame, hints } = making;
  const batchAxis = axes.findIndex(({ meaning }) => meaning === 'batch');
  const shared = batchAxis < 0 || (dims[batchAxis] === 1 && frame.lengths.length > 1);
  const atPads = (hints.idBounds?.[input.name] ?? 2) > 1 ? 1 : 0;
  return fill(making, (sample, position) => {
    const token = tokenAt(frame, sample, position);
    return shared ? position : token < 0 ? atPads : token;
  });
}

function cannotMake(input: InputSpec, why: string): NanoscopeError {
  return new NanoscopeError(
    'bad-input',
    `Input "${input.name}" ${input.dims === null ? '' : `${shapeText(input.dims)} `}cannot be made up: ${why}.`,
    'Give an inputs file (.npz, .npy or .json).',
  );
}

function ambiguous(input: InputSpec, why: string): NanoscopeError {
  return new NanoscopeError(
    'mask-ambiguous',
    `What the mask "${input.name}" ${input.dims === null ? '' : `${shapeText(input.dims)} `}should hold is not clear: ${why}.`,
    `Say it with --mask ${input.name}[:inverted], or give an inputs file (.npz, .npy or .json).`,
  );
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
