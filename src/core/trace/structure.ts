/**
 * Layers and stages of a transformer whose nodes have no names that say anything: the residual units (attention, mlp)
 * in the order of the stream, layer by layer. Told only where the whole model fits one pattern, attention and mlp in
 * turn (with cross-attention between them in every layer, or in none); else null, and nothing is guessed.
 */
import type { Graph, GraphNode } from '../onnx/graph';
import type { Block, Stage } from '../report';
import type { ModulePlace } from './modules';
import type { Unit } from './residual';
import { isShape, residualUnits, Stream } from './residual';

export interface StructurePlace {
  readonly place: ModulePlace;
  /** What stands for the layer as a module; `''` outside of layers. */
  readonly layerModule: string;
}

/** One stream of units: an encoder, a decoder. */
interface Chain {
  readonly units: Unit[];
  /** The norm after a unit, where a norm links it to the next one. */
  readonly normAfter: Map<Unit, readonly GraphNode[]>;
}

export function structurePlaces(graph: Graph): ReadonlyMap<GraphNode, StructurePlace> | null {
  const stream = new Stream(graph);
  const attentions = graph.nodes.filter((node) => stream.isAttention(node));
  if (attentions.length === 0) return null;
  const units = residualUnits(stream);
  const chains = units && chainsOf(stream, units);
  if (!units || !chains) return null;
  const inUnits = new Set(units.flatMap((unit) => unit.nodes));
  if (attentions.some((node) => !inUnits.has(node))) return null;
  if (!chains.every(({ units: of }) => /^(?:(?:self mlp )+|(?:self cross mlp )+)$/.test(kindsOf(of)))) return null;
  const crossing = chains.filter((chain) => chain.units.some((unit) => unit.kind === 'cross'));
  // Two towers side by side have no one order of layers; an encoder and its decoder do.
  if (chains.length > 2 || (chains.length === 2 && crossing.length !== 1)) return null;
  const places = new Map<GraphNode, StructurePlace>();
  for (const chain of chains) {
    const side = chains.length === 1 ? '' : crossing.includes(chain) ? 'decoder.' : 'encoder.';
    placeChain(stream, chain, side, chain === (crossing[0] ?? chains[0]), places);
  }
  return places;
}

const kindsOf = (units: readonly Unit[]): string => units.map((unit) => `${unit.kind} `).join('');

/** Units one after another; null where one does not follow from exactly one other, straight or through a norm. */
function chainsOf(stream: Stream, units: readonly Unit[]): Chain[] | null {
  const byOutput = new Map(units.map((unit) => [unit.add.outputs[0] ?? '', unit]));
  const chainOf = new Map<Unit, Chain>();
  const chains: Chain[] = [];
  for (const unit of units) {
    const before = unitBefore(stream, unit, byOutput);
    if (before === 'unclear') return null;
    if (before === null) {
      const chain: Chain = { units: [unit], normAfter: new Map() };
      chains.push(chain);
      chainOf.set(unit, chain);
      continue;
    }
    const chain = chainOf.get(before.unit);
    if (chain?.units.at(-1) !== before.unit) return null;
    chain.units.push(unit);
    chainOf.set(unit, chain);
    const norm = normAtStart(stream, before.unit.add.outputs[0] ?? '', before.nodes, unit.add);
    if (norm) chain.normAfter.set(before.unit, norm);
  }
  return chains;
}

/** The unit whose sum a unit's skip is, and what lies between them; null for the first of a chain. */
function unitBefore(
  stream: Stream,
  { skip }: Unit,
  byOutput: ReadonlyMap<string, Unit>,
): { unit: Unit; nodes: readonly GraphNode[] } | 'unclear' | null {
  const nodes = new Set<GraphNode>();
  const found = new Set<Unit>();
  const stack = [skip];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    const unit = byOutput.get(value);
    if (unit) {
      found.add(unit);
      continue;
    }
    const node = stream.graph.producer.get(value);
    if (!node || isShape(node) || nodes.has(node)) continue;
    nodes.add(node);
    stack.push(...stream.activationsOf(node));
  }
  const [unit, ...more] = found;
  if (!unit) return null;
  const between = [...nodes].sort((a, b) => a.index - b.index);
  if (more.length > 0 || between.some((node) => !normOps.has(node.op))) return 'unclear';
  return { unit, nodes: between };
}

function placeChain(
  stream: Stream,
  { units, normAfter }: Chain,
  side: string,
  isLast: boolean,
  places: Map<GraphNode, StructurePlace>,
): void {
  const put = (nodes: readonly GraphNode[], place: ModulePlace, layerModule: string): void => {
    for (const node of nodes) if (!places.has(node)) places.set(node, { place, layerModule });
  };
  const perLayer = units.some((unit) => unit.kind === 'cross') ? 3 : 2;
  for (const [index, unit] of units.entries()) {
    const layer = Math.floor(index / perLayer);
    const layerModule = `${side}layers.${String(layer)}`;
    const block: Block | null = unit.kind === 'mlp' ? null : unit.kind;
    const at = (stage: Stage, name: string): ModulePlace => ({
      module: name === '' ? layerModule : `${layerModule}.${block === 'cross' ? 'cross_' : ''}${name}`,
      layer,
      block: stage === 'layer' ? null : block,
      stage,
    });
    const norm = unit.kind === 'mlp' ? at('mlp-norm', 'mlp_norm') : at('attn-norm', 'attention_norm');
    const body = unit.kind === 'mlp' ? at('mlp', 'mlp') : at('attention', 'attention');
    put(normAtStart(stream, unit.skip, unit.nodes, unit.add) ?? [], norm, layerModule);
    put(unit.nodes, body, layerModule);
    put(unit.kind === 'cross' ? feeders(stream, unit) : [], body, layerModule);
    put([unit.add], at('layer', ''), layerModule);
    put(normAfter.get(unit) ?? [], norm, layerModule);
    if (index === units.length - 1) {
      const postNorm = units.slice(0, -1).every((other) => normAfter.has(other));
      placeEnd(stream, unit, postNorm, side, isLast, (nodes, place) => {
        put(nodes, place ?? norm, place ? '' : layerModule);
      });
    }
  }
}

/** After the last unit: its own norm where norms follow their unit, then the model's, then the logits. */
function placeEnd(
  stream: Stream,
  { add }: Unit,
  postNorm: boolean,
  side: string,
  isLast: boolean,
  put: (nodes: readonly GraphNode[], place: ModulePlace | null) => void,
): void {
  let value = add.outputs[0] ?? '';
  const nextNorm = (): readonly GraphNode[] | null => {
    const norm = normAtStart(stream, value, after(stream, value), null);
    value = norm?.at(-1)?.outputs[0] ?? value;
    return norm;
  };
  if (postNorm) put(nextNorm() ?? [], null);
  put(nextNorm() ?? [], { module: `${side}norm`, layer: null, block: null, stage: 'final-norm' });
  if (!isLast) return;
  const rest = after(stream, value);
  const ends = rest.at(-1)?.outputs.some((output) => stream.graph.outputs.includes(output)) ?? false;
  // One product and nothing that computes beside it: a head. More is a task's own business.
  const isHead =
    rest.filter((node) => stream.isWeighted(node)).length === 1 && rest.every((node) => headOps.has(node.op));
  const head = rest.slice(rest.findIndex((node) => stream.isWeighted(node)));
  if (ends && isHead) put(head, { module: 'logits', layer: null, block: null, stage: 'logits' });
}

const headOps = new Set([
  'MatMul',
  'Gemm',
  'Add',
  'Cast',
  'Reshape',
  'Transpose',
  'Identity',
  'Mul',
  'Div',
  'Slice',
  'Gather',
]);

/** The first nodes that descend from a value, in order; what follows the end of a model is short. */
function after(stream: Stream, value: string): GraphNode[] {
  const values = new Set([value]);
  const found: GraphNode[] = [];
  const start = (stream.graph.producer.get(value)?.index ?? -1) + 1;
  for (let i = start; i < stream.graph.nodes.length && found.length < 64; i += 1) {
    const node = stream.graph.nodes[i];
    if (!node || isShape(node) || !node.inputs.some((input) => values.has(input))) continue;
    found.push(node);
    for (const output of node.outputs) values.add(output);
  }
  return found;
}

/** Keys and values of cross-attention: what nobody else reads. */
function feeders(stream: Stream, unit: Unit): GraphNode[] {
  const own = new Set<GraphNode>(unit.nodes);
  const stack = unit.nodes.flatMap((node) => stream.activationsOf(node));
  const found: GraphNode[] = [];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    const node = stream.graph.producer.get(value);
    if (!node || own.has(node) || value === unit.skip) continue;
    const readers = node.outputs.flatMap((output) => stream.graph.consumers.get(output) ?? []);
    if (!readers.every((reader) => own.has(reader) || isShape(reader))) continue;
    own.add(node);
    found.push(node);
    stack.push(...stream.activationsOf(node));
  }
  return found;
}

const wholeNorms = new Set(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization']);
const means = new Set(['ReduceMean', 'ReduceSum', 'ReduceSumSquare', 'ReduceL2']);
const roots = new Set(['Sqrt', 'Pow', 'ReduceL2']);
/** What may still belong to a norm once it has divided. */
const afterNorm = new Set(['Mul', 'Add', 'Cast', 'Identity']);
const normOps = new Set([
  ...wholeNorms,
  ...means,
  ...roots,
  ...['Sub', 'Add', 'Mul', 'Div', 'Reciprocal', 'Cast', 'Identity', 'Dropout', 'Clip', 'Max', 'Abs'],
]);

/**
 * The norm that everything read from `source` goes through, as far as it reaches: up to the last node, before anything
 * else is computed, past which no way around it leads. Null when there is none.
 *
 * @param nodes what descends from `source`, in order
 * @param skipping a reader of `source` that does not count: the addition that closes the residual
 */
function normAtStart(
  stream: Stream,
  source: string,
  nodes: readonly GraphNode[],
  skipping: GraphNode | null,
): readonly GraphNode[] | null {
  const inside = new Set(nodes);
  const lastRead = (value: string, onlyInside: boolean): number =>
    (stream.graph.consumers.get(value) ?? [])
      .filter((reader) => !isShape(reader) && reader !== skipping && (!onlyInside || inside.has(reader)))
      .reduce((last, reader) => Math.max(last, reader.index), -1);
  let open = lastRead(source, true);
  let end = -1;
  let complete = false;
  const seen = { mean: false, root: false };
  // Weight and bias of a norm that is written out; any further scaling is not its own.
  const own = { Mul: 1, Add: 1 };
  for (const [i, node] of nodes.entries()) {
    const isStart = wholeNorms.has(node.op) || means.has(node.op);
    if (!normOps.has(node.op) || (complete && (isStart || stream.activationsOf(node).length > 1))) break;
    if (complete && (node.op === 'Mul' || node.op === 'Add') && (own[node.op] -= 1) < 0) break;
    if (complete && !afterNorm.has(node.op)) break;
    seen.mean ||= means.has(node.op);
    seen.root ||= roots.has(node.op);
    complete ||=
      wholeNorms.has(node.op) ||
      (seen.mean && seen.root && (node.op === 'Div' || node.op === 'Mul') && open <= node.index);
    if (complete && open <= node.index) end = i;
    if (wholeNorms.has(node.op)) own.Mul = own.Add = 0;
    for (const output of node.outputs) open = Math.max(open, output === '' ? -1 : lastRead(output, false));
  }
  return end === -1 ? null : nodes.slice(0, end + 1);
}
