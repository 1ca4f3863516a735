/** From what was typed to values. Every function throws `NanoscopeError` `usage` with the text as it was typed. */
import { NanoscopeError } from '../core/errors';
import type { LengthSpec, PadSide } from '../core/batch/types';
import { parseAxes, type AxesRule } from '../core/scan/axes';

const usage = (message: string, hint: string): NanoscopeError => new NanoscopeError('usage', message, hint);

const maxSamples = 1024;
const maxLength = 1_000_000;

/** `5,35` */
export function parseLengths(text: string): number[] {
  const hint = 'Give real tokens per sample, such as --lengths 5,35; 0 is an empty sample.';
  const lengths = wholeNumbers(text, maxLength);
  if (lengths === null) {
    throw usage(`--lengths ${text} is not a list of whole numbers from 0 to ${String(maxLength)}.`, hint);
  }
  if (lengths.length > maxSamples) {
    throw usage(`--lengths names ${String(lengths.length)} samples; ${String(maxSamples)} is the most.`, hint);
  }
  if (lengths.every((length) => length === 0)) {
    throw usage(`--lengths ${text} leaves no real token in any sample.`, hint);
  }
  return lengths;
}

/** `1,15,33`, also `0-3,15`; sorted and without repetition. */
export function parseRows(text: string): number[] {
  const layers = text.split(',').flatMap((part) => {
    const match = /^\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*$/.exec(part);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match === null || to < from || to - from >= 10_000) {
      throw usage(
        `--rows ${text} is not a list of layers.`,
        'Give layer numbers from 0, such as --rows 1,15,33 or 0-3.',
      );
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return [...new Set(layers)].sort((a, b) => a - b);
}

export function parseSeed(text: string): number {
  const [seed, ...rest] = wholeNumbers(text, 0xffff_ffff) ?? [];
  if (seed === undefined || rest.length > 0) {
    throw usage(`--seed ${text} is not a whole number from 0 to 4294967295.`, 'Give one number, such as --seed 1.');
  }
  return seed;
}

export function parseRanks(text: string): number {
  if (!['2', '4', '8'].includes(text)) throw usage(`--ranks ${text} is no number of ranks.`, 'Give 2, 4 or 8.');
  return Number(text);
}

export function parsePadId(text: string): number {
  const [id, ...rest] = wholeNumbers(text, Number.MAX_SAFE_INTEGER) ?? [];
  if (id === undefined || rest.length > 0) {
    throw usage(
      `--pad-id ${text} is not a whole number from 0.`,
      'Give the id that padding holds, such as --pad-id 1.',
    );
  }
  return id;
}

/** At least two, since NaN reaches real tokens in the second. */
export function parseLayers(text: string): number {
  const [layers = 0, ...rest] = wholeNumbers(text, 61) ?? [];
  if (layers < 2 || rest.length > 0) {
    throw usage(`--layers ${text} is not a whole number from 2 to 61.`, 'Give one number, such as --layers 4.');
  }
  return layers;
}

/** Seconds as milliseconds. */
export function parseTimeout(text: string): number {
  return Math.ceil(positive('--timeout', text, 'seconds', 86_400 * 7) * 1000);
}

/** Megabytes (2^20 bytes) as bytes. */
export function parseMemoryLimit(text: string): number {
  return Math.floor(positive('--memory-limit', text, 'megabytes', 2 ** 32) * 2 ** 20);
}

function positive(option: string, text: string, unit: string, max: number): number {
  const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value > 0 && value <= max)) {
    throw usage(`${option} ${text} is not a number of ${unit} above 0.`, `Give ${unit}, such as ${option} 600.`);
  }
  return value;
}

/** `--mask NAME[:inverted]`; the name itself is checked against the model later. */
export function parseMask(text: string): string {
  if (text.replace(/:inverted$/, '') === '') {
    throw usage('--mask needs the name of a graph input.', 'Such as --mask attention_mask, or --mask pad:inverted.');
  }
  return text;
}

/** `--axes` may come several times. */
export const collectAxes = (text: string, before: readonly AxesRule[] = []): readonly AxesRule[] => [
  ...before,
  parseAxes(text),
];

export interface BatchOptions {
  readonly inputs?: string | undefined;
  readonly lengths?: readonly number[] | undefined;
  readonly pad?: PadSide | undefined;
  readonly seed?: number | undefined;
  readonly padId?: number | undefined;
}

const defaultLengths: readonly number[] = [5, 35];

/**
 * What is asked of the batch maker, or undefined where nothing was asked. With an inputs file, lengths only say
 * which positions are real, so that padding or a seed alone would mean nothing.
 */
export function lengthSpec(options: BatchOptions): LengthSpec | undefined {
  const { inputs, lengths, pad, seed, padId } = options;
  if (inputs !== undefined && padId !== undefined) {
    throw usage(
      '--pad-id has no effect on a batch that is read from a file.',
      'Leave it out: the file says what its padding holds.',
    );
  }
  if (inputs !== undefined && lengths === undefined && (pad !== undefined || seed !== undefined)) {
    throw usage(
      `--${pad !== undefined ? 'pad' : 'seed'} has no effect on a batch that is read from a file.`,
      'Leave it out, or add --lengths to say which positions of the file are real.',
    );
  }
  if (lengths === undefined && pad === undefined && seed === undefined && padId === undefined) {
    return undefined;
  }
  const spec = {
    lengths: lengths ?? defaultLengths,
    pad: pad ?? 'left',
    seed: seed ?? 1,
    ...(padId === undefined ? {} : { padId }),
  } as const;
  if (spec.pad === 'none' && new Set(spec.lengths).size > 1) {
    throw usage(
      `--pad none needs samples of equal length, not ${spec.lengths.join(', ')}.`,
      'Give equal --lengths, or pad left or right.',
    );
  }
  return spec;
}

/** Comma-separated whole numbers from 0 to `max`; null where the text is anything else. */
function wholeNumbers(text: string, max: number): number[] | null {
  const numbers = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  return numbers.every((value) => value <= max) ? numbers : null;
}
