/**
 * What the axes of stored tensors are. Files do not say it and equal sizes prove nothing, so it is known only where a
 * person said it: `batch,position,*`, or `hidden.*=batch,position,*` for some of the tensors.
 */
import { NanoscopeError } from '../errors';
import { show } from '../onnx/show';
import type { GridAxes } from './places';

/** `*` is any other axis, `…` any number of them. */
type AxisWord = 'batch' | 'position' | '*' | '…';

export interface AxesRule {
  /** As it was given, for messages. */
  readonly text: string;
  /** null: every tensor that it fits. */
  readonly tensor: RegExp | null;
  readonly words: readonly AxisWord[];
}

export interface KnownAxes extends GridAxes {
  /** One word per axis. */
  readonly words: readonly string[];
}

const hint = 'Name each axis, such as batch,position,* or NAME=batch,*,position,… with … for any that follow.';

/** @throws NanoscopeError `usage` */
export function parseAxes(text: string): AxesRule {
  const split = text.lastIndexOf('=');
  const words = text
    .slice(split + 1)
    .split(',')
    .map((word) => axisWord(word.trim(), text));
  for (const word of ['batch', 'position', '…'] as const)
    if (words.filter((one) => one === word).length > 1) throw usage(`The axes ${show(text)} name ${word} twice.`);
  if (!words.includes('batch') && !words.includes('position'))
    throw usage(`The axes ${show(text)} name neither batch nor position.`);
  const name = text.slice(0, Math.max(0, split));
  if (split === 0) throw usage(`The axes ${show(text)} name no tensor before the "=".`);
  return { text, tensor: name === '' ? null : matcher(name), words };
}

function axisWord(word: string, text: string): AxisWord {
  if (word === 'batch' || word === 'position' || word === '*') return word;
  if (word === '…' || word === '...') return '…';
  throw usage(`The axes ${show(text)} name ${show(word, 40)}; those that are told apart are batch and position.`);
}

/** `*` in a name stands for any text. */
const matcher = (name: string): RegExp =>
  new RegExp(`^${name.replace(/[\\^$.+?()[\]{}|]/g, '\\$&').replaceAll('*', '.*')}$`, 's');

/**
 * The axes of a tensor by the rules: one that names it goes before one for all. A rule that names it and does not fit
 * is a problem; one for all that does not fit says nothing of it.
 */
export function axesOf(
  rules: readonly AxesRule[],
  name: string | null,
  dims: readonly number[],
): { readonly axes: KnownAxes | null; readonly problem: string | null } {
  const named = rules.find(({ tensor }) => name !== null && tensor?.test(name) === true);
  if (named !== undefined) {
    const axes = fitted(named.words, dims.length);
    const count = `${String(dims.length)} ${dims.length === 1 ? 'axis' : 'axes'}`;
    return {
      axes,
      problem:
        axes === null ? `The axes ${show(named.text)} do not fit ${show(name ?? '')}, which has ${count}.` : null,
    };
  }
  for (const { tensor, words } of rules) {
    const axes = tensor === null ? fitted(words, dims.length) : null;
    if (axes !== null) return { axes, problem: null };
  }
  return { axes: null, problem: null };
}

function fitted(words: readonly AxisWord[], rank: number): KnownAxes | null {
  const open = words.indexOf('…');
  const others = rank - (words.length - 1);
  if (open === -1 ? words.length !== rank : others < 0) return null;
  const all =
    open === -1
      ? [...words]
      : [...words.slice(0, open), ...Array.from({ length: others }, () => '*'), ...words.slice(open + 1)];
  const at = (word: string): number | null => (all.includes(word) ? all.indexOf(word) : null);
  return { words: all, row: at('batch'), position: at('position') };
}

const usage = (message: string): NanoscopeError => new NanoscopeError('usage', message, hint);
