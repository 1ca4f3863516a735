/** Pipeline stages: layers in so many runs of neighbours, cut at their ends, in the order of the graph. */
import { NanoscopeError } from '../errors';
import type { Graph } from '../onnx/graph';
import { nodePlaces } from '../trace/places';
import { levelsOf } from './cut';

/**
 * By node, the stage that runs it. What belongs to no layer (embeddings, masks, the head) is as early as what it reads
 * allows.
 * @throws NanoscopeError `usage` for a model whose layers are not known, or too few
 */
export function stagesOfNodes(graph: Graph, stages: number): number[] {
  const places = nodePlaces(graph);
  const layers = [...new Set(graph.nodes.map((node) => places.layerModule(node)))].filter((layer) => layer !== '');
  if (layers.length < stages)
    throw new NanoscopeError(
      'usage',
      layers.length === 0
        ? 'A model whose layers are not known cannot be cut into pipeline stages.'
        : `${String(layers.length)} layers cannot be cut into ${String(stages)} pipeline stages.`,
      layers.length === 0
        ? 'Export it with the names of its modules, or leave stages out.'
        : `Use at most ${String(layers.length)} stages, or a model with more layers.`,
    );
  const stageOf = new Map(layers.map((layer, i) => [layer, Math.floor((i * stages) / layers.length)]));
  return levelsOf(graph, (node) => stageOf.get(places.layerModule(node)) ?? 0);
}
