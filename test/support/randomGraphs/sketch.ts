/**
 * A graph under construction: nodes in the form that the opset asks for, shapes, inputs with their data, and what
 * the builder knows of positions (hints for the brute force; nothing here is read by the product).
 */
import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  TensorProto_DataType as DataType,
} from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type { Hint } from '../bruteForce/labels';
import type { Fed } from '../bruteForce/run';
import type { AttributeInit, NodeInit, TensorInit, ValueInit } from '../../unit/onnx/support';
import { value } from '../../unit/onnx/support';
import { Random } from './random';

export interface Val {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dtype: 'float32' | 'int64' | 'bool';
}

type Attribute = number | string | readonly number[] | { readonly float: number };
export type Attributes = Readonly<Record<string, Attribute>>;

/** What an axis counts: samples, positions (of the first or the second sequence), keys, or nothing of the kind. */
export type Role = 's' | 'q' | 'm' | 'k' | 'km' | '.';

const dataTypes = { float32: DataType.FLOAT, int64: DataType.INT64, bool: DataType.BOOL };
export const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

export class Sketch {
  readonly random: Random;
  readonly nodes: NodeInit[] = [];
  readonly initializers: TensorInit[] = [];
  readonly inputs: ValueInit[] = [];
  readonly feeds: Record<string, Fed> = {};
  readonly hints = new Map<string, Hint>();
  readonly operators = new Set<string>();
  readonly outputs: Val[] = [];
  private names = 0;
  private weights = 0;
  private readonly constants = new Map<string, Val>();

  constructor(
    seed: number,
    readonly opset: number,
  ) {
    this.random = new Random(seed);
  }

  input(
    name: string,
    dtype: Val['dtype'],
    dims: readonly number[],
    symbols: readonly (string | number)[],
    roles: readonly Role[],
    data: ArrayLike<number>,
  ): Val {
    this.inputs.push(value(name, symbols, dataTypes[dtype]));
    const typed =
      dtype === 'float32'
        ? Float32Array.from(data)
        : dtype === 'int64'
          ? BigInt64Array.from(Array.from(data), BigInt)
          : Uint8Array.from(data);
    this.feeds[name] = { dtype, dims, data: typed };
    const val = { name, dims, dtype };
    this.say(val, roles);
    return val;
  }

  /** What the axes of a value count, because it was built so. */
  say(val: Val, roles: readonly Role[]): Val {
    const memory = (list: readonly string[]): 0 | 1 => (list.some((role) => roles.includes(role as Role)) ? 1 : 0);
    return this.sayAt(
      val,
      (at) => {
        const found: { s?: number; q?: number; k?: number } = {};
        for (const [axis, role] of roles.entries()) {
          if (role === 's') found.s = at[axis]!;
          else if (role === 'q' || role === 'm') found.q = at[axis]!;
          else if (role !== '.') found.k = at[axis]!;
        }
        return found;
      },
      [memory(['m']), memory(['km'])],
    );
  }

  sayAt(val: Val, at: Hint['at'], sequence: readonly [number, number] = [0, 0]): Val {
    this.hints.set(val.name, { at, sequence });
    return val;
  }

  weight(dims: readonly number[], data?: ArrayLike<number>): Val {
    this.weights += 1;
    const name = `w${this.weights}`;
    const values = Float32Array.from(data ?? Array.from({ length: size(dims) }, () => this.number()));
    const tensor = { dims: dims.map(BigInt), dataType: DataType.FLOAT, rawData: new Uint8Array(values.buffer) };
    if (this.random.chance(0.15)) {
      this.operators.add('Constant');
      const entry: AttributeInit = { name: 'value', type: AttributeType.TENSOR, t: tensor };
      this.nodes.push({ opType: 'Constant', name: `${name}_Constant`, input: [], output: [name], attribute: [entry] });
    } else this.initializers.push({ ...tensor, name });
    return { name, dims, dtype: 'float32' };
  }

  ints(data: readonly number[], dims: readonly number[] = [data.length]): Val {
    const key = `${dims.join('x')}:${data.join(',')}`;
    const known = this.constants.get(key);
    if (known) return known;
    const name = `i${this.initializers.length}`;
    this.initializers.push({
      name,
      dims: dims.map(BigInt),
      dataType: DataType.INT64,
      rawData: new Uint8Array(BigInt64Array.from(data, BigInt).buffer),
    });
    const val: Val = { name, dims, dtype: 'int64' };
    this.constants.set(key, val);
    return val;
  }

  bools(data: readonly number[], dims: readonly number[]): Val {
    const name = `b${this.initializers.length}`;
    this.initializers.push({
      name,
      dims: dims.map(BigInt),
      dataType: DataType.BOOL,
      rawData: Uint8Array.from(data),
    });
    return { name, dims, dtype: 'bool' };
  }

  scalar(number: number): Val {
    return this.weight([], [number]);
  }

  /** A tame random number, never 0. */
  number(): number {
    const magnitude = 0.25 + this.random.next();
    return this.random.chance(0.5) ? magnitude : -magnitude;
  }

  nodesWith(
    op: string,
    inputs: readonly (Val | null)[],
    outputs: readonly Omit<Val, 'name'>[],
    attributes: Attributes = {},
  ): Val[] {
    this.names += 1;
    const name = `n${this.names}_${op}`;
    this.operators.add(op);
    const own = outputs.map((output, i) => ({
      ...output,
      name: outputs.length === 1 ? `v${this.names}` : `v${this.names}_${i}`,
    }));
    this.nodes.push({
      opType: op,
      name,
      input: inputs.map((input) => input?.name ?? ''),
      output: own.map((output) => output.name),
      attribute: Object.entries(attributes).map(([key, entry]) => attribute(key, entry)),
    });
    return own;
  }

  node(
    op: string,
    inputs: readonly (Val | null)[],
    dims: readonly number[],
    attributes: Attributes = {},
    dtype: Val['dtype'] = 'float32',
  ): Val {
    return this.nodesWith(op, inputs, [{ dims, dtype }], attributes)[0]!;
  }

  // ---- operators, in the form of the graph's opset ----

  unary(op: string, x: Val, dtype: Val['dtype'] = x.dtype, attributes: Attributes = {}): Val {
    return this.node(op, [x], x.dims, attributes, dtype);
  }

  binary(op: string, a: Val, b: Val, dtype: Val['dtype'] = a.dtype): Val {
    return this.node(op, [a, b], broadcastDims(a.dims, b.dims), {}, dtype);
  }

  where(condition: Val, a: Val, b: Val): Val {
    return this.node(
      'Where',
      [condition, a, b],
      broadcastDims(broadcastDims(condition.dims, a.dims), b.dims),
      {},
      a.dtype,
    );
  }

  cast(x: Val, dtype: Val['dtype']): Val {
    return this.node('Cast', [x], x.dims, { to: dataTypes[dtype] }, dtype);
  }

  matmul(a: Val, b: Val): Val {
    const batch = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
    return this.node('MatMul', [a, b], [...batch, a.dims.at(-2)!, b.dims.at(-1)!]);
  }

  einsum(equation: string, a: Val, b: Val): Val {
    const [left = '', right = ''] = equation.split('->');
    const sizes = new Map<string, number>();
    for (const [i, term] of left.split(',').entries())
      for (const [axis, letter] of Array.from(term).entries()) sizes.set(letter, (i === 0 ? a : b).dims[axis]!);
    return this.node(
      'Einsum',
      [a, b],
      Array.from(right, (letter) => sizes.get(letter)!),
      { equation },
    );
  }

  transpose(x: Val, perm: readonly number[]): Val {
    return this.node(
      'Transpose',
      [x],
      perm.map((axis) => x.dims[axis]!),
      { perm },
      x.dtype,
    );
  }

  reshape(x: Val, dims: readonly number[]): Val {
    // A shape may be known only once the graph runs.
    const made = this.random.chance(0.15) && dims.length > 1;
    const shape = made ? this.concat([this.ints(dims.slice(0, 1)), this.ints(dims.slice(1))], 0) : this.ints(dims);
    return this.node('Reshape', [x, shape], dims, {}, x.dtype);
  }

  unsqueeze(x: Val, axes: readonly number[]): Val {
    const dims = [...x.dims];
    for (const axis of [...axes].sort((a, b) => a - b)) dims.splice(axis, 0, 1);
    return this.opset < 13
      ? this.node('Unsqueeze', [x], dims, { axes }, x.dtype)
      : this.node('Unsqueeze', [x, this.ints(axes)], dims, {}, x.dtype);
  }

  squeeze(x: Val, axes: readonly number[]): Val {
    const dims = x.dims.filter((_, axis) => !axes.includes(axis));
    return this.opset < 13
      ? this.node('Squeeze', [x], dims, { axes }, x.dtype)
      : this.node('Squeeze', [x, this.ints(axes)], dims, {}, x.dtype);
  }

  reduce(kind: string, x: Val, axes: readonly number[], keepdims: 0 | 1 = 1): Val {
    const op = `Reduce${kind}`;
    const dims = x.dims.flatMap((own, axis) => (axes.includes(axis) ? (keepdims === 1 ? [1] : []) : [own]));
    const shown = this.random.chance(0.3) ? axes.map((axis) => axis - x.dims.length) : axes;
    const asInput = this.opset >= (kind === 'Sum' ? 13 : 18);
    return asInput
      ? this.node(op, [x, this.ints(shown)], dims, { keepdims })
      : this.node(op, [x], dims, { keepdims, axes: shown });
  }

  /** Over the last axis, or (from opset 13 on) any. */
  softmax(x: Val, axis = -1, op = 'Softmax'): Val {
    const own = this.opset < 13 && axis === -1 ? x.dims.length - 1 : axis;
    return this.node(op, [x], x.dims, { axis: own });
  }

  slice(x: Val, axis: number, from: number, to: number, step = 1): Val {
    const dims = [...x.dims];
    dims[axis] = Math.ceil(Math.abs(to - from) / Math.abs(step));
    const end = step < 0 && to < 0 ? -(2 ** 31) : to;
    const inputs = [
      x,
      this.ints([from]),
      this.ints([end]),
      this.ints([this.random.chance(0.3) ? axis - dims.length : axis]),
    ];
    return this.node('Slice', step === 1 ? inputs : [...inputs, this.ints([step])], dims, {}, x.dtype);
  }

  gather(x: Val, indices: Val, axis: number): Val {
    const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
    return this.node('Gather', [x, indices], dims, { axis }, x.dtype);
  }

  concat(parts: readonly Val[], axis: number): Val {
    const dims = [...parts[0]!.dims];
    dims[axis] = parts.reduce((sum, part) => sum + part.dims[axis]!, 0);
    return this.node('Concat', parts, dims, { axis }, parts[0]!.dtype);
  }

  split(x: Val, axis: number, sizes: readonly number[]): Val[] {
    const outputs = sizes.map((part) => ({ dtype: x.dtype, dims: x.dims.map((own, i) => (i === axis ? part : own)) }));
    return this.opset < 13
      ? this.nodesWith('Split', [x], outputs, { axis, split: sizes })
      : this.nodesWith('Split', [x, this.ints(sizes)], outputs, { axis });
  }

  expand(x: Val, dims: readonly number[]): Val {
    return this.node('Expand', [x, this.ints(dims)], dims, {}, x.dtype);
  }

  build(): ModelProto {
    return create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: BigInt(this.opset) }],
      graph: {
        name: 'random',
        input: this.inputs,
        output: this.outputs.map((output) =>
          value(
            output.name,
            output.dims.map((_, i) => `out${String(i)}_${output.name}`),
          ),
        ),
        initializer: this.initializers,
        node: this.nodes,
      },
    });
  }
}

export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new Error(`[${a.join()}] and [${b.join()}] do not broadcast`);
    return Math.max(x, y);
  });
}

function attribute(name: string, entry: Attribute): AttributeInit {
  if (typeof entry === 'number') return { name, type: AttributeType.INT, i: BigInt(entry) };
  if (typeof entry === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(entry) };
  if ('float' in entry) return { name, type: AttributeType.FLOAT, f: entry.float };
  return { name, type: AttributeType.INTS, ints: entry.map(BigInt) };
}
