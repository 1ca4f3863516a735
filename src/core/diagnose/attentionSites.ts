/**
 * Finds attention written out in plain operators: scores = Q·Kᵀ, scale, mask (Add or Where), Softmax, P·V. The
 * pattern is followed along the values, not by names, through whatever an exporter puts between.
 */
import type { Graph, GraphNode } from '../onnx/graph';
import type { AxesOfGraph } from '../onnx/axes/infer';
import { isElementwise, keepsElementOrder } from '../onnx/axes/rules';
import { keyPlace } from '../onnx/axes/types';

export interface MaskStep {
  readonly node: GraphNode;
  /** `add`: an additive mask; `where`: a boolean condition chooses between scores and a fill. */
  readonly kind: 'add' | 'where';
  /** The additive mask, or the condition. */
  readonly mask: string;
  /** For `where`: scores are taken where the condition has this value. */
  readonly keepWhen: boolean;
  /** For `where`: the value that replaces masked scores. */
  readonly fill: string | null;
  /** The scores that go in. */
  readonly scores: string;
}

export interface AttentionSite {
  readonly softmax: GraphNode;
  /** Q·Kᵀ, null when the scores come from elsewhere. */
  readonly scores: GraphNode | null;
  readonly query: string | null;
  readonly key: string | null;
  /** In the order in which they are applied. */
  readonly masks: readonly MaskStep[];
  /** Nodes from Q·Kᵀ (exclusive) to Softmax (inclusive). */
  readonly path: readonly GraphNode[];
  /** P·V. */
  readonly output: GraphNode | null;
  readonly value: string | null;
}

const products = new Set(['MatMul', 'Einsum', 'FusedMatMul']);

/** A product of two activations, such as Q·Kᵀ. */
export const isProduct = (graph: Graph, node: GraphNode): boolean =>
  products.has(node.op) && !node.inputs.some((input) => graph.isConstant(input));

export function attentionSites(graph: Graph, axes: AxesOfGraph): AttentionSite[] {
  return graph.nodes.filter((node) => node.op === 'Softmax').flatMap((softmax) => siteOf(graph, axes, softmax) ?? []);
}

function siteOf(graph: Graph, axes: AxesOfGraph, softmax: GraphNode): AttentionSite | null {
  const probabilities = softmax.outputs[0] ?? '';
  const ownAxes = axes.of(probabilities);
  // A router's softmax over experts has no key axis.
  const hasKeys = ownAxes !== null && keyPlace(ownAxes) !== null;
  const masks: MaskStep[] = [];
  const path: GraphNode[] = [softmax];
  let value = softmax.inputs[0] ?? '';
  let scores: GraphNode | null = null;
  for (let node = graph.producer.get(value); node; node = graph.producer.get(value)) {
    if (isProduct(graph, node)) {
      scores = node;
      break;
    }
    const step = stepBack(graph, axes, node);
    if (step === null) break;
    path.unshift(node);
    if (step.mask) masks.unshift(step.mask);
    value = step.scores;
  }
  const output = productReading(graph, probabilities);
  if (!hasKeys && !(scores && output)) return null;
  const keyAt = (scores && axes.keyOperand?.(scores)) ?? 1;
  return {
    softmax,
    scores,
    query: scores?.inputs[1 - keyAt] ?? null,
    key: scores?.inputs[keyAt] ?? null,
    masks,
    path,
    output: output?.node ?? null,
    value: output?.other ?? null,
  };
}

/** From a node between Q·Kᵀ and Softmax to the value that carries the scores into it. */
export function stepBack(
  graph: Graph,
  axes: AxesOfGraph,
  node: GraphNode,
): { scores: string; mask: MaskStep | null } | null {
  const [a = '', b = '', c = ''] = node.inputs;
  if (node.op === 'Add') {
    const carrier = carriesScores(graph, axes, a) ? a : carriesScores(graph, axes, b) ? b : null;
    if (carrier === null) return null;
    const mask = carrier === a ? b : a;
    return { scores: carrier, mask: { node, kind: 'add', mask, keepWhen: true, fill: null, scores: carrier } };
  }
  if (node.op === 'Where') {
    const keepWhen = carriesScores(graph, axes, b);
    if (!keepWhen && !carriesScores(graph, axes, c)) return null;
    const carrier = keepWhen ? b : c;
    return {
      scores: carrier,
      mask: { node, kind: 'where', mask: a, keepWhen, fill: keepWhen ? c : b, scores: carrier },
    };
  }
  if (keepsElementOrder(node) || node.op === 'Transpose') return { scores: a, mask: null };
  if (isElementwise(node)) {
    const carrier = node.inputs.find((input) => carriesScores(graph, axes, input));
    return carrier === undefined ? null : { scores: carrier, mask: null };
  }
  return null;
}

/** Whether a value is computed from a product of two activations before anything else mixes it. */
function carriesScores(graph: Graph, axes: AxesOfGraph, value: string, depth = 0): boolean {
  if (depth > 24 || graph.isConstant(value)) return false;
  const node = graph.producer.get(value);
  if (!node) return false;
  if (products.has(node.op)) return isProduct(graph, node);
  if (!isElementwise(node) && !keepsElementOrder(node) && node.op !== 'Transpose') return false;
  return node.inputs.some((input) => carriesScores(graph, axes, input, depth + 1));
}

/** The product that multiplies the probabilities with V, seen through casts, dropout, guards and reshapes. */
function productReading(graph: Graph, probabilities: string): { node: GraphNode; other: string } | null {
  const queue = [probabilities];
  const seen = new Set(queue);
  for (let value = queue.shift(); value !== undefined && seen.size < 64; value = queue.shift()) {
    for (const node of graph.consumers.get(value) ?? []) {
      if (products.has(node.op)) {
        const other = node.inputs.find((input) => input !== value);
        if (other !== undefined && !graph.isConstant(other)) return { node, other };
        continue;
      }
      if (!isElementwise(node) && !keepsElementOrder(node) && node.op !== 'Transpose') continue;
      for (const output of node.outputs) {
        if (output === '' || seen.has(output)) continue;
        seen.add(output);
        queue.push(output);
      }
    }
  }
  return null;
}
