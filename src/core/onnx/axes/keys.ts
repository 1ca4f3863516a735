/**
 * Which operand of a score product brings the keys. Q·Kᵀ and K·Qᵀ look alike, also as Einsum with its operands in
 * any order; the softmax tells: it runs over the keys. Found by following its axis back to the product.
 */
import type { Graph, GraphNode } from '../graph';
import { intAttribute, intsAttribute, stringAttribute } from '../graph';
import { isElementwise, keepsElementOrder } from './rules';

type ShapeOf = (value: string) => readonly number[] | null;

/** Product → 0 or 1; products that no softmax reads are missing. */
export function keyOperands(graph: Graph, shapeOf: ShapeOf): ReadonlyMap<GraphNode, number> {
  const found = new Map<GraphNode, number>();
  for (const softmax of graph.nodes) {
    if (softmax.op !== 'Softmax') continue;
    const value = softmax.inputs[0] ?? '';
    const rank = shapeOf(value)?.length ?? 0;
    const axis = intAttribute(softmax, 'axis', graph.opset < 13 ? 1 : -1);
    // Before opset 13 everything from `axis` on was one row: only the last axis says anything.
    const over = axis < 0 ? axis + rank : axis;
    if (graph.opset < 13 && over !== rank - 1) continue;
    for (const [node, operand] of productsBehind(graph, shapeOf, value, over)) found.set(node, operand);
  }
  return found;
}

function productsBehind(graph: Graph, shapeOf: ShapeOf, start: string, startAxis: number): [GraphNode, number][] {
  const found: [GraphNode, number][] = [];
  const seen = new Set([start]);
  const queue: [string, number][] = [[start, startAxis]];
  for (let next = queue.pop(); next !== undefined && seen.size < 64; next = queue.pop()) {
    const [value, axis] = next;
    const node = graph.producer.get(value);
    const rank = shapeOf(value)?.length ?? 0;
    if (!node || node.outputs[0] !== value) continue;
    const follow = (input: string, place: number | null): void => {
      if (place === null || place < 0 || seen.has(input) || graph.isConstant(input)) return;
      seen.add(input);
      queue.push([input, place]);
    };
    if (node.op === 'MatMul') {
      if (axis === rank - 1) found.push([node, 1]);
      else if (axis === rank - 2) found.push([node, 0]);
    } else if (node.op === 'Einsum') {
      const operand = einsumOperand(node, axis);
      if (operand !== null) found.push([node, operand]);
    } else if (node.op === 'Transpose') {
      const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
      follow(node.inputs[0] ?? '', perm[axis] ?? null);
    } else if (keepsElementOrder(node)) {
      const input = node.inputs[0] ?? '';
      follow(input, throughReshape(shapeOf(input), shapeOf(value), axis));
    } else if (isElementwise(node)) {
      for (const input of node.inputs) {
        const own = shapeOf(input)?.length ?? 0;
        follow(input, axis - (rank - own));
      }
    }
  }
  return found;
}

/** The operand that alone has the letter of the axis. */
function einsumOperand(node: GraphNode, axis: number): number | null {
  const [left = '', right = ''] = (stringAttribute(node, 'equation') ?? '').replaceAll(' ', '').split('->');
  const letter = right[axis];
  if (letter === undefined || letter === '.' || right.includes('.')) return null;
  const terms = left.split(',').map((term) => term.includes(letter));
  return terms.length === 2 && terms[0] !== terms[1] ? terms.indexOf(true) : null;
}

/** An axis stays itself while all axes behind it (or before it) keep their sizes. */
function throughReshape(from: readonly number[] | null, to: readonly number[] | null, axis: number): number | null {
  if (!from || !to) return null;
  const behind = to.length - axis;
  const same = to.slice(axis).every((size, i) => size === from[from.length - behind + i]);
  return same && from.length >= behind ? from.length - behind : null;
}
