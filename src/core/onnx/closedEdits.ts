/**
 * Edits that were planned on a graph with its local functions opened, as edits of the file's own graph, where the
 * calls still stand: what a fix does not touch stays in the copy as it is in the file.
 */
import type { ModelProto, NodeProto } from 'onnx-buf';
import type { GraphEdit } from './edit';
import type { Graph, GraphNode } from './graph';
import { Graph as GraphOf } from './graph';
import type { Inlined } from './inline';

/** @returns null where an edit reaches into a function, or reads a value that only exists inside one. */
export function editsOfClosed(
  edits: readonly GraphEdit[],
  opened: Graph,
  inside: Inlined['inside'],
  closed: ModelProto,
): readonly GraphEdit[] | null {
  if (inside.size === 0) return edits;
  const file = new GraphOf(closed);
  const twin = (node: GraphNode): GraphNode | null => {
    if (inside.has(node.name)) return null;
    const output = firstOutput(node.outputs);
    const own = output === undefined ? undefined : file.producer.get(output);
    return own?.op === node.op ? own : null;
  };
  const twinOf = (value: string): GraphNode | null => {
    const node = opened.producer.get(value);
    return node ? twin(node) : null;
  };
  /** Before the first node at or behind `at` that the file has too. */
  const placeOf = (at: number): number => {
    for (const node of opened.nodes.slice(at)) {
      const own = twin(node);
      if (own) return own.index;
    }
    return file.nodes.length;
  };
  const made = new Set<string>();
  for (const edit of edits) {
    if (edit.kind === 'insertNodes') for (const output of edit.nodes.flatMap((node) => node.output)) made.add(output);
    if (edit.kind === 'addInitializers') for (const tensor of edit.tensors) made.add(tensor.name);
  }
  const known = (value: string): boolean =>
    value === '' ||
    made.has(value) ||
    file.producer.has(value) ||
    file.inputs.includes(value) ||
    file.isInitializer(value);
  const readsKnown = (node: NodeProto): boolean => node.input.every(known);

  const found: GraphEdit[] = [];
  for (const edit of edits) {
    switch (edit.kind) {
      case 'insertNodes':
        if (!edit.nodes.every(readsKnown)) return null;
        found.push({ ...edit, at: placeOf(edit.at) });
        break;
      case 'replaceInput':
        if (!made.has(edit.node) && (!twinOf(edit.node) || !known(edit.to))) return null;
        found.push(edit);
        break;
      case 'setAttribute':
        if (!twinOf(edit.node)) return null;
        found.push(edit);
        break;
      case 'replaceOutput':
        if (!twinOf(edit.from)) return null;
        found.push(edit);
        break;
      case 'removeNodes':
        // Their places would have to be those of the file; no fix takes nodes away.
        return null;
      default:
        found.push(edit);
    }
  }
  return found;
}

const firstOutput = (outputs: readonly string[]): string | undefined => outputs.find((output) => output !== '');
