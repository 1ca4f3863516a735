/** Which attention a model has: one entry per site, written out or fused, with the heads that share keys and values. */
import type { AxesOfGraph } from '../onnx/axes/infer';
import { isElementwise, keepsElementOrder } from '../onnx/axes/rules';
import type { Graph, GraphNode } from '../onnx/graph';
import { intAttribute } from '../onnx/graph';
import type { AttentionInfo } from '../report';
import type { AttentionSite } from './attentionSites';

/** Operators that are a whole attention: standard (opset 23) and the engine's own. */
export const fusedOps: ReadonlySet<string> = new Set([
  'Attention',
  'MultiHeadAttention',
  'GroupQueryAttention',
  'DecoderMaskedMultiHeadAttention',
  'PackedMultiHeadAttention',
]);

export interface CensusFacts {
  readonly graph: Graph;
  readonly axes: AxesOfGraph;
  readonly sites: readonly AttentionSite[];
  shape(value: string): readonly number[] | null;
  layerOf(node: GraphNode): number | null;
}

/** In the graph's order. */
export function attentionCensus(facts: CensusFacts): AttentionInfo[] {
  const eager = facts.sites.map((site) => ({
    node: site.softmax,
    kind: 'eager' as const,
    kvGroups: site.key === null ? null : keyRepeats(facts, site.key, 0),
  }));
  const fused = facts.graph.nodes
    .filter((node) => fusedOps.has(node.op))
    .map((node) => ({ node, kind: 'fused' as const, kvGroups: fusedGroups(facts, node) }));
  return [...eager, ...fused]
    .sort((a, b) => a.node.index - b.node.index)
    .map(({ node, kind, kvGroups }) => ({
      layer: facts.layerOf(node),
      kind,
      op: node.op,
      node: node.name,
      kvGroups,
    }));
}

/** Longer walks than any exporter writes between a key and its projection. */
const longestWalk = 40;

/**
 * How many query heads read each key head: the factor by which keys are repeated (Expand, Tile, repeated indices)
 * between their projection and the scores. Where halves are joined (a rope part shared by all heads beside one of
 * its own), the half that is repeated least counts: only then are whole keys shared.
 */
function keyRepeats(facts: CensusFacts, value: string, depth: number): number | null {
  const { graph } = facts;
  const node = graph.producer.get(value);
  if (!node || depth > longestWalk) return node ? null : 1;
  const from = node.inputs.filter((input) => input !== '' && !graph.isConstant(input));
  const least = (inputs: readonly string[]): number | null => {
    const found = inputs.map((input) => keyRepeats(facts, input, depth + 1));
    return found.some((factor) => factor === null) ? null : Math.min(...found.filter((factor) => factor !== null));
  };
  if (node.op === 'Expand' || node.op === 'Tile' || node.op === 'Gather') {
    const source = node.inputs[0] ?? '';
    const before = elements(facts.shape(source));
    const after = elements(facts.shape(value));
    // An embedding lookup is a Gather too; keys are not made of constants.
    if (graph.isConstant(source)) return 1;
    const rest = keyRepeats(facts, source, depth + 1);
    if (before === null || after === null || before === 0 || rest === null) return null;
    return rest * Math.max(1, Math.round(after / before));
  }
  if (node.op === 'Concat') return least(from);
  if (node.op === 'Slice' || node.op === 'Split') return keyRepeats(facts, node.inputs[0] ?? '', depth + 1);
  if (node.op === 'Transpose' || keepsElementOrder(node)) return keyRepeats(facts, node.inputs[0] ?? '', depth + 1);
  if (isElementwise(node)) {
    // Rotary embedding: the same key twice, once with its halves swapped, times tables that have no heads.
    const whole = from.filter((input) => elements(facts.shape(input)) === elements(facts.shape(value)));
    return whole.length === 0 ? 1 : least(whole);
  }
  // A projection, a norm, a cache: here keys begin.
  return 1;
}

function fusedGroups(facts: CensusFacts, node: GraphNode): number | null {
  const attribute = (name: string): number => intAttribute(node, name, 0);
  const heads = attribute('num_heads') || attribute('q_num_heads');
  const keyHeads = attribute('kv_num_heads');
  if (heads > 0 && keyHeads > 0) return heads / keyHeads;
  if (node.op !== 'Attention' || node.domain !== '') return heads > 0 ? 1 : null;
  // Four axes: batch, heads, positions, features.
  const [query, key] = [facts.shape(node.inputs[0] ?? ''), facts.shape(node.inputs[1] ?? '')];
  if (query?.length !== 4 || key?.length !== 4) return null;
  return (query[1] ?? 1) / Math.max(1, key[1] ?? 1);
}

const elements = (shape: readonly number[] | null): number | null =>
  shape === null ? null : shape.reduce((a, b) => a * b, 1);
