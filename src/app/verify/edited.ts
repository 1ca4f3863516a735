/** The model as a fix leaves it. */
import { clone } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { NodeProtoSchema } from 'onnx-buf';
import { applyEdits } from '../../core/onnx/edit';
import { graphOf } from '../../core/onnx/graph';

/** An edited copy of the model; the original is not changed. What no edit names is shared with it. */
export function edited(proto: ModelProto, edits: Parameters<typeof applyEdits>[1]): ModelProto {
  const graph = graphOf(proto);
  const named = new Set(
    edits.flatMap((edit) =>
      edit.kind === 'replaceInput' || edit.kind === 'setAttribute'
        ? [edit.node]
        : edit.kind === 'replaceOutput'
          ? [edit.from]
          : [],
    ),
  );
  const copy: ModelProto = {
    ...proto,
    metadataProps: [...proto.metadataProps],
    graph: {
      ...graph,
      // Lists are changed in place, and so are nodes that an edit names; weights and all other nodes are shared.
      node: graph.node.map((node) =>
        node.output.some((name) => named.has(name)) ? clone(NodeProtoSchema, node) : node,
      ),
      initializer: [...graph.initializer],
      input: [...graph.input],
      output: [...graph.output],
    },
  };
  applyEdits(copy, edits);
  return copy;
}
