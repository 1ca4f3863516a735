/** New nodes that stand together at one place of the graph, written for the model's own opset. */
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, NodeProtoSchema } from 'onnx-buf';
import type { NodeProto } from 'onnx-buf';
import { toBfloat16Bits, toFloat16Bits } from '../batch/half';
import { encodeTensor, onnxTypeNamed } from '../onnx/tensors';
import { node } from '../probe/instrument';
import type { TensorData } from '../tensor';
import { allocate, dtypes } from '../tensor';

export class NodeBlock {
  readonly nodes: NodeProto[] = [];

  constructor(
    private readonly opset: number,
    private readonly name: (what: string) => string,
  ) {}

  /** @returns name of the node's only output, like everything here. */
  op(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string {
    const output = this.name(type.toLowerCase());
    this.nodes.push(node(type, inputs, [output], { ...attributes }));
    return output;
  }

  /** A number as a Constant node: initializers would have to be inputs too in old models. */
  scalar(dtype: string, value: number): string {
    return this.constant(scalarTensor(dtype, value));
  }

  ints(values: readonly number[]): string {
    return this.constant({ dtype: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });
  }

  cast(value: string, dtype: string): string {
    const to = onnxTypeNamed(dtype);
    if (to === null) throw new Error(`no ONNX type for ${dtype}`);
    return this.op('Cast', [value], { to });
  }

  /** ReduceMax and the like, keeping the axes, which are an input since opset 18. */
  reduce(op: 'ReduceMax' | 'ReduceMin', input: string, axes: readonly number[]): string {
    if (this.opset < 18) return this.op(op, [input], { axes, keepdims: 1 });
    return this.op(op, [input, this.ints(axes)], { keepdims: 1 });
  }

  /** True where any (`ReduceMax`) or every (`ReduceMin`) element along the axes is; bool in, bool out, axes kept. */
  some(flags: string, axes: readonly number[]): string {
    return this.op('Cast', [this.reduce('ReduceMax', this.cast(flags, 'float32'), axes)], { to: boolType });
  }
  every(flags: string, axes: readonly number[]): string {
    return this.op('Cast', [this.reduce('ReduceMin', this.cast(flags, 'float32'), axes)], { to: boolType });
  }

  /** Axes are places in the result, none counted from the end; an input since opset 13. */
  unsqueeze(value: string, axes: readonly number[]): string {
    if (axes.length === 0) return value;
    return this.opset < 13 ? this.op('Unsqueeze', [value], { axes }) : this.op('Unsqueeze', [value, this.ints(axes)]);
  }
  squeeze(value: string, axes: readonly number[]): string {
    if (axes.length === 0) return value;
    return this.opset < 13 ? this.op('Squeeze', [value], { axes }) : this.op('Squeeze', [value, this.ints(axes)]);
  }

  /** 0 … n − 1 for n elements on an axis of `value`, as int64 [n]. `Range` would need opset 11. */
  count(value: string, axis: number): string {
    const size = this.op('Gather', [this.op('Shape', [value]), this.ints([axis])]);
    const ones = this.constantOfShape(size, 'int64', 1);
    return this.op('Reshape', [this.op('NonZero', [ones]), this.ints([-1])]);
  }

  /** One number throughout, in the shape of `like`. */
  filled(like: string, dtype: string, value: number): string {
    return this.constantOfShape(this.op('Shape', [like]), dtype, value);
  }

  /** `value` where it is not below `low`, else `low`: a NaN stays a NaN, which Clip and Max do not promise. */
  atLeast(value: string, dtype: string, low: number): string {
    const limit = this.scalar(dtype, low);
    return this.op('Where', [this.op('Less', [value, limit]), limit, value]);
  }
  atMost(value: string, dtype: string, high: number): string {
    const limit = this.scalar(dtype, high);
    return this.op('Where', [this.op('Greater', [value, limit]), limit, value]);
  }

  /** True where an element is 0. `Equal` compares floats since opset 11 only; a NaN is not 0 here either. */
  isZero(value: string): string {
    return this.op('Not', [this.op('Cast', [value], { to: boolType })]);
  }

  /** Gives the result the name of a value that others read; what stood there before is called something else by then. */
  rename(from: string, to: string): void {
    const own = this.nodes.find((entry) => entry.output.includes(from));
    if (!own) throw new Error(`${from} is not made here`);
    own.output = own.output.map((output) => (output === from ? to : output));
  }

  private constantOfShape(shape: string, dtype: string, value: number): string {
    const output = this.name('constantofshape');
    const t = encodeTensor('', { ...scalarTensor(dtype, value), dims: [1] });
    this.nodes.push(
      create(NodeProtoSchema, {
        opType: 'ConstantOfShape',
        name: output,
        input: [shape],
        output: [output],
        attribute: [create(AttributeProtoSchema, { name: 'value', type: AttributeProto_AttributeType.TENSOR, t })],
      }),
    );
    return output;
  }

  private constant(tensor: TensorData): string {
    const output = this.name('value');
    const t = encodeTensor('', tensor);
    this.nodes.push(
      create(NodeProtoSchema, {
        opType: 'Constant',
        name: output,
        output: [output],
        attribute: [create(AttributeProtoSchema, { name: 'value', type: AttributeProto_AttributeType.TENSOR, t })],
      }),
    );
    return output;
  }
}

const boolType = onnxTypeNamed('bool') ?? 9;

function scalarTensor(dtype: string, value: number): TensorData {
  const own = dtypes.find((known) => known === dtype);
  if (own === undefined) throw new Error(`no tensor of ${dtype} can be written`);
  const data = allocate(own, 1);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[0] = BigInt(value);
  else if (own === 'float16') data[0] = toFloat16Bits([value])[0] ?? 0;
  else if (own === 'bfloat16') data[0] = toBfloat16Bits([value])[0] ?? 0;
  else data[0] = value;
  return { dtype: own, dims: [], data };
}
