/**
 * Where every node of a model stands: layer, block and stage. The names that older exporters give to nodes tell it, the
 * module scopes that newer ones write into metadata, or, where neither does, the structure of the graph.
 */
import type { Graph, GraphNode } from '../onnx/graph';
import type { ModulePlace } from './modules';
import { layerModule, modulePath, modulePlaces, placeOfNode } from './modules';
import { moduleOfNode } from './scopes';
import { structurePlaces } from './structure';

export interface NodePlaces {
  /** What the layers were told from; `none` where the model has none that could be told. */
  readonly by: 'names' | 'scopes' | 'structure' | 'none';
  /** @param node of this graph, or of another view of the same model */
  of(node: GraphNode): ModulePlace;
  /** Module path of the layer that holds a node, `decoder.layers.0`; empty outside of layers. */
  layerModule(node: GraphNode): string;
}

const known = new WeakMap<Graph, NodePlaces>();

export function nodePlaces(graph: Graph): NodePlaces {
  let places = known.get(graph);
  if (!places) {
    places = findPlaces(graph);
    known.set(graph, places);
  }
  return places;
}

/** What a reader of the table must know of where its layers come from. */
export function placesNote(graph: Graph): string[] {
  return nodePlaces(graph).by === 'structure'
    ? [
        'Node names and metadata hold no modules: layers and stages were told from the structure of the graph, and the ' +
          'labels of their rows are not names in the file.',
      ]
    : [];
}

function findPlaces(graph: Graph): NodePlaces {
  const paths = new Map(graph.nodes.map((node) => [valueOf(node), pathName(node)]));
  const nameOf = (node: GraphNode): string => paths.get(valueOf(node)) ?? node.name;
  const byName = modulePlaces(paths.values());
  const named: NodePlaces = {
    by: 'none',
    of: (node) => byName(nameOf(node)),
    layerModule: (node) => layerModule(nameOf(node)),
  };
  const inLayers = graph.nodes.filter((node) => named.of(node).layer !== null);
  if (inLayers.length > 0) {
    return { ...named, by: inLayers.some((node) => nameOf(node) === node.name) ? 'names' : 'scopes' };
  }
  const structure = structurePlaces(graph);
  if (!structure) return named;
  // By value, not by node: another view of the same model has nodes of its own.
  const byValue = new Map([...structure].map(([node, place]) => [valueOf(node), place]));
  return {
    by: 'structure',
    of: (node) => byValue.get(valueOf(node))?.place ?? named.of(node),
    layerModule: (node) => byValue.get(valueOf(node))?.layerModule ?? '',
  };
}

/** Every value has one producer. */
const valueOf = (node: GraphNode): string => node.outputs.find((output) => output !== '') ?? node.name;

/** A node's name, or its scope in the form of such a name where that says more. */
function pathName(node: GraphNode): string {
  if (placeOfNode(node.name).layer !== null) return node.name;
  const scope = moduleOfNode(node);
  if (scope === '') return node.name;
  const scoped = `/${scope}/${node.op}`;
  return modulePath(node.name).length === 0 || placeOfNode(scoped).layer !== null ? scoped : node.name;
}
