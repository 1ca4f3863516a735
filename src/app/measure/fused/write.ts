/** Fused attention written out in plain operators, with what this batch told of the values around it. */
import type { ModelProto, NodeProto, TensorProto } from 'onnx-buf';
import { fusedOps } from '../../../core/diagnose/census';
import { altered } from '../../../core/onnx/altered';
import { expansionOf } from '../../../core/onnx/expand/index';
import { Graph, graphOf } from '../../../core/onnx/graph';
import type { GraphNode } from '../../../core/onnx/graph';
import { joinPath, Names } from '../../../core/onnx/names';
import { nameOfNode, splice } from '../../../core/onnx/splice';
import { extract } from '../../../core/probe/instrument';
import type { InsideFrame } from '../../../core/report';
import { aroundIn } from '../around';
import type { Prepared } from '../measure';

/** What `evidence.inside` calls the operators that a fused node stands for. */
export const expandedBody = 'expanded';

export const isFused = (node: GraphNode): boolean =>
  fusedOps.has(node.op) && (node.domain === '' || node.domain === 'com.microsoft');

export const frameOf = (node: string, op: string): InsideFrame => ({ node, op, body: expandedBody, iteration: null });

/** A graph with what some of its fused nodes stand for beside them. */
export interface WrittenOut {
  /** The part that leads to what was written out; the nodes themselves stay, for what reads them. */
  readonly model: ModelProto;
  /** Nodes that came in, by their name in `model`: their name in the operators that one node stands for. */
  readonly inner: ReadonlyMap<string, { readonly name: string; readonly of: GraphNode }>;
  /** Half a sentence for each node that was not written out. */
  readonly reasons: ReadonlyMap<GraphNode, string>;
}

/**
 * Beside and not instead: a row that the kernel makes finite would be NaN behind, and everything that reads it. So any
 * number of nodes is looked at in one go.
 */
export function writtenOut(prepared: Pick<Prepared, 'facts' | 'target'>, nodes: readonly GraphNode[]): WrittenOut {
  const { graph } = prepared.target;
  const own = graphOf(graph.model);
  const names = Names.of(graph.model);
  const around = aroundIn(prepared);
  const inner = new Map<string, { name: string; of: GraphNode }>();
  const reasons = new Map<GraphNode, string>();
  const added = new Map<NodeProto, readonly NodeProto[]>();
  const initializers: TensorProto[] = [];
  const ends: string[] = [];
  for (const node of nodes) {
    const body = expansionOf(node, around);
    if (body === null) reasons.set(node, `what ${node.op} stands for is not known`);
    else if (typeof body === 'string') reasons.set(node, `it could not be written out in plain operators: ${body}`);
    if (body === null || typeof body === 'string') continue;
    const path = joinPath(node.name, expandedBody);
    const spliced = splice({ body, inputs: node.inputs, outputs: null, path, names });
    for (const [i, made] of spliced.nodes.entries()) {
      const original = body.nodes[i];
      inner.set(made.name, { name: original ? nameOfNode(original) : (made.output[0] ?? ''), of: node });
    }
    added.set(node.proto, spliced.nodes);
    initializers.push(...spliced.initializers);
    ends.push(...spliced.outputs.filter((_, i) => (node.outputs[i] ?? '') !== ''));
  }
  const model = altered(graph.model, {
    graph: altered(own, {
      node: own.node.flatMap((node) => [node, ...(added.get(node) ?? [])]),
      initializer: [...own.initializer, ...initializers],
    }),
  });
  const whole = new Graph(model);
  const made = [...new Set(ends)].filter((value) => whole.producer.has(value));
  return { model: extract(whole, made), inner, reasons };
}
