/**
 * Reads values of a stopped JavaScript program past anything of its own: data properties by their descriptors, what a
 * built-in is by the built-in's own getters. A getter of the program never runs. (Traps of a Proxy would; none that is
 * known has any for what is asked here.)
 */

const { getOwnPropertyDescriptor, getPrototypeOf, keys } = Object;

/** The value of an own data property; undefined for a getter, for none, and of what is no object. */
export function own(value: object, key: PropertyKey): unknown {
  try {
    return getOwnPropertyDescriptor(value, key)?.value;
  } catch {
    return undefined;
  }
}

/** Names of own enumerable properties. */
export function ownNames(value: object): string[] {
  try {
    return keys(value);
  } catch {
    return [];
  }
}

export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Name of the value's class; `Object` where it tells none. */
export function className(value: object): string {
  try {
    for (let at: unknown = getPrototypeOf(value), steps = 0; isObject(at) && steps < 8; steps += 1) {
      const maker = own(at, 'constructor');
      const name = typeof maker === 'function' ? own(maker, 'name') : undefined;
      if (typeof name === 'string' && name !== '') return name.slice(0, 200);
      at = getPrototypeOf(at);
    }
  } catch {
    // A Proxy that refuses.
  }
  return 'Object';
}

/** A built-in's own getter or method, called on a value that is not asked for it; null where it does not take that. */
function builtIn(of: object, key: PropertyKey, part: 'get' | 'value'): (value: object) => unknown {
  const found: unknown = Reflect.get(getOwnPropertyDescriptor(of, key) ?? {}, part);
  return (value) => {
    try {
      const answer: unknown = typeof found === 'function' ? Reflect.apply(found, value, []) : null;
      return answer;
    } catch {
      return null;
    }
  };
}

const typedArrays: unknown = getPrototypeOf(Int8Array.prototype);
const ofTypedArrays = (key: PropertyKey): ((value: object) => unknown) =>
  builtIn(isObject(typedArrays) ? typedArrays : {}, key, 'get');
const tagOf = ofTypedArrays(Symbol.toStringTag);
const lengthOf = ofTypedArrays('length');
const bufferOf = ofTypedArrays('buffer');

export type Numbers =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;
export type BigNumbers = BigInt64Array | BigUint64Array;

export interface TypedArray {
  /** `Float32Array`; of whichever realm. */
  readonly tag: string;
  readonly length: number;
  /** Its memory was handed to somebody else. */
  readonly detached: boolean;
  readonly data: Numbers | BigNumbers;
}

/** Null for what is no typed array. */
export function typedArray(value: object): TypedArray | null {
  const tag = tagOf(value);
  if (typeof tag !== 'string') return null;
  const length = Number(lengthOf(value));
  return { tag, length, detached: length === 0 && isDetached(value), data: value as Numbers | BigNumbers };
}

function isDetached(value: object): boolean {
  const buffer = bufferOf(value);
  return buffer instanceof ArrayBuffer && sliceOf(buffer) === null;
}
/** Of memory that is gone there is no slice. */
const sliceOf = (buffer: ArrayBuffer): ArrayBuffer | null => {
  try {
    return ArrayBuffer.prototype.slice.call(buffer, 0, 0);
  } catch {
    return null;
  }
};

const sizeOfMap = builtIn(Map.prototype, 'size', 'get');
const sizeOfSet = builtIn(Set.prototype, 'size', 'get');
const entriesOf = builtIn(Map.prototype, 'entries', 'value');
const valuesOf = builtIn(Set.prototype, 'values', 'value');

/** The first entries of a Map; null for anything else. */
export const mapEntries = (value: object, most: number): [unknown, unknown][] | null =>
  typeof sizeOfMap(value) === 'number' ? firstOf(entriesOf(value) as Iterator<[unknown, unknown]>, most) : null;

/** The first values of a Set; null for anything else. */
export const setValues = (value: object, most: number): unknown[] | null =>
  typeof sizeOfSet(value) === 'number' ? firstOf(valuesOf(value) as Iterator<unknown>, most) : null;

function firstOf<T>(all: Iterator<T>, most: number): T[] {
  const first: T[] = [];
  for (let step = all.next(); step.done !== true && first.length < most; step = all.next()) first.push(step.value);
  return first;
}
