/** What the report says of the model itself: where it came from, its layers, its attention. */
import { attentionCensus } from '../core/diagnose/census';
import type { GraphNode } from '../core/onnx/graph';
import type { ModelInfo } from '../core/report';
import { nodePlaces } from '../core/trace/places';
import type { Prepared } from './measure/measure';
import type { Subject } from './subject';

/** @param layerOf the layer that the table shows a node in. */
export function modelInfo(
  subject: Subject,
  prepared: Pick<Prepared, 'axes' | 'sites' | 'facts'>,
  layerOf: (node: GraphNode) => number | null,
): ModelInfo {
  const { graph } = subject;
  const places = nodePlaces(graph);
  const layers = new Set(graph.nodes.map((node) => places.of(node).layer).filter((layer) => layer !== null));
  return {
    name: subject.name,
    source: subject.source,
    ...(subject.cast === null ? {} : { cast: subject.cast }),
    ...(subject.expandedAttention ? { expandedAttention: true } : {}),
    opset: subject.loaded.opset,
    layers: layers.size,
    attention: attentionCensus({
      graph,
      axes: prepared.axes,
      sites: prepared.sites,
      shape: (value) => prepared.facts.shape(value),
      layerOf,
    }),
  };
}
