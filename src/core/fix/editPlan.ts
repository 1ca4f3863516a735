/** Collects the edits of one fix; places are those of the unedited model. */
import type { AttributeProto, NodeProto } from 'onnx-buf';
import type { GraphEdit } from '../onnx/edit';
import { attributeEdit, tagNode } from '../onnx/edit';
import type { Graph } from '../onnx/graph';
import { freshPrefix } from '../probe/instrument';
import { NodeBlock } from './nodeBlock';

export interface Reader {
  /** First output of the node that reads. */
  readonly node: string;
  readonly slot: number;
}

export class EditPlan {
  private readonly insertions = new Map<number, NodeProto[]>();
  private readonly inputs = new Map<string, GraphEdit>();
  private readonly attributes: GraphEdit[] = [];
  private readonly outputs: GraphEdit[] = [];
  private readonly prefix: string;
  private made = 0;

  constructor(
    private readonly graph: Graph,
    private readonly fixId: string,
  ) {
    this.prefix = `${freshPrefix(graph, 'nanoscope')}${fixId.replaceAll('-', '_')}_`;
  }

  name(what: string): string {
    this.made += 1;
    return `${this.prefix}${String(this.made)}_${what}`;
  }

  block(): NodeBlock {
    return new NodeBlock(this.graph.opset, (what) => this.name(what));
  }

  /** New nodes before the node at `at` of the unedited model (its length: at the end), behind those put there before. */
  insert(at: number, block: NodeBlock): void {
    const own = this.insertions.get(at) ?? [];
    own.push(...block.nodes.map((entry) => tagNode(entry, this.fixId)));
    this.insertions.set(at, own);
  }

  /** Makes these readers of `from` read `to`. */
  replace(from: string, to: string, readers: readonly Reader[]): void {
    for (const { node, slot } of readers) {
      this.inputs.set(`${node} ${String(slot)}`, { kind: 'replaceInput', node, slot, from, to });
    }
  }

  /**
   * Puts nodes behind a value: everyone who reads it reads what they make of it, the graph's outputs and the bodies of
   * `If` and `Loop` included. Where the latter do, the value itself is renamed and the new one has its name.
   *
   * @param make from the value's name to the name of the new one.
   */
  filter(value: string, make: (block: NodeBlock, source: string) => string): void {
    const producer = this.graph.producer.get(value);
    const captured = (this.graph.consumers.get(value) ?? []).some((reader) => reader.captured.includes(value));
    const block = this.block();
    if (producer && (captured || this.graph.outputs.includes(value))) {
      const source = this.name('before');
      block.rename(make(block, source), value);
      this.outputs.push({ kind: 'replaceOutput', from: value, to: source });
    } else {
      this.replace(value, make(block, value), readersOf(this.graph, value));
    }
    this.insert((producer?.index ?? -1) + 1, block);
  }

  /** Renames a value where it is made. Who reads it has to be told apart. */
  renameOutput(from: string, to: string): void {
    this.outputs.push({ kind: 'replaceOutput', from, to });
  }

  /** Sets an attribute of the node that makes `value`. */
  attribute(value: string, attribute: AttributeProto): void {
    this.attributes.push(attributeEdit(this.graph.model, value, attribute));
  }

  /**
   * Inputs and attributes first, while every node is still found by the names of its outputs; insertions from the end,
   * so that places before stay what they were.
   */
  get edits(): GraphEdit[] {
    const sorted = [...this.insertions].sort(([a], [b]) => b - a);
    return [
      ...this.inputs.values(),
      ...this.attributes,
      ...this.outputs,
      ...sorted.map(([at, nodes]): GraphEdit => ({ kind: 'insertNodes', at, nodes })),
    ];
  }
}

/** Every (node, slot) that reads a value; nodes are named by their first output. */
export function readersOf(graph: Graph, value: string): Reader[] {
  return (graph.consumers.get(value) ?? []).flatMap((reader) =>
    reader.inputs.flatMap((input, slot) =>
      input === value ? [{ node: reader.outputs.find((output) => output !== '') ?? '', slot }] : [],
    ),
  );
}
