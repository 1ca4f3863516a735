/** The parts of a rank as they are kept in files: for batches of any size, and with every type said. */
import { create } from '@bufbuild/protobuf';
import {
  StringStringEntryProtoSchema,
  TensorShapeProto_DimensionSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { ModelProto, TypeProto, ValueInfoProto } from 'onnx-buf';
import type { Graph } from '../onnx/graph';
import { graphOf } from '../onnx/graph';

/**
 * @param parts of one rank, with the shapes that they have for one batch
 * @param whole says the shapes of its own inputs and outputs; of other values type and number of axes are kept
 * @param says what a part says of itself in its metadata
 */
export function withOpenShapes(
  parts: readonly ModelProto[],
  whole: Graph,
  says: (part: number) => Readonly<Record<string, string>>,
): ModelProto[] {
  const { input, output } = graphOf(whole.model);
  // What a part gives is an output of the whole model, or another part reads it.
  const known = new Map<string, ValueInfoProto>();
  for (const value of parts.flatMap((part) => graphOf(part).input)) known.set(value.name, openValue(value));
  for (const value of [...input, ...output]) known.set(value.name, value);
  const open = (value: ValueInfoProto): ValueInfoProto => known.get(value.name) ?? value;
  return parts.map((part, at) => {
    const graph = graphOf(part);
    return {
      ...part,
      metadataProps: Object.entries(says(at)).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      ),
      graph: { ...graph, input: graph.input.map(open), output: graph.output.map(open), valueInfo: [] },
    };
  });
}

const openValue = ({ name, type }: ValueInfoProto): ValueInfoProto =>
  create(ValueInfoProtoSchema, { name, ...(type && { type: openType(type) }) });

function openType(type: TypeProto): TypeProto {
  if (type.value.case !== 'tensorType') return type;
  const { elemType, shape } = type.value.value;
  const dim = (shape?.dim ?? []).map(() => create(TensorShapeProto_DimensionSchema));
  return create(TypeProtoSchema, { value: { case: 'tensorType', value: { elemType, shape: { dim } } } });
}
