/** Which tensors the table shows: what goes into and comes out of every module that is a stage. */
import type { AxesOfGraph } from '../onnx/axes/infer';
import { keyPlace, positionPlace } from '../onnx/axes/types';
import type { Graph, GraphNode } from '../onnx/graph';
import type { Block, Finding, Port, Side, Stage } from '../report';
import { stages } from '../report';
import type { ModulePlace } from './modules';
import { nodePlaces } from './places';

export interface Site {
  readonly layer: number | null;
  readonly block: Block | null;
  readonly stage: Stage;
  readonly port: Port;
  /** Module path, in the words of `structure.ts` where only that tells; the node's name where nothing does. */
  readonly label: string;
  readonly tensor: string;
  readonly node: GraphNode | null;
  /** Place in the table: the node that finishes the module. */
  readonly order: number;
}

/** Beyond this a table of unnamed nodes helps nobody. */
const unnamedLimit = 400;

export function tableSites(graph: Graph, axes: AxesOfGraph, isFloat: (value: string) => boolean): Site[] {
  const modules = new Map<string, { place: ModulePlace; nodes: GraphNode[] }>();
  const add = (module: string, place: ModulePlace, node: GraphNode): void => {
    const entry = modules.get(module);
    if (entry) entry.nodes.push(node);
    else modules.set(module, { place, nodes: [node] });
  };
  const places = nodePlaces(graph);
  for (const node of graph.nodes) {
    const place = places.of(node);
    if (place.module === '') continue;
    if (place.stage !== 'other') add(place.module, place, node);
    if (place.layer === null) continue;
    // Every node of a layer also belongs to the layer as a whole.
    const layer = places.layerModule(node);
    if (layer !== place.module) add(layer, { module: layer, layer: place.layer, block: null, stage: 'layer' }, node);
  }
  const sites: Site[] = [];
  for (const [label, { place, nodes }] of modules) {
    const out = outOf(graph, axes, nodes, isFloat);
    if (!out) continue;
    const common = { layer: place.layer, block: place.block, stage: place.stage, label, order: out.node.index };
    const into = intoOf(graph, axes, nodes, isFloat);
    if (into !== null) {
      sites.push({ ...common, port: 'in', tensor: into, node: graph.producer.get(into) ?? null });
    }
    sites.push({ ...common, port: 'out', tensor: out.value, node: out.node });
  }
  const merged = oneRowEach(sites);
  if (!merged.some((site) => site.layer !== null)) merged.push(...unnamed(graph, axes, isFloat));
  addEnds(graph, axes, isFloat, merged);
  const portOrder = { in: 0, out: 1 };
  return merged.sort(
    (a, b) =>
      a.order - b.order || stages.indexOf(a.stage) - stages.indexOf(b.stage) || portOrder[a.port] - portOrder[b.port],
  );
}

/** Layer, block and stage of a finding, and whose layer it is. */
export type Place = Pick<Finding, 'layer' | 'block' | 'stage' | 'side'>;

/** What the path of a module says. */
function sideOf(path: string): Side | null {
  if (/(^|\.)decoder(\.|$)/.test(path)) return 'decoder';
  return /(^|\.)encoder(\.|$)/.test(path) ? 'encoder' : null;
}

/**
 * Where a node's value stands: as the whole model's names say, and where they say nothing, as the table's row for
 * that value says. Findings and table then always agree.
 *
 * @param sites of `tableSites` for the same graph.
 */
export function placesInTable(graph: Graph, sites: readonly Site[]): (node: GraphNode, value: string) => Place {
  const places = nodePlaces(graph);
  const rows = new Map(sites.filter((site) => site.port === 'out').map((site) => [site.tensor, site]));
  const sides = new Set(sites.flatMap((site) => (site.layer === null ? [] : (sideOf(site.label) ?? []))));
  return (node, value) => {
    const own = places.of(node);
    const row = own.stage === 'other' ? rows.get(value) : undefined;
    const { layer, block, stage } = row ?? own;
    const side = layer === null || sides.size < 2 ? null : sideOf(row?.label ?? own.module);
    return { layer, block, stage, ...(side === null ? {} : { side }) };
  };
}

/** The value that a module hands on: read outside of it (or by nobody: an output), the last one of those. */
function outOf(
  graph: Graph,
  axes: AxesOfGraph,
  nodes: readonly GraphNode[],
  isFloat: (value: string) => boolean,
): { value: string; node: GraphNode } | null {
  const own = new Set(nodes);
  let best: { value: string; node: GraphNode; rank: number } | null = null;
  for (const node of nodes) {
    for (const value of node.outputs) {
      if (value === '' || !isFloat(value) || graph.isConstant(value)) continue;
      const readers = (graph.consumers.get(value) ?? []).filter((reader) => reader.op !== 'Shape');
      const leaves = graph.outputs.includes(value) || readers.some((reader) => !own.has(reader));
      if (!leaves) continue;
      // A module may also hand on attention weights or a cache: the one with a token axis and no key axis is it.
      const rank = tokenRank(axes, value);
      if (!best || rank > best.rank || (rank === best.rank && node.index >= best.node.index))
        best = { value, node, rank };
    }
  }
  return best;
}

function tokenRank(axes: AxesOfGraph, value: string): number {
  const own = axes.of(value);
  if (!own || !positionPlace(own)) return 0;
  return keyPlace(own) ? 1 : 2;
}

/** The first activation that a module reads; masks and position tables come later in the order of nodes. */
function intoOf(
  graph: Graph,
  axes: AxesOfGraph,
  nodes: readonly GraphNode[],
  isFloat: (value: string) => boolean,
): string | null {
  const produced = new Set(nodes.flatMap((node) => node.outputs));
  for (const node of nodes) {
    if (node.op === 'Shape') continue;
    for (const value of node.inputs) {
      if (value === '' || produced.has(value) || graph.isConstant(value) || !isFloat(value)) continue;
      if (tokenRank(axes, value) === 2) return value;
    }
  }
  return null;
}

/** `linear1` and `linear2` are both the mlp: the first `in` and the last `out` stand for the stage. */
function oneRowEach(sites: readonly Site[]): Site[] {
  const rows = new Map<string, Site>();
  for (const site of sites) {
    const id = [sideOf(site.label) ?? '', site.layer, site.block, site.stage, site.port].join(' ');
    const before = rows.get(id);
    const better = !before || (site.port === 'in' ? site.order < before.order : site.order > before.order);
    if (better) rows.set(id, site);
  }
  return [...rows.values()];
}

const notable = new Set([
  'MatMul',
  'Gemm',
  'Einsum',
  'Softmax',
  'LayerNormalization',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
  'Attention',
  'MultiHeadAttention',
  'GroupQueryAttention',
]);

function unnamed(graph: Graph, axes: AxesOfGraph, isFloat: (value: string) => boolean): Site[] {
  return graph.nodes
    .filter(
      (node) => notable.has(node.op) && !graph.isConstant(node.outputs[0] ?? '') && isFloat(node.outputs[0] ?? ''),
    )
    .filter((node) => tokenRank(axes, node.outputs[0] ?? '') > 0)
    .slice(0, unnamedLimit)
    .map((node) => ({
      layer: null,
      block: null,
      stage: 'other' as const,
      port: 'out' as const,
      label: node.name,
      tensor: node.outputs[0] ?? '',
      node,
      order: node.index,
    }));
}

/** The embedding and the outputs have a row even where no name says so. */
function addEnds(graph: Graph, axes: AxesOfGraph, isFloat: (value: string) => boolean, sites: Site[]): void {
  const row = (stage: Stage, node: GraphNode, tensor: string, label: string): Site => ({
    layer: null,
    block: null,
    stage,
    port: 'out',
    label,
    tensor,
    node,
    order: node.index,
  });
  if (!sites.some((site) => site.stage === 'embed')) {
    const lookup = graph.nodes.find(
      (node) =>
        node.op === 'Gather' &&
        graph.isConstant(node.inputs[0] ?? '') &&
        isFloat(node.outputs[0] ?? '') &&
        tokenRank(axes, node.outputs[0] ?? '') === 2,
    );
    if (lookup) sites.push(row('embed', lookup, lookup.outputs[0] ?? '', lookup.name));
  }
  if (!sites.some((site) => site.stage === 'logits')) {
    const output = graph.outputs.find((value) => isFloat(value) && tokenRank(axes, value) > 0);
    const node = output === undefined ? undefined : graph.producer.get(output);
    if (output !== undefined && node) sites.push(row('logits', node, output, output));
  }
}
