/** A model whose mask could mean several things: floats, under a name that says nothing about what 1 means. */
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, NodeProtoSchema } from 'onnx-buf';
import { NanoscopeError } from '../../../src/core/errors';
import { buildModel, serializeModel } from '../../../src/core/models';

const float = 1;
const int64 = 7n;

/** kimi-k2-mini with `key_padding_mask` (float, 1 = real all the same) in place of `attention_mask`. */
export function ambiguousModel(): Uint8Array {
  const { proto } = buildModel('builtin:kimi-k2-mini?layers=1');
  const { graph } = proto;
  const mask = graph?.input.find(({ name }) => name === 'attention_mask');
  if (!graph || mask?.type?.value.case !== 'tensorType') {
    throw new NanoscopeError('internal', 'The built-in model has no attention_mask.', 'Adapt this fixture.');
  }
  mask.name = 'key_padding_mask';
  mask.type.value.value.elemType = float;
  graph.node.unshift(
    create(NodeProtoSchema, {
      opType: 'Cast',
      name: '/model/MaskCast',
      input: ['key_padding_mask'],
      output: ['attention_mask'],
      attribute: [create(AttributeProtoSchema, { name: 'to', type: AttributeProto_AttributeType.INT, i: int64 })],
    }),
  );
  return serializeModel(proto);
}
