/** What a model's file says of its inputs. */
import type { Graph } from '../onnx/graph';
import { graphOf } from '../onnx/graph';
import { typeName } from '../onnx/tensors';
import type { InputSpec } from './types';

/** In the order of `names`; what the graph says nothing of has the type `unknown`. */
export function specsOf(graph: Graph, names: readonly string[]): InputSpec[] {
  const values = new Map(graphOf(graph.model).input.map((value) => [value.name, value]));
  return names.map((name) => {
    const type = values.get(name)?.type?.value;
    if (type?.case !== 'tensorType') return { name, dtype: type?.case ?? 'unknown', dims: null };
    const dims = type.value.shape?.dim.map(({ value }) =>
      value.case === 'dimValue'
        ? Number(value.value)
        : value.case === 'dimParam' && value.value !== ''
          ? value.value
          : null,
    );
    return { name, dtype: typeName(type.value.elemType), dims: dims ?? null };
  });
}
