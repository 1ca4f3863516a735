/** Put together from pieces, a model is still the same message. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { edited } from '../../../src/app/verify/edited';
import { modelBytes } from '../../../src/core/onnx/modelBytes';
import { encodeModel, richModel, smallModel } from './support';

describe('the bytes for the engine', () => {
  test('read back as the model, with everything that it holds', () => {
    for (const proto of [smallModel(), richModel()]) {
      const before = encodeModel(proto);
      for (let time = 0; time < 2; time += 1) {
        const back = fromBinary(ModelProtoSchema, modelBytes(proto));
        expect(Buffer.compare(toBinary(ModelProtoSchema, back), before)).toBe(0);
      }
      expect(Buffer.compare(encodeModel(proto), before)).toBe(0);
    }
  });

  test('of an edited copy show the edit, those of the original do not', () => {
    const proto = smallModel();
    const plain = modelBytes(proto);
    const copy = edited(proto, [
      { kind: 'replaceInput', node: 'y', slot: 0, from: 'r', to: 'x' },
      { kind: 'replaceOutput', from: 'r', to: 'unread' },
    ]);
    const nodes = fromBinary(ModelProtoSchema, modelBytes(copy)).graph?.node.map(({ input, output }) => [
      input,
      output,
    ]);
    expect(nodes).toEqual([
      [['x'], ['unread']],
      [['x', 'w'], ['y']],
    ]);
    expect(Buffer.compare(modelBytes(proto), plain)).toBe(0);
    expect(Buffer.compare(encodeModel(proto), encodeModel(smallModel()))).toBe(0);
  });
});
