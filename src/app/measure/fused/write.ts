/** Fused attention written out in plain operators, with what this batch told of the values around it. */
import { fusedOps } from '../../../core/diagnose/census';
import { Replacement } from '../../../core/onnx/bodies/part';
import type { OpenedPart } from '../../../core/onnx/bodies/part';
import { expansionOf } from '../../../core/onnx/expand/index';
import type { GraphNode } from '../../../core/onnx/graph';
import { joinPath, Names } from '../../../core/onnx/names';
import { splice } from '../../../core/onnx/splice';
import type { InsideFrame } from '../../../core/report';
import { aroundIn } from '../around';
import type { Prepared } from '../measure';

/** What `evidence.inside` calls the operators that a fused node stands for. */
export const expandedBody = 'expanded';

export const isFused = (node: GraphNode): boolean =>
  fusedOps.has(node.op) && (node.domain === '' || node.domain === 'com.microsoft');

export const frameOf = (node: string, op: string): InsideFrame => ({ node, op, body: expandedBody, iteration: null });

/** The part of the graph that leads to the node, with plain operators in its place; a reason where there is none. */
export function writtenOut(prepared: Pick<Prepared, 'facts' | 'target'>, node: GraphNode): OpenedPart | string {
  const { graph } = prepared.target;
  const body = expansionOf(node, aroundIn(prepared));
  if (body === null) return `what ${node.op} stands for is not known`;
  if (typeof body === 'string') return `it could not be written out in plain operators: ${body}`;
  const replacement = new Replacement();
  const spliced = splice({
    body,
    inputs: node.inputs,
    outputs: node.outputs,
    path: joinPath(node.name, expandedBody),
    names: Names.of(graph.model),
    copyConstants: true,
  });
  replacement.add(spliced, { node: body.nodes }, null);
  return replacement.part(
    graph,
    node,
    node.outputs.filter((output) => output !== ''),
  );
}
