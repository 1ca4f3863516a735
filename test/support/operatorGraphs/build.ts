/**
 * Small graphs in a few words: `graph('MatMul', { in: { x: activations() }, weights: { w: weight([16, 5]) },
 * run: ['y = MatMul(x, w)'] })`. The sizes tell the axes apart: 2 samples, 3 positions, and nothing else of size 2
 * or 3 unless the graph says so.
 */
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType as Type, ModelProtoSchema, TensorProto_DataType as Element } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type { DType, TensorData } from '../../../src/core/tensor';
import { allocate, elementCount } from '../../../src/core/tensor';
import { value } from '../../unit/onnx/support';
import type { AttributeInit, GraphInit, ModelInit, NodeInit, TensorInit, ValueInit } from '../../unit/onnx/support';

export const samples = 2;
export const positions = 3;
export const hidden = 16;
export const heads = 4;
export const width = 4;

/**
 * One letter for each axis: `b` the sample, `s` the position, `k` the position of a key,
 * `m` that of a memory, `.` anything else. Without
 * one, axes of size 2 and 3 are the sample and the position. Behind a past, `s` counts on from it and `p` is the past
 * with what is new.
 */
export type Layout = string;

/** Whose an element is, by its coordinates: the sample and the position, null for nobody's. */
export type Where = (...at: readonly number[]) => readonly [sample: number | null, position: number | null];

export interface Fed extends TensorData {
  readonly layout?: Layout;
}

export interface OperatorGraph {
  readonly name: string;
  readonly opset: number;
  readonly model: ModelProto;
  readonly feeds: Readonly<Record<string, Fed>>;
  /** Layouts of values that sizes do not tell. */
  readonly layouts: Readonly<Record<string, Layout | Where>>;
  /** Values of which less is known than their layout: no rule follows the axes of what made them. */
  readonly untold: readonly string[];
  /** Nodes at which NaN is born when NaN is fed, beside the input that holds it. */
  readonly births: readonly string[];
  /** With NaN the engine itself gives one thing one time and another the next: only the flags are looked at. */
  readonly undefinedWithNaN: boolean;
  /** The kernel computes otherwise with weights that it was not allowed to pack, as in a measuring run. */
  readonly prepackingMatters: boolean;
  /** Positions before those of `s`. */
  readonly past: number;
}

export interface Parts {
  readonly opset?: number;
  readonly in: Readonly<Record<string, Fed>>;
  readonly weights?: Readonly<Record<string, TensorInit>>;
  /** `'y, z = Op(a, _, b)'`, `_` for an omitted input or output; other domains in front: `ms.FastGelu`. */
  readonly run: readonly Step[];
  /** What the last step gives, unless said. */
  readonly out?: readonly string[];
  readonly layouts?: Readonly<Record<string, Layout | Where>>;
  readonly untold?: readonly string[];
  readonly births?: readonly string[];
  readonly undefinedWithNaN?: boolean;
  readonly prepackingMatters?: boolean;
  readonly past?: number;
  readonly functions?: ModelInit['functions'];
}

export type Step = string | readonly [text: string, attributes: Attributes];
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: TensorInit }
  | { readonly body: GraphInit };
export type Attributes = Readonly<Record<string, AttributeValue>>;

const domains: Readonly<Record<string, string>> = { ms: 'com.microsoft', local: 'local' };

export function graph(name: string, parts: Parts): OperatorGraph {
  const {
    opset = 17,
    layouts = {},
    untold = [],
    births = [],
    undefinedWithNaN = false,
    prepackingMatters = false,
    past = 0,
  } = parts;
  const node = parts.run.map(nodeOf);
  const outputs = parts.out ?? node.at(-1)?.output?.filter((own) => own !== '') ?? [];
  const used = new Set(['', ...node.map((own) => own.domain ?? '')]);
  if (parts.functions) used.add('local');
  const model = create(ModelProtoSchema, {
    irVersion: opset < 15 ? 7n : opset < 21 ? 8n : 10n,
    opsetImport: [...used].map((domain) => ({ domain, version: domain === '' ? BigInt(opset) : 1n })),
    functions: parts.functions ?? [],
    graph: {
      name: 'g',
      node,
      initializer: Object.entries(parts.weights ?? {}).map(([own, tensor]) => ({ ...tensor, name: own })),
      input: Object.entries(parts.in).map(([own, tensor]) => {
        const letters = layoutOf(tensor.dims, tensor.layout);
        const dims = tensor.dims.map((size, axis) => symbols[letters[axis] ?? '.'] ?? size);
        return value(own, dims, elementOf[tensor.dtype]);
      }),
      output: outputs.map((own) => ({ name: own })),
    },
  });
  return { name, opset, model, feeds: parts.in, layouts, untold, births, undefinedWithNaN, prepackingMatters, past };
}

const symbols: Readonly<Record<string, string>> = { b: 'batch', s: 'sequence', k: 'key_sequence', m: 'memory_length' };

export function layoutOf(dims: readonly number[], layout?: Layout): Layout {
  return layout ?? dims.map((size) => (size === samples ? 'b' : size === positions ? 's' : '.')).join('');
}

export function nodeOf(step: Step): NodeInit {
  const [text, attributes] = typeof step === 'string' ? [step, {}] : step;
  const match = /^(.*?)\s*=\s*(?:(\w+)\.)?(\w+)\((.*)\)$/.exec(text);
  if (!match) throw new Error(`not a step: ${text}`);
  const [, outputs = '', domain = '', opType = '', inputs = ''] = match;
  const output = names(outputs);
  return {
    opType,
    domain: domain === '' ? '' : (domains[domain] ?? domain),
    name: `${opType}_${output.find((own) => own !== '') ?? ''}`,
    input: names(inputs),
    output,
    attribute: Object.entries(attributes).map(([name, own]) => attributeOf(name, own)),
  };
}

const names = (list: string): string[] =>
  list.trim() === '' ? [] : list.split(',').map((name) => (name.trim() === '_' ? '' : name.trim()));

function attributeOf(name: string, own: AttributeValue): AttributeInit {
  if (typeof own === 'number') {
    return Number.isInteger(own) ? { name, type: Type.INT, i: BigInt(own) } : { name, type: Type.FLOAT, f: own };
  }
  if (typeof own === 'string') return { name, type: Type.STRING, s: new TextEncoder().encode(own) };
  if ('float' in own) return { name, type: Type.FLOAT, f: own.float };
  if ('floats' in own) return { name, type: Type.FLOATS, floats: [...own.floats] };
  if ('tensor' in own) return { name, type: Type.TENSOR, t: own.tensor };
  if ('body' in own) return { name, type: Type.GRAPH, g: own.body };
  return { name, type: Type.INTS, ints: own.map(BigInt) };
}

/** @param inputs `name: type[sizes]`, sizes with spaces between them: `x: float32[2 16]`; outputs so too, or bare. */
export function body(
  inputs: readonly string[],
  run: readonly Step[],
  out: readonly string[],
  weights: Readonly<Record<string, TensorInit>> = {},
): GraphInit {
  return {
    name: 'body',
    input: inputs.map(typed),
    node: run.map(nodeOf),
    output: out.map(typed),
    initializer: Object.entries(weights).map(([name, tensor]) => ({ ...tensor, name })),
  };
}

function typed(text: string): ValueInit {
  const match = /^(\w+): (\w+)\[(.*)\]$/.exec(text);
  if (!match) return { name: text };
  const [, name = '', type = '', sizes = ''] = match;
  return value(
    name,
    sizes
      .split(' ')
      .filter(Boolean)
      .map((size) => (/^\d+$/.test(size) ? Number(size) : size)),
    elementNamed(type),
  );
}

export const elementOf: Readonly<Record<DType, number>> = {
  float32: Element.FLOAT,
  float64: Element.DOUBLE,
  float16: Element.FLOAT16,
  bfloat16: Element.BFLOAT16,
  int8: Element.INT8,
  int16: Element.INT16,
  int32: Element.INT32,
  int64: Element.INT64,
  uint8: Element.UINT8,
  uint16: Element.UINT16,
  uint32: Element.UINT32,
  uint64: Element.UINT64,
  bool: Element.BOOL,
};

function elementNamed(type: string): number {
  const found = Object.entries(elementOf).find(([name]) => name === type);
  if (!found) throw new Error(`no element type ${type}`);
  return found[1];
}

/** Between 0.1 and 0.9, all different: no operator's domain ends there. */
const between = (i: number, seed: number): number => 0.1 + 0.8 * (((i + 1) * 0.6180339887 + seed * 0.37) % 1);
/** Weights of both signs. */
const signed = (i: number, seed: number): number => Math.sin(i * 1.7 + seed * 2.3) * 0.5;

/** Floats as float16 bits; exact for the numbers used here up to rounding. */
export function halfBits(numbers: readonly number[]): Uint16Array {
  const view = new DataView(new ArrayBuffer(4));
  return Uint16Array.from(numbers, (own) => {
    if (Number.isNaN(own)) return 0x7e00;
    view.setFloat32(0, own);
    const bits = view.getUint32(0);
    const exponent = ((bits >>> 23) & 0xff) - 112;
    const sign = (bits >>> 16) & 0x8000;
    if (exponent <= 0) return sign;
    if (exponent >= 31) return sign | 0x7c00;
    return sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
  });
}

export function tensor(dtype: DType, dims: readonly number[], numbers: readonly number[], layout?: Layout): Fed {
  const data = allocate(dtype, elementCount(dims));
  if (dtype === 'float16') data.set(halfBits(numbers) as never);
  else if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.set(numbers.map(BigInt));
  else data.set(numbers);
  return { dtype, dims, data, ...(layout !== undefined && { layout }) };
}

/** [2, 3, 16] floats between 0.1 and 0.9, unless said. */
export function floats(
  dims: readonly number[] = [samples, positions, hidden],
  { seed = 1, layout, dtype = 'float32' }: { seed?: number; layout?: Layout; dtype?: DType } = {},
): Fed {
  return tensor(
    dtype,
    dims,
    Array.from({ length: elementCount(dims) }, (_, i) => between(i, seed)),
    layout,
  );
}

export const whole = (dtype: DType, dims: readonly number[], numbers: readonly number[], layout?: Layout): Fed =>
  tensor(dtype, dims, numbers, layout);

/** Integers 0 … `below` − 1, in no order. */
export const ids = (dims: readonly number[], below: number, dtype: DType = 'int64', layout?: Layout): Fed =>
  tensor(
    dtype,
    dims,
    Array.from({ length: elementCount(dims) }, (_, i) => (i * 5 + 1) % below),
    layout,
  );

export const constant = (dtype: DType, dims: readonly number[], numbers: readonly number[]): TensorInit => {
  const { data } = tensor(dtype, dims, numbers);
  return {
    name: '',
    dims: dims.map(BigInt),
    dataType: elementOf[dtype],
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  };
};

export const weight = (
  dims: readonly number[],
  { seed = 1, dtype = 'float32' }: { seed?: number; dtype?: DType } = {},
): TensorInit =>
  constant(
    dtype,
    dims,
    Array.from({ length: elementCount(dims) }, (_, i) => signed(i, seed)),
  );
/** All the same. */
export const filled = (dims: readonly number[], number: number, dtype: DType = 'float32'): TensorInit =>
  constant(dtype, dims, new Array<number>(elementCount(dims)).fill(number));
export const positive = (dims: readonly number[], seed = 1): TensorInit =>
  constant(
    'float32',
    dims,
    Array.from({ length: elementCount(dims) }, (_, i) => between(i, seed)),
  );
export const integers = (...numbers: number[]): TensorInit => constant('int64', [numbers.length], numbers);
export const scalar = (number: number, dtype: DType = 'float32'): TensorInit => constant(dtype, [], [number]);
/** Quantised weights. */
export const bytes = (dims: readonly number[], dtype: DType = 'uint8', step = 37): TensorInit =>
  constant(
    dtype,
    dims,
    Array.from({ length: elementCount(dims) }, (_, i) =>
      dtype === 'int8' ? ((i * step) % 200) - 100 : (i * step) % 256,
    ),
  );
