/** What is varied: `padding=left,right,none`. Several together give every combination. */
import { NanoscopeError } from '../errors';
import { engineLevels } from '../report';
import { closest } from '../suggest';
import type { Dimension } from './types';

/** Values that every model has; null where they depend on the model, or are free. */
const choices = {
  attention: null,
  padding: ['left', 'right', 'none'],
  lengths: null,
  dtype: ['float32', 'float16', 'engine-float16'],
  level: engineLevels,
  fix: null,
  ranks: ['1', '2', '4', '8'],
  shard: ['all', 'moe', 'attention'],
  stages: ['1', '2', '4', '8'],
} as const satisfies Readonly<Record<string, readonly string[] | null>>;

export type VariationKey = keyof typeof choices;
export const variationKeys = Object.keys(choices) as VariationKey[];

/** The values that every model has; null where they depend on the model, or are free. */
export const choicesOf = (key: VariationKey): readonly string[] | null => choices[key];

/** What each is, for people who choose from a list. */
export const variationTitles: Readonly<Record<VariationKey, string>> = {
  attention: 'implementations of attention, or as the file has it and written out in plain operators',
  padding: 'padding at the left, at the right, none',
  lengths: 'batches of other lengths, such as 31/32/33',
  dtype: 'float32, float16 as a GPU rounds it, float16 as the CPU engine computes it',
  level: 'graph optimisation levels of the engine',
  fix: 'before and after a fix, such as none,unmask-rows',
  ranks: 'tensor parallelism over so many engine processes',
  shard: 'what tensor parallelism shards: attention and experts, experts only, attention only',
  stages: 'pipeline stages, each in an engine process of its own',
};

const dimensionOf: Readonly<Record<VariationKey, Dimension>> = {
  attention: 'attention',
  padding: 'padding',
  lengths: 'lengths',
  dtype: 'dtype',
  level: 'level',
  fix: 'fix',
  ranks: 'sharding',
  shard: 'sharding',
  stages: 'pipeline',
};

export interface Variation {
  readonly key: VariationKey;
  readonly values: readonly string[];
}

/** One variant: what is said of it, everything else is as the rest of the comparison. */
export type Settings = Readonly<Partial<Record<VariationKey, string>>>;

export const mostVariants = 24;

/**
 * Reads `padding=left,right,none`; lengths are separated by slashes (`lengths=31/32/5,35`).
 * @throws NanoscopeError `usage`
 */
export function parseVariation(text: string): Variation {
  const at = text.indexOf('=');
  const name = (at < 0 ? text : text.slice(0, at)).trim();
  const key = variationKeys.find((known) => known === name);
  if (!key) {
    const guess = closest(name, variationKeys);
    throw new NanoscopeError(
      'usage',
      `“${name}” is nothing that can be varied.`,
      `${guess === null ? '' : `Did you mean ${guess}? `}It can be: ${variationKeys.join(', ')}.`,
    );
  }
  const allowed: readonly string[] | null = choices[key];
  const values = (at < 0 ? [] : text.slice(at + 1).split(key === 'lengths' ? '/' : ','))
    .map((value) => value.trim().replaceAll(/\s*,\s*/g, ','))
    .filter((value) => value !== '');
  const given = at < 0 && allowed ? allowed : values;
  const wrong = allowed && given.find((value) => !allowed.includes(value));
  if (wrong !== null && wrong !== undefined)
    throw new NanoscopeError('usage', `${key} cannot be ${wrong}.`, `It can be ${(allowed ?? []).join(', ')}.`);
  if (given.length === 0)
    throw new NanoscopeError(
      'usage',
      `${key} needs values.`,
      key === 'lengths' ? 'Such as lengths=31/32/33.' : `Such as ${key}=${exampleOf(key)}.`,
    );
  if (new Set(given).size < given.length)
    throw new NanoscopeError('usage', `A value of ${key} is given twice.`, 'Give each once.');
  return { key, values: given };
}

const exampleOf = (key: VariationKey): string =>
  choices[key]?.join(',') ?? (key === 'fix' ? 'none,unmask-rows' : 'eager-add,fused');

/** Every combination, the first values first. @throws NanoscopeError `usage` */
export function combined(variations: readonly Variation[]): Settings[] {
  const twice = variations.find(({ key }, at) => variations.findIndex((other) => other.key === key) !== at);
  if (twice)
    throw new NanoscopeError('usage', `${twice.key} is varied twice.`, `Give its values together, with commas.`);
  const all = variations.reduce<Settings[]>(
    (settings, { key, values }) => settings.flatMap((own) => values.map((value) => ({ ...own, [key]: value }))),
    [{}],
  );
  if (all.length > mostVariants)
    throw new NanoscopeError(
      'usage',
      `That would be ${String(all.length)} variants; ${String(mostVariants)} is the most.`,
      'Vary less at once.',
    );
  return all;
}

/** How a variant is set in each dimension. */
export const variedOf = (settings: Settings, model: string): Readonly<Partial<Record<Dimension, string>>> => {
  const varied: Partial<Record<Dimension, string>> = { model };
  for (const key of variationKeys) {
    const value = settings[key];
    if (value !== undefined) varied[dimensionOf[key]] = `${varied[dimensionOf[key]] ?? ''} ${value}`;
  }
  return varied;
};

export const dimensionsOf = (variations: readonly Variation[], models: number): Dimension[] => [
  ...new Set([
    ...(models > 1 ? (['model'] as const) : []),
    ...variations.filter(({ values }) => values.length > 1).map(({ key }) => dimensionOf[key]),
  ]),
];

/** `padding left`, `2 ranks, shard moe`. */
export const labelOf = (settings: Settings): string =>
  Object.entries(settings)
    .map(([key, value]) => {
      switch (key) {
        case 'ranks':
          return value === '1' ? '1 rank' : `${value} ranks`;
        case 'stages':
          return value === '1' ? '1 stage' : `${value} stages`;
        case 'padding':
          return value === 'none' ? 'no padding' : `padding ${value}`;
        case 'fix':
          return value === 'none' ? 'unfixed' : value;
        case 'attention':
        case 'dtype':
          return value;
        default:
          return `${key} ${value}`;
      }
    })
    .join(', ');
