/**
 * The residual stream of a transformer, found without names: additions whose one operand (the skip) is an ancestor of
 * the other (the branch). What lies between is an attention when it holds one, else an mlp when it multiplies with
 * weights; other additions of that form (GELU's x + c·x³, say) are none. Whatever does not fit makes the whole unknown.
 */
import type { Graph, GraphNode } from '../onnx/graph';

export type UnitKind = 'self' | 'cross' | 'mlp';

/** `add = skip + branch`. */
export interface Unit {
  readonly add: GraphNode;
  readonly skip: string;
  readonly kind: UnitKind;
  /** What lies between skip and addition, in the file's order, the addition excluded. */
  readonly nodes: readonly GraphNode[];
}

const products = new Set(['MatMul', 'FusedMatMul', 'Gemm', 'Einsum', 'MatMulInteger', 'QLinearMatMul', 'MatMulNBits']);
const withWeights = new Set([...products, 'Conv', 'FusedGemm', 'DynamicQuantizeMatMul', 'MoE', 'QMoE']);
const fusedAttention = new Set(['Attention', 'MultiHeadAttention', 'GroupQueryAttention', 'MultiQueryAttention']);

/** Which values carry data of the batch, and what the products among them are. */
export class Stream {
  private readonly activations: ReadonlySet<string>;
  private readonly scores = new Map<GraphNode, GraphNode | null>();
  /** Visits that are left; a hostile graph could make the search quadratic. */
  private budget = 500_000;

  constructor(readonly graph: Graph) {
    const found = new Set(graph.inputs);
    for (const node of graph.nodes) {
      if (isShape(node) || ![...node.inputs, ...node.captured].some((value) => found.has(value))) continue;
      for (const output of node.outputs) if (output !== '') found.add(output);
    }
    this.activations = found;
  }

  isActivation(value: string): boolean {
    return this.activations.has(value);
  }

  activationsOf(node: GraphNode): string[] {
    return node.inputs.filter((value) => this.activations.has(value));
  }

  isWeighted(node: GraphNode): boolean {
    if (!withWeights.has(node.op)) return false;
    const carried = this.activationsOf(node).length;
    return carried > 0 && (carried < node.inputs.filter((value) => value !== '').length || node.op.endsWith('MoE'));
  }

  isProduct(node: GraphNode): boolean {
    return products.has(node.op) && this.activationsOf(node).length > 1;
  }

  isAttention(node: GraphNode): boolean {
    return fusedAttention.has(node.op) || this.scoresOf(node) !== null;
  }

  /** Q·Kᵀ of a softmax; null for a router's, whose scores come from weights. */
  scoresOf(softmax: GraphNode): GraphNode | null {
    if (softmax.op !== 'Softmax') return null;
    const before = this.scores.get(softmax);
    if (before !== undefined) return before;
    const found = this.findScores(softmax);
    this.scores.set(softmax, found);
    return found;
  }

  private findScores(softmax: GraphNode): GraphNode | null {
    const queue = [softmax.inputs[0] ?? ''];
    const seen = new Set(queue);
    for (let value = queue.shift(); value !== undefined && seen.size < 256; value = queue.shift()) {
      const node = this.graph.producer.get(value);
      if (!node || isShape(node)) continue;
      if (this.isProduct(node)) return node;
      if (withWeights.has(node.op)) continue;
      for (const input of this.activationsOf(node)) {
        if (seen.has(input)) continue;
        seen.add(input);
        queue.push(input);
      }
    }
    return null;
  }

  /** Nodes on the ways from `from` to `to`, in order; null when there is none. */
  between(from: string, to: string): GraphNode[] | null {
    const first = this.graph.producer.get(from)?.index ?? -1;
    const above = new Set<GraphNode>();
    const stack = [to];
    let reached = false;
    for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
      if (value === from) {
        reached = true;
        continue;
      }
      const node = this.graph.producer.get(value);
      if (!node || node.index <= first || isShape(node) || above.has(node)) continue;
      if ((this.budget -= 1) < 0) return null;
      above.add(node);
      for (const input of [...node.inputs, ...node.captured]) if (this.activations.has(input)) stack.push(input);
    }
    if (!reached) return null;
    const values = new Set([from]);
    return [...above]
      .sort((a, b) => a.index - b.index)
      .filter((node) => {
        if (![...node.inputs, ...node.captured].some((value) => values.has(value))) return false;
        for (const output of node.outputs) values.add(output);
        return true;
      });
  }

  get exhausted(): boolean {
    return this.budget < 0;
  }
}

/** Sizes, not data: what is computed from them does not carry NaN. */
export const isShape = (node: GraphNode): boolean => node.op === 'Shape' || node.op === 'Size';

/** All units in the file's order; null where one holds another or more than one attention. */
export function residualUnits(stream: Stream): Unit[] | null {
  const units: Unit[] = [];
  const masking = scoreSteps(stream);
  for (const add of stream.graph.nodes) {
    if (add.op !== 'Add' || masking.has(add) || stream.activationsOf(add).length !== 2) continue;
    const [a = '', b = ''] = add.inputs;
    const unit = unitOf(stream, add, a, b) ?? unitOf(stream, add, b, a);
    if (unit === 'unclear' || stream.exhausted) return null;
    if (unit) units.push(unit);
  }
  const adds = new Set(units.map((unit) => unit.add));
  return units.some((unit) => unit.nodes.some((node) => adds.has(node))) ? null : units;
}

/**
 * Nodes from Q·Kᵀ to its softmax. The addition of a mask is no residual, though a mask that all layers share is an
 * ancestor of the later layers' scores.
 */
function scoreSteps(stream: Stream): Set<GraphNode> {
  return new Set(
    stream.graph.nodes.flatMap((softmax) => {
      const scores = stream.scoresOf(softmax)?.outputs[0];
      return scores === undefined ? [] : (stream.between(scores, softmax.inputs[0] ?? '') ?? []);
    }),
  );
}

function unitOf(stream: Stream, add: GraphNode, skip: string, branch: string): Unit | 'unclear' | null {
  const nodes = stream.between(skip, branch);
  if (!nodes) return null;
  const [attention, ...more] = nodes.filter((node) => stream.isAttention(node));
  if (more.length > 0) return 'unclear';
  if (attention) return { add, skip, kind: attentionKind(stream, attention, skip, nodes), nodes };
  return nodes.some((node) => stream.isWeighted(node)) ? { add, skip, kind: 'mlp', nodes } : null;
}

/** Cross-attention reads its keys from elsewhere than the stream that it adds to. */
function attentionKind(
  stream: Stream,
  attention: GraphNode,
  skip: string,
  nodes: readonly GraphNode[],
): 'self' | 'cross' {
  const own = new Set([skip, ...nodes.flatMap((node) => node.outputs)]);
  const scores = stream.scoresOf(attention);
  if (scores) return stream.activationsOf(scores).every((value) => own.has(value)) ? 'self' : 'cross';
  const [, key = ''] = attention.inputs;
  return key === '' || own.has(key) || !stream.isActivation(key) ? 'self' : 'cross';
}
