/** bfloat16 models as float32 ones: exact weights, no bfloat16 left anywhere, payloads outside reached by casts. */
import { create } from '@bufbuild/protobuf';
import { AttributeProtoSchema, TensorProto_DataLocation, TensorProto_DataType as DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { usesBfloat16 } from '../../../src/core/onnx/bfloat16';
import { decodeTensor } from '../../../src/core/onnx/tensors';
import { widened } from '../../../src/core/onnx/widen';
import { AttributeType, encodeModel, model, node, value } from './support';

/** 1, −2, +Inf, NaN */
const bits = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x7fc0);
const raw = { name: 'w', dims: [4n], dataType: DataType.BFLOAT16, rawData: new Uint8Array(bits.buffer) };

function bf16(tensor: object = raw): ModelProto {
  const to = create(AttributeProtoSchema, { name: 'to', type: AttributeType.INT, i: BigInt(DataType.BFLOAT16) });
  return model({
    name: 'g',
    input: [value('x', [4])],
    output: [value('y', [4], DataType.BFLOAT16)],
    initializer: [tensor],
    node: [node('Cast', ['x'], ['b'], { attribute: [to] }), node('Add', ['b', 'w'], ['y'])],
  });
}

describe('a bfloat16 model widened', () => {
  test('has the same weights, in both payload fields, and the original is as it was', () => {
    for (const tensor of [raw, { ...raw, rawData: new Uint8Array(), int32Data: Array.from(bits) }]) {
      const proto = bf16(tensor);
      const before = encodeModel(proto);
      const wide = widened(proto, 'bfloat16');
      expect(usesBfloat16(proto)).toBe(true);
      expect(usesBfloat16(wide)).toBe(false);
      const weights = wide.graph?.initializer.map(decodeTensor);
      expect(weights).toEqual([{ dtype: 'float32', dims: [4], data: Float32Array.of(1, -2, Infinity, NaN) }]);
      expect(Buffer.compare(encodeModel(proto), before)).toBe(0);
    }
  });

  test('reads a payload outside the model through a cast, under a name that is free', () => {
    const proto = bf16({ ...raw, rawData: new Uint8Array(), dataLocation: TensorProto_DataLocation.EXTERNAL });
    const more = model({ node: [node('Identity', ['y'], ['w_bfloat16'])] }).graph;
    proto.graph?.node.push(...(more?.node ?? []));
    const graph = widened(proto, 'bfloat16').graph;
    expect(graph?.initializer.map(({ name }) => name)).toEqual(['w_bfloat16_']);
    expect(graph?.node.map(({ opType, input, output }) => [opType, input, output])).toEqual([
      ['Cast', ['w_bfloat16_'], ['w']],
      ['Cast', ['x'], ['b']],
      ['Add', ['b', 'w'], ['y']],
      ['Identity', ['y'], ['w_bfloat16']],
    ]);
  });
});
