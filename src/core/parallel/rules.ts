/** What an operator makes of values that are split over ranks, and which numbers inside the graph shrink with them. */
import type { Graph, GraphNode } from '../onnx/graph';
import { intAttribute, intsAttribute } from '../onnx/graph';
import type { Layout, Split } from './layout';

export interface Edits {
  /** Integers that an input of a node has on a rank: sizes of heads, of columns. */
  readonly ints: Map<GraphNode, Map<number, readonly number[]>>;
  /** `Gemm` of rows, whose bias is added behind the all-reduce. */
  readonly biasBehind: Set<GraphNode>;
}

interface Meeting {
  readonly graph: Graph;
  readonly node: GraphNode;
  /** By input; null for what is whole. */
  readonly inputs: readonly (Split | null)[];
  readonly of: Map<string, Layout>;
  readonly edits: Edits;
  readonly ranks: number;
}

/** null: whole. `terms`: each rank has a term of the sum. */
type Outcome = Split | 'terms' | 'unknown' | null;

const elementwise = new Set(
  'Add Sub Mul Div Pow Neg Abs Sqrt Exp Log Erf Tanh Sigmoid Relu Gelu Cos Sin Cast Identity Where And Or Not Equal Less LessOrEqual Greater GreaterOrEqual IsNaN IsInf Max Min Clip'.split(
    ' ',
  ),
);
const reductions = new Set(['ReduceMax', 'ReduceMin', 'ReduceSum', 'ReduceMean', 'Softmax', 'LogSoftmax']);

export function splitBy(meeting: Meeting): Outcome {
  const { node, inputs, edits } = meeting;
  const split = inputs.filter((input) => input !== null);
  const [first] = split;
  if (!first) return null;
  const alike = split.every(({ axis, by }) => axis === first.axis && by === first.by);
  const rank = split.find((input) => input.rank !== null)?.rank ?? null;
  if (elementwise.has(node.op)) return alike ? { ...first, rank } : 'unknown';
  if (reductions.has(node.op)) return reducedAxes(meeting).includes(first.axis) ? 'unknown' : first;
  switch (node.op) {
    case 'MatMul':
    case 'Gemm': {
      const outcome = product(inputs);
      if (outcome === 'terms' && (node.inputs[2] ?? '') !== '') edits.biasBehind.add(node);
      return outcome;
    }
    case 'Attention':
      // Groups of heads are its business: each rank has the keys of its own queries.
      return [...new Set(split.map(({ axis }) => axis))].join() === '-3' ? (inputs[0] ?? 'unknown') : 'unknown';
    case 'Shape':
      // Read for batch and positions, which no rank has less of.
      return null;
    case 'Gather':
      return intAttribute(node, 'axis', 0) === 0 && inputs[1] === null && first.axis === -1 ? first : 'unknown';
    case 'Transpose':
      return transposed(node, first);
    case 'Unsqueeze':
      return unsqueezed(meeting, first);
    case 'Slice': {
      const axes = meeting.graph.constantInts(node.inputs[3]);
      return axes?.every((axis) => axis < 0 && axis !== first.axis) === true ? first : 'unknown';
    }
    case 'Split':
      return parted(meeting, first);
    case 'Concat':
      return joined(meeting, first, rank);
    case 'Expand':
      return repeated(meeting, first);
    case 'Reshape':
      return reshaped(meeting, first);
    default:
      return 'unknown';
  }
}

function product([left = null, right = null]: readonly (Split | null)[]): Outcome {
  if (left?.axis === -1) return right?.axis === -2 && right.by === left.by ? 'terms' : 'unknown';
  if (right?.axis === -1) return left === null ? right : 'unknown';
  const one = left ?? right;
  if (!one || (left && right && (left.axis !== right.axis || left.by !== right.by))) return 'unknown';
  // Heads side by side, each with a product of its own.
  return one.axis <= -3 ? one : 'unknown';
}

function reducedAxes({ graph, node }: Meeting): readonly number[] {
  if (node.op.endsWith('oftmax')) return [intAttribute(node, 'axis', -1)];
  const axes = intsAttribute(node, 'axes') ?? graph.constantInts(node.inputs[1]) ?? [];
  return intAttribute(node, 'keepdims', 1) === 1 && axes.every((axis) => axis < 0) ? axes : [-1, -2, -3, -4];
}

function transposed(node: GraphNode, { axis, ...rest }: Split): Outcome {
  const perm = intsAttribute(node, 'perm');
  if (!perm) return 'unknown';
  return { ...rest, axis: perm.indexOf(perm.length + axis) - perm.length, rank: perm.length };
}

function unsqueezed({ graph, node }: Meeting, { axis, rank, ...rest }: Split): Outcome {
  const axes = graph.constantInts(node.inputs[1]);
  if (!axes || rank === null) return 'unknown';
  const size = rank + axes.length;
  const put = new Set(axes.map((at) => (at < 0 ? at + size : at)));
  const kept = Array.from({ length: size }, (_, at) => at).filter((at) => !put.has(at));
  return { ...rest, axis: (kept.at(axis) ?? 0) - size, rank: size };
}

/** Queries, keys and values out of one product: each rank has a piece of each. */
function parted({ graph, node, edits }: Meeting, first: Split): Outcome {
  if (intAttribute(node, 'axis', 0) !== -1) return 'unknown';
  if (first.axis !== -1) return first;
  const sizes = graph.constantInts(node.inputs[1]);
  const own = sizes?.map((size) => size / first.by);
  if (own?.every(Number.isInteger) !== true) return 'unknown';
  edit(edits, node, 1, own);
  return first;
}

/** What is the same for every head may have been repeated for all of them before. */
function joined({ graph, node, inputs, of, edits }: Meeting, first: Split, rank: number | null): Outcome {
  if (intAttribute(node, 'axis', 0) !== -1 || first.axis === -1) return 'unknown';
  for (const [i, input] of inputs.entries()) {
    if (input) {
      if (input.axis !== first.axis || input.by !== first.by) return 'unknown';
      continue;
    }
    const value = node.inputs[i] ?? '';
    const source = graph.producer.get(value);
    const shape = graph.constantInts(source?.inputs[1]);
    if (source?.op !== 'Expand' || !shape || graph.consumers.get(value)?.length !== 1) return 'unknown';
    const own = shape.with(first.axis, (shape.at(first.axis) ?? 0) / first.by);
    if (!own.every(Number.isInteger)) return 'unknown';
    edit(edits, source, 1, own);
    of.set(value, { ...first, rank: shape.length });
  }
  return { ...first, rank };
}

/**
 * Heads of keys and values, repeated for the queries that share them. Where ranks share a head, each repeats it for
 * its own queries only, and is as good as split into as many pieces as there are ranks.
 */
function repeated({ graph, node, edits, ranks }: Meeting, first: Split): Outcome {
  const shape = graph.constantInts(node.inputs[1]);
  if (shape?.at(first.axis) !== 1) return 'unknown';
  if (first.by === ranks) return first;
  const own = shape.with(first.axis + 1, ((shape.at(first.axis + 1) ?? 0) * first.by) / ranks);
  if (!own.every(Number.isInteger)) return 'unknown';
  edit(edits, node, 1, own);
  return { ...first, by: ranks };
}

/** The first size that is written out is that of the split axis: heads, or heads times their width. */
function reshaped({ graph, node, inputs, edits }: Meeting, first: Split): Outcome {
  if (inputs[0] === null) return 'unknown';
  const asked = node.inputs[1] ?? '';
  const shape = graph.constantInts(asked);
  if (shape) {
    const at = shape.findIndex((size) => size > 0);
    const own = shape.with(at, (shape[at] ?? 0) / first.by);
    if (at < 0 || !own.every(Number.isInteger)) return 'unknown';
    edit(edits, node, 1, own);
    return { ...first, axis: at - shape.length, rank: shape.length };
  }
  // Sizes of batch and positions, taken from another value, and behind them one that is written out.
  const source = graph.producer.get(asked);
  const last = graph.constantInts(source?.inputs.at(-1));
  if (source?.op !== 'Concat' || last?.length !== 1 || first.axis !== -1) return 'unknown';
  if (graph.consumers.get(asked)?.length !== 1 || (last[0] ?? 0) % first.by !== 0) return 'unknown';
  edit(edits, source, source.inputs.length - 1, [(last[0] ?? 0) / first.by]);
  return { ...first, rank: null };
}

function edit(edits: Edits, node: GraphNode, slot: number, ints: readonly number[]): void {
  const own = edits.ints.get(node) ?? new Map<number, readonly number[]>();
  own.set(slot, ints);
  edits.ints.set(node, own);
}
