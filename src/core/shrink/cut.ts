/** What a few values of a model are computed from, as a model of its own. */
import { create } from '@bufbuild/protobuf';
import { ValueInfoProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type { Graph } from '../onnx/graph';
import { graphOf } from '../onnx/graph';

export interface OutputInfo {
  /** As ONNX counts element types. */
  readonly elemType: number;
  readonly rank: number;
}

/**
 * Nodes, weights and inputs that `outputs` need, in their order; everything else is gone. Messages are shared with the
 * model, which is not changed.
 * @param infoOf what is known of an output that the file does not declare; null leaves it to the engine
 */
export function cutModel(
  { model, producer }: Graph,
  outputs: readonly string[],
  infoOf: (output: string) => OutputInfo | null,
): ModelProto {
  const graph = graphOf(model);
  const needed = new Set<string>();
  const nodes = new Set<unknown>();
  const queue = [...outputs];
  for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
    if (value === '' || needed.has(value)) continue;
    needed.add(value);
    const node = producer.get(value);
    if (!node || nodes.has(node.proto)) continue;
    nodes.add(node.proto);
    queue.push(...node.inputs, ...node.captured);
  }
  const declared = new Map([...graph.output, ...graph.valueInfo].map((info) => [info.name, info]));
  return {
    ...model,
    functions: [],
    trainingInfo: [],
    graph: {
      ...graph,
      node: graph.node.filter((node) => nodes.has(node)),
      initializer: graph.initializer.filter(({ name }) => needed.has(name)),
      sparseInitializer: graph.sparseInitializer.filter(({ values }) => needed.has(values?.name ?? '')),
      input: graph.input.filter(({ name }) => needed.has(name)),
      output: outputs.map((name) => declared.get(name) ?? declare(name, infoOf(name))),
      valueInfo: graph.valueInfo.filter(({ name }) => needed.has(name) && !outputs.includes(name)),
      quantizationAnnotation: graph.quantizationAnnotation.filter(({ tensorName }) => needed.has(tensorName)),
    },
  };
}

/** Sizes are left open: they follow the batch. */
const declare = (name: string, info: OutputInfo | null) =>
  create(ValueInfoProtoSchema, {
    name,
    ...(info && {
      type: {
        value: {
          case: 'tensorType',
          value: { elemType: info.elemType, shape: { dim: Array.from({ length: info.rank }, () => ({})) } },
        },
      },
    }),
  });
