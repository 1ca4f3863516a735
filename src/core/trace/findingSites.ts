/**
 * Rows for what the table would leave out: a birth at a node that belongs to no stage, and an output with NaN that is
 * not the model's main one. A report never tells of NaN that its table does not show.
 */
import type { Graph } from '../onnx/graph';
import type { Finding } from '../report';
import { outermostNode } from './evidence';
import type { Site } from './sites';

/** Enough to see where NaN begins; the list of births has them all. */
const mostBirths = 12;

/**
 * @param origins as the report has them.
 * @param isSick of a float value that was measured: it holds NaN.
 * @returns `sites` and the missing ones, in the graph's order.
 */
export function withFindings(
  sites: readonly Site[],
  graph: Graph,
  origins: readonly Finding[],
  isSick: (value: string) => boolean,
): readonly Site[] {
  const shown = new Set(sites.map((site) => site.tensor));
  const inStage = (finding: Finding): boolean =>
    finding.stage !== 'other' &&
    sites.some(
      ({ layer, block, stage }) => layer === finding.layer && block === finding.block && stage === finding.stage,
    );
  const added: Site[] = [];
  const add = (tensor: string, place: Pick<Site, 'layer' | 'block' | 'stage'>, label?: string): void => {
    if (shown.has(tensor) || !isSick(tensor)) return;
    shown.add(tensor);
    const node = graph.producer.get(tensor) ?? null;
    const { layer, block, stage } = place;
    const name = label ?? (node === null || node.name === '' ? tensor : node.name);
    added.push({ layer, block, stage, port: 'out', label: name, tensor, node, order: node?.index ?? -1 });
  };
  for (const origin of origins) {
    if (added.length === mostBirths) break;
    if (!inStage(origin)) add(measuredTensor(graph, origin), origin);
  }
  for (const output of graph.outputs) add(output, { layer: null, block: null, stage: 'other' }, output);
  return added.length === 0 ? sites : [...sites, ...added].sort((a, b) => a.order - b.order);
}

/** What a birth inside a body hands to the graph around it: nothing inside has a value in this graph. */
function measuredTensor(graph: Graph, { tensor, evidence }: Finding): string {
  if (graph.producer.has(tensor) || graph.inputs.includes(tensor)) return tensor;
  const name = outermostNode(evidence);
  const outer = name === null ? undefined : graph.nodes.find((node) => node.name === name);
  return outer?.outputs[0] ?? tensor;
}
