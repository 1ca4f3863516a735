/** Reads and validates `builtin:<id>?<option>=<value>&…`. */
import { NanoscopeError } from '../errors';
import { closest } from '../suggest';

export const builtinScheme = 'builtin:';

export type OptionValue = number | string;

/** One option of a built-in model; `allowed` is how a person would say it. */
export type OptionSpec =
  | {
      readonly name: string;
      readonly kind: 'integer';
      readonly default: number;
      readonly min: number;
      readonly max: number;
      /** Only multiples of this. */
      readonly step?: number;
    }
  | { readonly name: string; readonly kind: 'choice'; readonly default: string; readonly choices: readonly string[] };

export function allowedText(spec: OptionSpec): string {
  if (spec.kind === 'choice') {
    return spec.choices.join(' | ');
  }
  const range = `${String(spec.min)}–${String(spec.max)}`;
  return spec.step === undefined ? range : `${range}, a multiple of ${String(spec.step)}`;
}

/** Splits the id from the options; no validation beyond the form. */
export function splitUri(uri: string): { readonly id: string; readonly pairs: readonly (readonly [string, string])[] } {
  const rest = uri.slice(builtinScheme.length);
  const mark = rest.indexOf('?');
  const id = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  const pairs = query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0 ? ([part, ''] as const) : ([part.slice(0, equals), part.slice(equals + 1)] as const);
    });
  return { id, pairs };
}

/**
 * Every option with its given or default value, in the order of `specs`.
 * @throws NanoscopeError `usage` for an unknown, repeated or out-of-range option
 */
export function readOptions(
  id: string,
  specs: readonly OptionSpec[],
  pairs: readonly (readonly [string, string])[],
): ReadonlyMap<string, OptionValue> {
  const given = new Map<string, string>();
  for (const [name, text] of pairs) {
    if (!specs.some((spec) => spec.name === name)) {
      throw unknownOption(id, specs, name);
    }
    if (given.has(name)) {
      throw new NanoscopeError('usage', `Option ${name} of ${builtinScheme}${id} is given twice.`, 'Give it once.');
    }
    given.set(name, text);
  }
  return new Map(
    specs.map((spec) => {
      const text = given.get(spec.name);
      return [spec.name, text === undefined ? spec.default : readValue(id, spec, text)] as const;
    }),
  );
}

function readValue(id: string, spec: OptionSpec, text: string): OptionValue {
  const bad = (): NanoscopeError =>
    new NanoscopeError(
      'usage',
      `Option ${spec.name}=${text} of ${builtinScheme}${id} is not allowed.`,
      `Use ${spec.name}=${String(spec.default)} (the default) or another of: ${allowedText(spec)}.`,
    );
  if (spec.kind === 'choice') {
    if (!spec.choices.includes(text)) {
      throw bad();
    }
    return text;
  }
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= spec.min && value <= spec.max) || value % (spec.step ?? 1) !== 0) {
    throw bad();
  }
  return value;
}

function unknownOption(id: string, specs: readonly OptionSpec[], name: string): NanoscopeError {
  const names = specs.map((spec) => spec.name);
  const guess = closest(name, names);
  const list = specs.map((spec) => `${spec.name} (${allowedText(spec)})`).join(', ');
  return new NanoscopeError(
    'usage',
    `${builtinScheme}${id} has no option "${name}".`,
    `${guess === null ? '' : `Did you mean ${guess}? `}Its options are: ${list}.`,
  );
}

/** The id and those options that differ from their defaults, in the order of `specs`. */
export function normalUri(id: string, specs: readonly OptionSpec[], values: ReadonlyMap<string, OptionValue>): string {
  const parts = specs
    .filter((spec) => values.get(spec.name) !== spec.default)
    .map((spec) => `${spec.name}=${String(values.get(spec.name))}`);
  return `${builtinScheme}${id}${parts.length === 0 ? '' : `?${parts.join('&')}`}`;
}
