/** `If`: the branch that ran, in the place of the node. */
import type { ModelProto, NodeProto, SparseTensorProto, TensorProto } from 'onnx-buf';
import { altered } from '../altered';
import type { Graph, GraphNode } from '../graph';
import { graphOf } from '../graph';
import { joinPath, Names } from '../names';
import { bodyOfGraph, nameOfNode, splice } from '../splice';
import type { OpenedPart } from './part';
import { bodyOf, Replacement } from './part';

export type Branch = 'then_branch' | 'else_branch';

/** @returns null where the node has no such branch. */
export function openBranch(graph: Graph, node: GraphNode, branch: Branch): OpenedPart | null {
  const body = bodyOf(node, branch);
  if (!body) return null;
  const replacement = new Replacement();
  const spliced = splice({
    body: bodyOfGraph(body),
    inputs: [],
    outputs: node.outputs,
    path: joinPath(node.name, branch),
    names: Names.of(graph.model),
    copyConstants: true,
  });
  replacement.add(spliced, body, null);
  return replacement.part(
    graph,
    node,
    node.outputs.filter((output) => output !== ''),
  );
}

export interface OpenedBranches {
  readonly model: ModelProto;
  /** Nodes that came in, by their name in `model`. */
  readonly inner: ReadonlyMap<string, { readonly name: string; readonly from: GraphNode; readonly branch: Branch }>;
}

/** The whole graph, with the branch that ran in the place of each of these nodes. Values keep their names outside. */
export function openBranches(graph: Graph, taken: ReadonlyMap<GraphNode, Branch>): OpenedBranches {
  const own = graphOf(graph.model);
  const names = Names.of(graph.model);
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [...own.initializer];
  const sparse: SparseTensorProto[] = [...own.sparseInitializer];
  const inner = new Map<string, { name: string; from: GraphNode; branch: Branch }>();
  for (const node of graph.nodes) {
    const branch = taken.get(node);
    const body = branch ? bodyOf(node, branch) : null;
    if (!branch || !body) {
      nodes.push(node.proto);
      continue;
    }
    const path = joinPath(node.name, branch);
    const spliced = splice({
      body: bodyOfGraph(body),
      inputs: [],
      outputs: node.outputs,
      path,
      names,
      copyConstants: true,
    });
    for (const [i, made] of spliced.nodes.entries()) {
      const original = body.node[i];
      inner.set(made.name, { name: original ? nameOfNode(original) : (made.output[0] ?? ''), from: node, branch });
    }
    nodes.push(...spliced.nodes);
    initializers.push(...spliced.initializers);
    sparse.push(...spliced.sparse);
  }
  const model = altered(graph.model, {
    graph: altered(own, { node: nodes, initializer: initializers, sparseInitializer: sparse }),
  });
  return { model, inner };
}
