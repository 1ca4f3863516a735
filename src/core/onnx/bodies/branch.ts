/** `If`: the branch that ran, in the place of the node. */
import type { Graph, GraphNode } from '../graph';
import { joinPath, Names } from '../names';
import { bodyOfGraph, splice } from '../splice';
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
