/**
 * Built-in attention models: `builtin:kimi-k2-mini?layers=61&attention=eager-where&seed=1`. Each is an ordinary
 * ONNX model with seeded weights: the same name gives the same bytes.
 */
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { closest } from '../suggest';
import { bertMini } from './bertMini';
import type { Definition, Values } from './definition';
import { integer } from './definition';
import { gpt2Mini } from './gpt2Mini';
import { kimiK2Mini } from './kimiK2Mini';
import { llamaMini } from './llamaMini';
import { allowedText, builtinScheme, normalUri, readOptions, splitUri } from './options';
import type { OptionValue } from './options';
import { t5Mini } from './t5Mini';

export interface BuiltinOption {
  readonly name: string;
  readonly default: OptionValue;
  /** For a person: `1–61`, or the choices. */
  readonly allowed: string;
}

export interface BuiltinModel {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly options: readonly BuiltinOption[];
}

export interface ParsedBuiltin {
  readonly id: string;
  /** Every option, given or default. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The shortest name of the same model: defaults left out, options in their order. */
  readonly uri: string;
  /** For headings: "Kimi K2 mini, 4 layers, eager-add". */
  readonly title: string;
}

const definitions: readonly Definition[] = [kimiK2Mini, llamaMini, gpt2Mini, bertMini, t5Mini];

/** 64 million weights are 256 MB; beyond that a built-in model is no longer a quick thing to look at. */
const maxParameters = 64_000_000;

export const builtinModels: readonly BuiltinModel[] = definitions.map(({ id, title, description, specs }) => ({
  id,
  title,
  description,
  options: specs.map((spec) => ({ name: spec.name, default: spec.default, allowed: allowedText(spec) })),
}));

export function isBuiltin(uri: string): boolean {
  return uri.startsWith(builtinScheme);
}

/** @throws NanoscopeError `usage` when the model or an option is unknown or out of range */
export function parseBuiltin(uri: string): ParsedBuiltin {
  return resolve(uri).parsed;
}

/** @throws NanoscopeError `usage`, as `parseBuiltin` */
export function buildModel(uri: string): { readonly proto: ModelProto; readonly uri: string; readonly title: string } {
  const { definition, values, parsed } = resolve(uri);
  return { proto: definition.build(values, parsed.uri), uri: parsed.uri, title: parsed.title };
}

/** The same model with one option as it is said. @throws NanoscopeError `usage`, as `parseBuiltin` */
export function withOption(uri: string, name: string, value: string): string {
  const { id, pairs } = splitUri(uri);
  const others = pairs.filter(([own]) => own !== name);
  const query = [...others, [name, value] as const].map(([own, text]) => `${own}=${text}`).join('&');
  return parseBuiltin(`${builtinScheme}${id}?${query}`).uri;
}

/** The bytes of an `.onnx` file. */
export function serializeModel(proto: ModelProto): Uint8Array {
  return toBinary(ModelProtoSchema, proto);
}

function resolve(uri: string): {
  readonly definition: Definition;
  readonly values: Values;
  readonly parsed: ParsedBuiltin;
} {
  if (!isBuiltin(uri)) {
    throw new NanoscopeError('usage', `${uri} is not the name of a built-in model.`, knownModels());
  }
  const { id, pairs } = splitUri(uri);
  const definition = definitions.find((candidate) => candidate.id === id);
  if (definition === undefined) {
    const guess = closest(
      id,
      definitions.map((candidate) => candidate.id),
    );
    throw new NanoscopeError(
      'usage',
      `There is no built-in model "${id}".`,
      `${guess === null ? '' : `Did you mean ${builtinScheme}${guess}? `}${knownModels()}`,
    );
  }
  const values = readOptions(id, definition.specs, pairs);
  definition.check?.(values);
  const parameters = definition.parameters(values);
  if (parameters > maxParameters) {
    throw new NanoscopeError(
      'usage',
      `${uri} would have ${String(Math.round(parameters / 1e6))} million weights; ` +
        `built-in models have at most ${String(maxParameters / 1e6)} million.`,
      `Use fewer layers${values.has('experts') ? ' or experts' : ''}, or a smaller hidden size.`,
    );
  }
  const parsed: ParsedBuiltin = {
    id,
    options: Object.fromEntries(values),
    uri: normalUri(id, definition.specs, values),
    title: `${definition.title}, ${subtitle(values)}`,
  };
  return { definition, values, parsed };
}

function knownModels(): string {
  return `Known models: ${definitions.map(({ id }) => builtinScheme + id).join(', ')}.`;
}

function subtitle(values: Values): string {
  const layers = integer(values, 'layers');
  return `${String(layers)} layer${layers === 1 ? '' : 's'}, ${String(values.get('attention'))}`;
}
