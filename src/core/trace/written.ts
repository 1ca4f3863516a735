/** Where nodes of a model were written, as far as the exporter left it in the file. */
import type { Graph, GraphNode } from '../onnx/graph';
import type { Finding, SourceLine } from '../report';
import { outermostNode } from './evidence';
import { modulePath } from './modules';
import { moduleOfNode, sourceOfNode } from './scopes';

export function lineOf(node: GraphNode | null): { readonly source?: SourceLine } {
  const source = node && sourceOfNode(node);
  return source ? { source } : {};
}

/** Findings with the module and the line of their node. */
export function withLines<F extends Finding>(findings: readonly F[], graph: Graph): readonly F[] {
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  return findings.map((finding) => {
    // What stands in a body has no node of its own in this graph: the one around it tells.
    const name = outermostNode(finding.evidence) ?? finding.node;
    const node = graph.producer.get(finding.tensor) ?? (name === null ? undefined : byName.get(name));
    if (!node) return finding;
    const module = modulePath(node.name).length > 0 ? '' : moduleOfNode(node);
    return { ...finding, ...(module !== '' && { module }), ...lineOf(node) };
  });
}
