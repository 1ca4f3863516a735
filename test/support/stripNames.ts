/** A model whose node and tensor names say nothing, as optimizers and other exporters leave them. */
import { clone } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';

export interface Stripped {
  readonly proto: ModelProto;
  /** What each tensor is called now; inputs and outputs of the graph keep their names, which a caller uses. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** @param nodeName default `n1`, `n2`, … */
export function stripNames(
  original: ModelProto,
  nodeName: (index: number) => string = (index) => `n${String(index + 1)}`,
): Stripped {
  const proto = clone(ModelProtoSchema, original);
  const { graph } = proto;
  if (!graph) throw new Error('no graph');
  const renamed = new Map<string, string>([['', '']]);
  for (const { name } of [...graph.input, ...graph.output]) renamed.set(name, name);
  const rename = (name: string): string => {
    const now = renamed.get(name) ?? `t${String(renamed.size)}`;
    renamed.set(name, now);
    return now;
  };
  for (const tensor of graph.initializer) tensor.name = rename(tensor.name);
  for (const [index, node] of graph.node.entries()) {
    if (node.attribute.some((entry) => entry.g !== undefined)) throw new Error('bodies are not renamed');
    node.name = nodeName(index);
    node.input = node.input.map(rename);
    node.output = node.output.map(rename);
  }
  graph.valueInfo = [];
  return { proto, renamed };
}
