/** Writes the plain operators that a fused node stands for, as a body that `splice` puts in its place. */
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, NodeProtoSchema, TensorProto_DataType } from 'onnx-buf';
import type { AttributeProto, NodeProto, TensorProto } from 'onnx-buf';
import type { TensorData } from '../../tensor';
import type { Body } from '../splice';
import { encodeTensor, int64Tensor } from '../tensors';
import type { Core } from './softmaxCore';

/** What is known of the values around the node; sizes are those of one batch. */
export interface Around {
  shape(value: string): readonly number[] | null;
  dtype(value: string): string | null;
}

/** A fused node's plain operators, and what a mask of it is. */
export interface Expansion extends Body {
  /** Values of the body (or inputs of it) that are added to the scores, in this order. */
  readonly masks: readonly string[];
  /** [B, N, S, T] */
  readonly scores: readonly [number, number, number, number];
}

/** Element types that an attention kernel takes, by how facts call them. */
const onnxTypes: Readonly<Record<string, number>> = {
  float32: TensorProto_DataType.FLOAT,
  float64: TensorProto_DataType.DOUBLE,
  float16: TensorProto_DataType.FLOAT16,
};

export class BodyBuilder {
  private readonly nodes: NodeProto[] = [];
  private readonly initializers: TensorProto[] = [];
  private readonly used = new Map<string, number>();

  /** @param inputs names that the body reads, by place of the node's inputs. */
  constructor(
    private readonly inputs: readonly string[],
    readonly dtype: string,
  ) {}

  /** @returns the value's name; `label` names the node. */
  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
    label = op,
  ): string {
    const output = this.fresh(label);
    this.nodes.push(
      create(NodeProtoSchema, {
        opType: op,
        name: output,
        input: [...inputs],
        output: [output],
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      }),
    );
    return output;
  }

  /** A number of the node's own float type. */
  scalar(value: number, label: string): string {
    return this.constant({ dtype: 'float32', dims: [], data: Float32Array.of(value) }, label, true);
  }

  constant(tensor: TensorData, label: string, cast = false): string {
    const name = this.fresh(label);
    this.initializers.push(encodeTensor(name, tensor));
    return cast && this.dtype !== 'float32' ? this.op('Cast', [name], { to: onnxTypes[this.dtype] ?? 1 }) : name;
  }

  reshape(value: string, shape: readonly number[]): string {
    const name = this.fresh('shape');
    this.initializers.push(int64Tensor(name, shape));
    return this.op('Reshape', [value, name]);
  }

  expand(value: string, shape: readonly number[]): string {
    const name = this.fresh('shape');
    this.initializers.push(int64Tensor(name, shape));
    return this.op('Expand', [value, name]);
  }

  transpose(value: string, perm: readonly number[]): string {
    return this.op('Transpose', [value], { perm });
  }

  /** @param axis whose positions `from` to `to` (exclusive) are taken. */
  slice(value: string, axis: number, from: number, to: number): string {
    const [starts, ends, axes] = [
      ['from', from],
      ['to', to],
      ['axis', axis],
    ].map(([label, at]) => {
      const name = this.fresh(String(label));
      this.initializers.push(int64Tensor(name, [Number(at)]));
      return name;
    });
    return this.op('Slice', [value, starts ?? '', ends ?? '', axes ?? '']);
  }

  /** [B, N, S, D] from [B, S, N·D]. */
  splitHeads(value: string, [batch, positions, heads, width]: readonly [number, number, number, number]): string {
    return this.transpose(this.reshape(value, [batch, positions, heads, width]), [0, 2, 1, 3]);
  }

  /** [B, S, N·D] from [B, N, S, D]. */
  joinHeads(value: string, [batch, positions, width]: readonly [number, number, number]): string {
    return this.reshape(this.transpose(value, [0, 2, 1, 3]), [batch, positions, width]);
  }

  /** −inf where `allowed` (true: may be attended to) is false, else 0. */
  additive(allowed: string, fill = -Infinity): string {
    return this.op('Where', [allowed, this.scalar(0, 'open'), this.scalar(fill, 'masked')], {}, 'mask');
  }

  /** @param outputs by place of the node's outputs; `''` for those that the node leaves out. */
  body(outputs: readonly string[], { masks, sizes }: Pick<Core, 'masks' | 'sizes'>): Expansion {
    const { inputs, nodes, initializers } = this;
    const scores = [sizes.batch, sizes.heads, sizes.queries, sizes.keys] as const;
    return { inputs, outputs, nodes, initializers, sparse: [], masks, scores };
  }

  private fresh(label: string): string {
    const count = (this.used.get(label) ?? 0) + 1;
    this.used.set(label, count);
    return count === 1 ? label : `${label}_${String(count)}`;
  }
}

/** [1, 1, S, T]: query s may attend to key t where t ≤ s + offset. */
export function causalMask(queries: number, keys: number, offset: number): TensorData {
  const data = Uint8Array.from({ length: queries * keys }, (_, i) =>
    i % keys <= Math.floor(i / keys) + offset ? 1 : 0,
  );
  return { dtype: 'bool', dims: [1, 1, queries, keys], data };
}

function attribute(name: string, value: number | readonly number[]): AttributeProto {
  const { INT, INTS } = AttributeProto_AttributeType;
  return typeof value === 'number'
    ? create(AttributeProtoSchema, { name, type: INT, i: BigInt(value) })
    : create(AttributeProtoSchema, { name, type: INTS, ints: value.map(BigInt) });
}
