/**
 * How NaN in one input of a node shows in its outputs. The list is closed: an operator is on it only if a test
 * measured with the engine that it hands every NaN on, whatever else it reads (test/runtime/engine/flow.test.ts).
 * Whatever is missing may swallow NaN: Where, Max, Min, Clip, Relu, comparisons, casts to integers, TopK's choice,
 * fused kernels, local functions, bodies.
 */
import type { Graph, GraphNode } from '../../onnx/graph';
import { attribute, intAttribute, intsAttribute } from '../../onnx/graph';

/** Elements come out in places of their own along this axis: gone, or moved by an unknown distance. */
export const MOVED = -2;
/** The axis is summed over. */
export const CONSUMED = -1;

/**
 * `carry`: a NaN element makes every output element NaN that has its coordinates on the mapped axes.
 * `join`: the same; the output holds the elements of other inputs beside it.
 * `part`: each output holds some of the elements, all of them together hold each.
 * `pick`: the output holds some of the elements; others may be dropped.
 * `shuffle`: every element is in the output, nobody knows where.
 */
export interface Flow {
  readonly kind: 'carry' | 'join' | 'part' | 'pick' | 'shuffle';
  /** Per axis of the input: its axis in the output, `CONSUMED` or `MOVED` (then `moved` says where to). */
  readonly map: readonly number[];
  /** The axis of the output along which elements lie in other places than in the input. */
  readonly moved: number | null;
}

/** Element by element, one input. Those that compare (Relu, Clip, Elu) are not here. */
const unary = new Set([
  'Neg',
  'Abs',
  'Sqrt',
  'Reciprocal',
  'Exp',
  'Log',
  'Sin',
  'Cos',
  'Tanh',
  'Sigmoid',
  'Erf',
  'Floor',
  'Ceil',
]);
const binary = new Set(['Add', 'Sub', 'Mul', 'Div']);
const many = new Set(['Sum', 'Mean']);
/** A NaN in a row makes at least its own place NaN. */
const rowwise = new Set(['Softmax', 'LogSoftmax', 'LayerNormalization']);
const sums = new Set(['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceL1', 'ReduceL2']);
const layout = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

const carry = (map: readonly number[]): Flow => ({ kind: 'carry', map, moved: null });
const places = (rank: number): number[] => Array.from({ length: rank }, (_, axis) => axis);
const broadcast = (rank: number, outRank: number): number[] => places(rank).map((axis) => axis + outRank - rank);
const normal = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const movedAlong = (kind: Flow['kind'], rank: number, axis: number): Flow => ({
  kind,
  map: places(rank).map((own) => (own === axis ? MOVED : own)),
  moved: axis,
});

/** @returns null where NaN may be swallowed, or a rank is not known. */
export function flowOf(
  graph: Graph,
  node: GraphNode,
  slot: number,
  o: number,
  rankOf: (value: string) => number | null,
): Flow | null {
  const rank = rankOf(node.inputs[slot] ?? '');
  const outRank = rankOf(node.outputs[o] ?? '');
  if (node.domain !== '' || rank === null || outRank === null) return null;
  const { op } = node;
  if (op === 'Split') return slot === 0 ? movedAlong('part', rank, normal(intAttribute(node, 'axis', 0), rank)) : null;
  if (o !== 0) return null;
  if (unary.has(op)) return carry(places(rank));
  if (rowwise.has(op)) return slot === 0 ? carry(places(rank)) : null;
  if (many.has(op) || (binary.has(op) && slot < 2)) return carry(broadcast(rank, outRank));
  if (op === 'Pow') return slot === 0 && neverZero(graph, node.inputs[1]) ? carry(broadcast(rank, outRank)) : null;
  if (op === 'Expand') return slot === 0 ? carry(broadcast(rank, outRank)) : null;
  if (op === 'MatMul') return product(slot, rank, outRank, node.inputs.map(rankOf));
  if (op === 'Gemm') return gemm(node, slot);
  if (sums.has(op)) return reduction(graph, node, slot, rank, outRank);
  if (op === 'Transpose') return transpose(node, rank);
  if (layout.has(op)) return slot === 0 ? { kind: 'shuffle', map: places(rank).map(() => MOVED), moved: null } : null;
  if (op === 'Concat') return movedAlong('join', rank, normal(intAttribute(node, 'axis', 0), rank));
  return slot === 0 ? picking(graph, node, rank, outRank) : null;
}

/** x⁰ is 1 even for NaN. */
function neverZero(graph: Graph, exponent: string | undefined): boolean {
  const constant = exponent === undefined ? null : graph.constant(exponent);
  if (!constant || (constant.dtype !== 'float32' && constant.dtype !== 'float64')) return false;
  const values = Array.from(constant.data, Number);
  return values.length > 0 && values.every((value) => value !== 0);
}

function product(slot: number, rank: number, outRank: number, ranks: readonly (number | null)[]): Flow | null {
  // A vector as an operand drops an axis of the output; nothing that exporters write.
  if (ranks.some((own) => own === null || own < 2)) return null;
  const map = broadcast(rank, outRank);
  map[slot === 0 ? rank - 1 : rank - 2] = CONSUMED;
  return carry(map);
}

function gemm(node: GraphNode, slot: number): Flow | null {
  // alpha = 0 leaves A·B out.
  if (slot > 1 || (attribute(node, 'alpha')?.f ?? 1) === 0) return null;
  const transposed = intAttribute(node, slot === 0 ? 'transA' : 'transB', 0) !== 0;
  const own = slot === 0 ? [0, CONSUMED] : [CONSUMED, 1];
  return carry(transposed ? own.reverse() : own);
}

function reduction(graph: Graph, node: GraphNode, slot: number, rank: number, outRank: number): Flow | null {
  if (slot !== 0) return null;
  const given = node.inputs[1] !== undefined && node.inputs[1] !== '' ? graph.constantInts(node.inputs[1]) : null;
  if (node.inputs[1] !== undefined && node.inputs[1] !== '' && !given) return null;
  const axes = given ?? intsAttribute(node, 'axes') ?? [];
  if (axes.length === 0 && intAttribute(node, 'noop_with_empty_axes', 0) !== 0) return carry(places(rank));
  const reduced = new Set(axes.length === 0 ? places(rank) : axes.map((axis) => normal(axis, rank)));
  const kept = outRank === rank && intAttribute(node, 'keepdims', 1) !== 0;
  let next = 0;
  return carry(places(rank).map((axis) => (reduced.has(axis) ? CONSUMED : kept ? axis : next++)));
}

function transpose(node: GraphNode, rank: number): Flow {
  const perm = intsAttribute(node, 'perm') ?? places(rank).reverse();
  const map = places(rank);
  for (const [to, from] of perm.entries()) map[from] = to;
  return carry(map);
}

function picking(graph: Graph, node: GraphNode, rank: number, outRank: number): Flow | null {
  switch (node.op) {
    case 'TopK':
      return movedAlong('pick', rank, normal(intAttribute(node, 'axis', -1), rank));
    case 'GatherElements':
      return movedAlong('pick', rank, normal(intAttribute(node, 'axis', 0), rank));
    case 'Slice': {
      const axes = node.inputs.length > 1 ? graph.constantInts(node.inputs[3]) : intsAttribute(node, 'axes');
      // Without a list of axes all may be cut.
      const only = axes?.length === 1 ? axes[0] : undefined;
      return only === undefined ? null : movedAlong('pick', rank, normal(only, rank));
    }
    case 'Gather': {
      const axis = normal(intAttribute(node, 'axis', 0), rank);
      // Indices of one axis take the place of the axis; other ranks shift what follows.
      const more = outRank - rank;
      return {
        kind: 'pick',
        map: places(rank).map((own) => (own === axis ? MOVED : own < axis ? own : own + more)),
        moved: more === 0 ? axis : null,
      };
    }
    default:
      return null;
  }
}
