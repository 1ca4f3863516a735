/** What a built-in model brings: its options, its size before it is built, and the graph. */
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { attentionKinds } from './masks';
import type { AttentionKind } from './masks';
import { builtinScheme } from './options';
import type { OptionSpec, OptionValue } from './options';

export type Values = ReadonlyMap<string, OptionValue>;

export interface Definition {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly specs: readonly OptionSpec[];
  /** What no single option can say. @throws NanoscopeError `usage` */
  readonly check?: (values: Values) => void;
  readonly parameters: (values: Values) => number;
  readonly build: (values: Values, uri: string) => ModelProto;
}

/** What every model has. */
export interface CommonConfig {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly attention: AttentionKind;
  readonly seed: number;
}

/** Ids of every built-in model: 0 … 255. Fixed, so that one inputs file suits all of them. */
export const builtinVocabulary = 256;

/** What a saved file says of itself; its padding holds the id 0, which is a token like any other too. */
export const builtinMetadata = (uri: string): Readonly<Record<string, string>> => ({
  'nanoscope.builtin': uri,
  pad_token_id: '0',
});

/** `layers`, `hidden`, `heads`, then the model's own options, then `attention` and `seed`. */
export function commonSpecs(layers: number, own: readonly OptionSpec[] = []): readonly OptionSpec[] {
  return [
    { name: 'layers', kind: 'integer', default: layers, min: 1, max: 61 },
    { name: 'hidden', kind: 'integer', default: 64, min: 16, max: 1024, step: 16 },
    { name: 'heads', kind: 'integer', default: 4, min: 1, max: 64 },
    ...own,
    { name: 'attention', kind: 'choice', default: 'eager-add', choices: attentionKinds },
    { name: 'seed', kind: 'integer', default: 1, min: 0, max: 0xffff_ffff },
  ];
}

export function commonConfig(values: Values): CommonConfig {
  const attention = attentionKinds.find((kind): kind is AttentionKind => kind === values.get('attention'));
  return {
    layers: integer(values, 'layers'),
    hidden: integer(values, 'hidden'),
    heads: integer(values, 'heads'),
    attention: attention ?? 'eager-add',
    seed: integer(values, 'seed'),
  };
}

export function integer(values: Values, name: string): number {
  return Number(values.get(name));
}

/** @throws NanoscopeError `usage` when `part` does not divide `whole`; the hint lists what does */
export function mustDivide(id: string, values: Values, part: string, whole: string): void {
  const total = integer(values, whole);
  const wrong = integer(values, part);
  if (total % wrong === 0) {
    return;
  }
  const fitting = Array.from({ length: Math.min(total, 64) }, (_, i) => i + 1).filter((n) => total % n === 0);
  throw new NanoscopeError(
    'usage',
    `Options ${part}=${String(wrong)} and ${whole}=${String(total)} of ${builtinScheme}${id} do not go together: ` +
      `${part} must divide ${whole}.`,
    `With ${whole}=${String(total)}, use ${part}=${fitting.join(', ')}.`,
  );
}

/** Standard deviation of weights that keep the size of what goes through them. */
export const fanIn = (inputs: number, outputs: number) => ({ inputs, outputs, std: 1 / Math.sqrt(inputs) });

/** Sublayers that write into the residual stream are scaled down with their number (GPT-2), so 61 layers stay sane. */
export const intoResidual = (inputs: number, outputs: number, sublayers: number) => ({
  inputs,
  outputs,
  std: 1 / Math.sqrt(inputs * sublayers),
});
