/**
 * What is known of a value at one place of a program: facts, each of which may be missing. A fact that is there holds
 * for every run that comes by; what two branches disagree on is dropped, except that a mask, once laid on, stays.
 */
import type { Syntax } from './syntax';

/** What a mask keeps out. `unknown`: its name says that it is a mask, and nothing says of what. */
export type MaskPart = 'causal' | 'padding' | 'unknown';

/** What an additive mask puts at the places that it closes; null: not seen in this file. */
export type Fill = '-inf' | 'lowest' | 'finite' | null;

export interface Mask {
  readonly form: 'bool' | 'additive' | 'unknown';
  readonly fill: Fill;
  readonly parts: ReadonlySet<MaskPart>;
  /** Of an additive mask: what is put there, as it was written. */
  readonly put?: Pick<Value, 'lowest' | 'number'>;
  /** Planes of `-inf` or lowest values that were added up; half a lowest value counts half. */
  readonly planes: number;
  /** Rows that it closes whole were opened again, or the diagonal was. */
  readonly guarded: boolean;
  /** Where its fills stand in the source. */
  readonly fillsAt: readonly Syntax[];
  /** It is closed on one side of a diagonal, and nowhere else. */
  readonly triangle?: 'tril' | 'triu';
}

/** A softmax over masked scores. One object for all that is made of it, so that a guard behind it is seen. */
export interface SoftmaxSite {
  readonly call: Syntax;
  /** Its axis, where the layer that is called was built with one in this file. */
  readonly axis?: number;
  /** The scores that it is of. */
  readonly of: number;
  readonly masks: readonly Mask[];
  guarded: boolean;
}

export type Spread = 'norm' | 'std' | 'var' | 'mean-square' | 'maximum' | 'count';

export interface Risk {
  readonly operation: string;
  readonly at: Syntax;
  /** What it reads, and the value that has to be in range. */
  readonly names: ReadonlySet<string>;
  readonly of?: number;
}

export interface LogOf {
  /** Where the logarithm is taken of weights that have a value of their own, `id`; null: `log_softmax`. */
  readonly at: Syntax | null;
  readonly id: number | null;
  readonly site: SoftmaxSite;
  readonly negated?: boolean;
  /** The value that is this logarithm as it was taken: of one that was clamped it says nothing. */
  readonly own: number;
}

export type Half = 'float16' | 'bfloat16';

export interface Asks {
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Those of them that were compared with a number. */
  readonly withNumbers: readonly number[];
}

/** `any`: there is evidence that it may be negative. */
export type Sign = 'positive' | 'nonnegative' | 'any';

export interface Value {
  /** The same value seen twice has the same. */
  readonly id: number;
  /** A number of Python, ±Infinity among them. */
  readonly number?: number;
  /** `torch.finfo(...).min`: of a type that is written there, or of one that follows the tensor. */
  readonly lowest?: 'float32' | 'own';
  /** `torch.finfo(...).max`, which is the lowest value when it is negated. */
  readonly highest?: 'float32' | 'own';
  /** Of a lowest value: by what it was divided. */
  readonly over?: number;
  readonly text?: string;
  /** A type: `torch.float16`; `types` says that the value is one, else it is what the tensor has. */
  readonly dtype?: string;
  readonly isType?: boolean;
  /** A dotted name that was imported, or that libraries give: `torch.nn.functional`. */
  readonly path?: string;
  /** A function or class of this file. */
  readonly definition?: Syntax;
  /** One of these classes of this file: what a table of them gives. */
  readonly oneOf?: readonly Syntax[];
  /** A module, built from one of these classes of this file. */
  readonly builtFrom?: readonly Syntax[];
  /** A layer of `torch.nn`: its class, and whether it was built in this file. */
  readonly layer?: string;
  /** Of a softmax layer. */
  readonly axis?: number;
  /** Of an attribute: what it was taken from, as a method needs it. */
  readonly of?: Value;
  readonly items?: readonly Value[];
  /** What names say it is. */
  readonly named?: string;
  /** Every element is this number (`torch.full`, `zeros`). */
  readonly filled?: Value;
  readonly sign?: Sign;
  /** Between 0 and 1. */
  readonly unit?: boolean;
  readonly mask?: Mask;
  /** Masks that were laid on scores. */
  readonly masks?: readonly Mask[];
  readonly softmax?: SoftmaxSite;
  /** A matrix product; `probabilities`: of a softmax with something. */
  readonly product?: 'plain' | 'probabilities';
  /** Of such a product: what the probabilities were multiplied with, and whether that was cleared before. */
  readonly summed?: { readonly node: Syntax; readonly cleared: boolean };
  /** Masked places were put to 0, or NaN was replaced. */
  readonly cleared?: boolean;
  readonly exp?: { readonly shifted: boolean; readonly at: Syntax };
  readonly maximumOf?: number;
  /** Its own largest number was subtracted. */
  readonly shifted?: boolean;
  readonly sumOf?: Value;
  /** The call that summed up, and what it was given. */
  readonly summedAt?: { readonly call: Syntax; readonly input: Syntax };
  /** Something that one divides by, and that may be 0. */
  readonly spread?: Spread;
  /** Something small and positive was added, or it was clamped away from 0. */
  readonly kept?: boolean;
  /** `isnan(x)`: of which value. */
  readonly nanOf?: Value;
  /** Says of rows of a mask whether they are closed whole: `all` or `any` over the last axis. */
  readonly rows?: boolean;
  readonly arange?: boolean;
  readonly square?: boolean;
  readonly eye?: boolean;
  /** Its own largest number minus the others: small where one is near to it. */
  readonly belowLargest?: boolean;
  /** True and false, or how many of them are true: nothing that has a gradient. */
  readonly truth?: boolean;
  /** A comparison: the values that are 0 or small where it holds, and those that are 0 or small where it does not. */
  readonly asks?: Asks;
  /** NaN is in it wherever that happens: the operation, and the names that it reads. */
  readonly risky?: Risk;
  /** One over something that may be 0. */
  readonly inverse?: { readonly at: Syntax; readonly spread: Spread; readonly asked: () => boolean };
  /** The logarithm of weights of a softmax, which may be 0. */
  readonly logOf?: LogOf;
  /** Weights times their logarithms; whether somebody saw to NaN in it is known later. */
  readonly zeroTimes?: { handled: boolean };
  /** A dict: what is held by each key. */
  readonly entries?: ReadonlyMap<string | number, Value>;
}

export type Facts = Omit<Value, 'id'>;

let last = 0;

export const value = (facts: Facts = {}): Value => ({ ...facts, id: ++last });

/** The same numbers in another shape: everything that is known stays. */
export const seenAs = (held: Value, facts: Facts = {}): Value => ({ ...held, ...facts });

/** Other numbers, of which the same is known. */
export const madeFrom = (held: Value, facts: Facts = {}): Value => ({ ...held, ...facts, id: ++last });

/** A logarithm that keeps what it says of weights, in a value of its own. */
export function logarithm(facts: Facts, of: Omit<LogOf, 'own'>): Value {
  const made = value(facts);
  return { ...made, logOf: { ...of, own: made.id } };
}

/** Numbers that are the logarithms of weights no longer. */
export const withoutLogarithm = (held: Value, isChanged = true): Value =>
  isChanged && held.logOf ? { ...held, logOf: { ...held.logOf, own: -1 } } : held;

const fills: readonly Fill[] = [null, 'finite', 'lowest', '-inf'];

export const worseFill = (a: Fill, b: Fill): Fill => (fills.indexOf(a) >= fills.indexOf(b) ? a : b);

export const partsOfMasks = (masks: readonly Mask[]): ReadonlySet<MaskPart> =>
  new Set(masks.flatMap(({ parts }) => [...parts]));

/** Two masks as one: `a & b`, or `a + b`, which adds planes up. */
export function joinedMask(a: Mask, b: Mask, added: boolean): Mask {
  const worse = worseFill(a.fill, b.fill) === a.fill ? a : b;
  return {
    form:
      a.form === 'bool' && b.form === 'bool'
        ? 'bool'
        : a.form === 'additive' || b.form === 'additive'
          ? 'additive'
          : 'unknown',
    fill: worse.fill,
    ...(worse.put && { put: worse.put }),
    parts: new Set([...a.parts, ...b.parts]),
    planes: added && !areApart(a, b) ? a.planes + b.planes : Math.max(a.planes, b.planes),
    guarded: a.guarded && b.guarded,
    fillsAt: [...new Set([...a.fillsAt, ...b.fillsAt])],
  };
}

/** One closes what is before a diagonal, the other what is behind one: a causal mask and a window. */
export const areApart = (a: Mask, b: Mask): boolean =>
  a.triangle !== undefined && b.triangle !== undefined && a.triangle !== b.triangle;

/** What holds in either of two branches. */
export function merged(a: Value, b: Value): Value {
  if (a === b) return a;
  const facts: Record<string, unknown> = {};
  for (const key of Object.keys(a) as (keyof Value)[]) if (a[key] === b[key]) facts[key] = a[key];
  const mask = a.mask && b.mask ? joinedMask(a.mask, b.mask, false) : (a.mask ?? b.mask);
  const masks = [...new Set([...(a.masks ?? []), ...(b.masks ?? [])])];
  const sign =
    a.sign && b.sign
      ? a.sign === b.sign
        ? a.sign
        : a.sign === 'any' || b.sign === 'any'
          ? 'any'
          : 'nonnegative'
      : undefined;
  return {
    ...facts,
    id: ++last,
    ...(mask && { mask: a.mask && b.mask ? { ...mask, guarded: a.mask.guarded && b.mask.guarded } : mask }),
    ...(masks.length > 0 && { masks }),
    ...(sign && { sign }),
    ...((a.softmax ?? b.softmax) && { softmax: a.softmax ?? b.softmax }),
    ...mergedExp(a, b),
    ...(a.entries && b.entries && a.entries !== b.entries && { entries: mergedEntries(a.entries, b.entries) }),
    ...((a.risky ?? b.risky) && { risky: a.risky ?? b.risky }),
    ...((a.builtFrom ?? b.builtFrom) && {
      builtFrom: [...new Set([...(a.builtFrom ?? []), ...(b.builtFrom ?? [])])],
    }),
  };
}

function mergedEntries(a: NonNullable<Value['entries']>, b: NonNullable<Value['entries']>): Value['entries'] & {} {
  return new Map(
    [...a].flatMap(([key, held]) => {
      const other = b.get(key);
      if (held === other) return [[key, held] as const];
      // Of dicts in dicts nothing is said: each may be held by several keys, and they would be joined once for each.
      return other && !held.entries && !other.entries ? [[key, merged(held, other)] as const] : [];
    }),
  );
}

function mergedExp({ exp: a }: Value, { exp: b }: Value): Facts {
  const exp = a && b ? (a.shifted ? b : a) : (a ?? b);
  return exp ? { exp } : {};
}

const maskWords: readonly (readonly [RegExp, MaskPart])[] = [
  [/causal|tril|triu|look_?ahead|subsequent|future|autoregressive/i, 'causal'],
  [/pad|attention_mask|valid|length/i, 'padding'],
];

/** The mask that a value must be by its name alone; null where the name does not say so. */
export function maskByName(name: string): Mask | null {
  if (
    !/mask|(^|_)causal($|_)/i.test(name) ||
    /masked|mask_(token|id|value|prob|ratio|dtype|fn|func|function|type|ind)|fill|unmask/i.test(name)
  )
    return null;
  const parts = maskWords.filter(([word]) => word.test(name)).map(([, part]) => part);
  return {
    form: 'unknown',
    fill: null,
    parts: new Set<MaskPart>(parts.length > 0 ? parts : ['unknown']),
    planes: 0,
    guarded: false,
    fillsAt: [],
  };
}
