/** The elements of one input of a made batch, by what the input is. */
import { NanoscopeError } from '../errors';
import { RandomStream } from '../models/random';
import { elementCount } from '../tensor';
import type { DType } from '../tensor';
import type { Frame } from './frames';
import { tokenAt } from './frames';
import { kindOf, marksPadding } from './layout';
import type { AxisLayout } from './layout';
import { shapeText } from './limits';
import { isFloat } from './numbers';
import type { InputSpec } from './types';

/** `flag`: `real` against the other of 0 and 1. `additive`: 0 is real, −∞ is not. */
export interface MaskMeaning {
  readonly form: 'flag' | 'additive';
  readonly real: 0 | 1;
}

export interface BatchHints {
  /** Rows of the table that an id input looks up: ids are below it. */
  readonly idBounds?: Readonly<Record<string, number>>;
  /** What the elements of an input mean that is a mask, where the graph or a person tells; else its name does. */
  readonly masks?: Readonly<Record<string, MaskMeaning>>;
  /** What fills the padding of an id input, where that is known; else 0. */
  readonly padIds?: Readonly<Record<string, number>>;
}

/** Ids below this exist in the vocabulary of any model that is larger than a toy. */
const safeIdBound = 32;

export interface Making {
  readonly input: InputSpec;
  readonly dtype: DType;
  readonly axes: readonly AxisLayout[];
  readonly dims: readonly number[];
  readonly frame: Frame;
  readonly hints: BatchHints;
}

export function valuesOf(making: Making): Float64Array {
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

function ambiguous(input: InputSpec, why: string): NanoscopeError {
  return new NanoscopeError(
    'mask-ambiguous',
    `What the mask "${input.name}" ${input.dims === null ? '' : `${shapeText(input.dims)} `}should hold is not clear: ${why}.`,
    `Say it with --mask ${input.name}[:inverted], or give an inputs file (.npz, .npy or .json).`,
  );
}

export function cannotMake(input: InputSpec, why: string): NanoscopeError {
  return new NanoscopeError(
    'bad-input',
    `Input "${input.name}" ${input.dims === null ? '' : `${shapeText(input.dims)} `}cannot be made up: ${why}.`,
    'Give an inputs file (.npz, .npy or .json).',
  );
}
