/** Attention written out or fused, and the values at its two ends: the hidden states that it reads and what it gives. */
import type { AttentionSite } from '../diagnose/attentionSites';
import { isProduct } from '../diagnose/attentionSites';
import { fusedOps } from '../diagnose/census';
import { isElementwise, keepsElementOrder } from '../onnx/axes/rules';
import { batchPlace, keyPlace, positionPlace } from '../onnx/axes/types';
import type { GraphNode } from '../onnx/graph';
import { isFloat } from '../probe/instrument';
import type { Reader } from './editPlan';
import { readersOf } from './editPlan';
import type { FixContext } from './types';

export interface AttentionPlace {
  /** The Softmax, or the fused node. */
  readonly node: GraphNode;
  /** Null where it is fused. */
  readonly site: AttentionSite | null;
  /** Query, key and value as they enter the products; one value where they come packed. */
  readonly operands: readonly string[];
  /** P·V. */
  readonly output: string | null;
}

/** In the graph's order. */
export function attentionPlaces({ graph, sites }: FixContext): AttentionPlace[] {
  const eager = sites.map((site): AttentionPlace => ({
    node: site.softmax,
    site,
    operands: [site.query, site.key, site.value].filter((value) => value !== null),
    output: site.output?.outputs[0] ?? null,
  }));
  const fused = graph.nodes
    .filter((node) => fusedOps.has(node.op))
    .map((node): AttentionPlace => ({
      node,
      site: null,
      operands: isPacked(node) ? node.inputs.slice(0, 1) : node.inputs.slice(0, 3).filter((value) => value !== ''),
      output: node.outputs[0] ?? null,
    }));
  return [...eager, ...fused].sort((a, b) => a.node.index - b.node.index);
}

/** The engine's own `Attention` projects; its weights stand where keys stand elsewhere. */
export const isPacked = (node: GraphNode): boolean =>
  (node.op === 'Attention' && node.domain !== '') || (node.inputs[1] ?? '') === '';

export interface Hidden {
  readonly value: string;
  /** Those readers that lead to queries, keys and values; a residual connection is none of them. */
  readonly readers: readonly Reader[];
}

/**
 * The hidden states that an attention reads, as its projections read them. Queries, keys and values are followed back
 * to the last value that all of what they have in common goes through; keys and values alone where queries come from
 * elsewhere (cross-attention). What only some of them read, such as rotary tables, carries no hidden states.
 */
export function hiddenBefore(context: FixContext, place: AttentionPlace): Hidden | null {
  const { operands } = place;
  const roots = operands.length === 3 ? [operands, operands.slice(1)] : [operands];
  for (const own of roots) {
    const value = own.length === 1 && operands.length === 1 ? (own[0] ?? null) : lastCommon(context, own);
    if (value === null) continue;
    const behind = reached(context, own, value).nodes;
    const projected = [...behind].some((node) => isProjection(context, node));
    const hidden = projected ? value : (beforeProjection(context, value) ?? value);
    const leading = hidden === value ? behind : new Set([...behind, ...reached(context, [value], hidden).nodes]);
    // The fused node itself may read them.
    if (place.site === null && own.includes(hidden)) leading.add(place.node);
    const outputs = new Set([...leading].map((node) => node.outputs.find((output) => output !== '') ?? ''));
    const readers = readersOf(context.graph, hidden).filter(({ node }) => outputs.has(node));
    if (readers.length > 0) return { value: hidden, readers };
    // Queries, keys and values are the hidden states themselves: then the products read them.
    const products = [place.site?.scores, place.site?.output].map((node) => node?.outputs[0] ?? '');
    const direct = readersOf(context.graph, hidden).filter(({ node }) => products.includes(node));
    if (direct.length > 0) return { value: hidden, readers: direct };
  }
  return null;
}

interface Reached {
  readonly values: Set<string>;
  readonly nodes: Set<GraphNode>;
}

/** Values and nodes that `roots` are computed from, inside of this attention; not through `without`. */
function reached(context: FixContext, roots: readonly string[], without: string | null): Reached {
  const { graph } = context;
  const values = new Set<string>(roots);
  const nodes = new Set<GraphNode>();
  const queue = roots.filter((root) => root !== without);
  for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
    const node = graph.producer.get(value);
    // What an attention before this one gave is as far as its hidden states go.
    if (!node || isProduct(graph, node) || fusedOps.has(node.op)) continue;
    nodes.add(node);
    for (const input of node.inputs) {
      // Shapes are read everywhere and hold no hidden states.
      if (input === '' || values.has(input) || graph.isConstant(input) || !isFloat(context.dtype(input) ?? ''))
        continue;
      values.add(input);
      if (input !== without) queue.push(input);
    }
  }
  return { values, nodes };
}

function lastCommon(context: FixContext, roots: readonly string[]): string | null {
  const all = roots.map((root) => reached(context, [root], null).values);
  const common = [...(all[0] ?? [])].filter((value) => all.every((own) => own.has(value)) && hasTokens(context, value));
  const place = (value: string): number => context.graph.producer.get(value)?.index ?? -1;
  common.sort((a, b) => place(b) - place(a));
  return (
    common.find((value) => {
      const others = reached(context, roots, value).values;
      return common.every((other) => other === value || !others.has(other));
    }) ?? null
  );
}

function hasTokens({ axes }: FixContext, value: string): boolean {
  const own = axes.of(value);
  return own !== null && positionPlace(own) !== null && batchPlace(own) !== null && keyPlace(own) === null;
}

const projections = new Set(['MatMul', 'Gemm', 'Einsum', 'Conv', 'MatMulNBits', 'MatMulInteger', 'QLinearMatMul']);
const isProjection = ({ graph }: FixContext, node: GraphNode): boolean =>
  projections.has(node.op) && node.inputs.some((input) => graph.isConstant(input));

/** The one activation that a node reads; null where it reads several. */
function onlyActivation(context: FixContext, node: GraphNode): string | null {
  const own = node.inputs.filter(
    (input) => input !== '' && !context.graph.isConstant(input) && isFloat(context.dtype(input) ?? ''),
  );
  return own.length === 1 ? (own[0] ?? null) : null;
}

/** Queries, keys and values projected by one product: what that reads. */
function beforeProjection(context: FixContext, from: string): string | null {
  let value = from;
  for (let node = context.graph.producer.get(value); node; node = context.graph.producer.get(value)) {
    const before = onlyActivation(context, node);
    if (before === null) return null;
    if (isProjection(context, node)) return hasTokens(context, before) ? before : null;
    if (!isElementwise(node) && !keepsElementOrder(node) && node.op !== 'Transpose') return null;
    value = before;
  }
  return null;
}

/**
 * What an attention gives to the residual stream, and before it every value from P·V on, last first: each is the
 * attention's output, in one layout or another, before or behind its output projection.
 */
export function outputsOf(context: FixContext, place: AttentionPlace): string[] {
  const { graph } = context;
  const found: string[] = [];
  let value = place.output;
  while (value !== null && value !== '') {
    found.unshift(value);
    const readers: readonly GraphNode[] = (graph.consumers.get(value) ?? []).filter((node) => node.op !== 'Shape');
    const [reader] = readers;
    if (!reader || readers.length > 1 || graph.outputs.includes(value)) break;
    const plain = isElementwise(reader) || keepsElementOrder(reader) || reader.op === 'Transpose';
    if (onlyActivation(context, reader) !== value || !(plain || isProjection(context, reader))) break;
    value = reader.outputs[0] ?? null;
  }
  return found;
}
