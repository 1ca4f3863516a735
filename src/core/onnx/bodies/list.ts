/** Lists of tensors that a body hands on: what one iteration puts into them. */
import type { GraphProto, NodeProto, TypeProto } from 'onnx-buf';
import { dtypeOf } from '../tensors';

const floats = new Set(['float32', 'float64', 'float16']);

/**
 * @param value an output of the body.
 * @returns tensors that nodes of the body put into it, where its declared type says that they are floats.
 */
export function addedToList(body: GraphProto, value: string): { tensor: string; type: string }[] {
  const type = elementType(body.output.find((output) => output.name === value)?.type);
  if (type === null || !floats.has(type)) return [];
  const producers = new Map(body.node.flatMap((node) => node.output.map((output) => [output, node] as const)));
  const tensors = new Set<string>();
  const seen = new Set<string>();
  const queue = [value];
  for (let list = queue.pop(); list !== undefined; list = queue.pop()) {
    const node = seen.has(list) ? undefined : producers.get(list);
    seen.add(list);
    if (!node) continue;
    for (const tensor of put(node)) tensors.add(tensor);
    queue.push(node.input[0] ?? '');
  }
  return [...tensors].map((tensor) => ({ tensor, type }));
}

function put(node: NodeProto): string[] {
  if (node.opType === 'SequenceInsert') return [node.input[1] ?? ''];
  if (node.opType === 'SequenceConstruct') return node.input;
  return node.opType === 'SplitToSequence' ? [node.input[0] ?? ''] : [];
}

function elementType(type: TypeProto | undefined): string | null {
  if (type?.value.case !== 'sequenceType') return null;
  const element = type.value.value.elemType?.value;
  return element?.case === 'tensorType' ? dtypeOf(element.value.elemType) : null;
}
