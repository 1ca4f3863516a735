/**
 * A built-in model as the ranks of tensor parallelism have it: one plain graph for each, with its part of the weights.
 * Nodes and values keep their names. A value that is all-reduced is computed under its name as this rank's term, and
 * what reads it finds the sum there: cutting puts the two into different segments.
 */
import { create } from '@bufbuild/protobuf';
import type { ModelProto, NodeProto, TensorProto } from 'onnx-buf';
import { NodeProtoSchema } from 'onnx-buf';
import type { GraphNode } from '../onnx/graph';
import { Graph, graphOf } from '../onnx/graph';
import { decodeTensor, encodeTensor, int64Tensor } from '../onnx/tensors';
import type { ValueFacts } from '../probe/instrument';
import { freshPrefix, withDeclaredShapes } from '../probe/instrument';
import type { TensorBytes, TensorData } from '../tensor';
import { elementCount } from '../tensor';
import type { Layout, Layouts, Split } from './layout';
import { layoutsOf, withoutBias } from './layout';
import type { ShardPlan } from './plan';
import { rangesOf } from './plan';

export interface Rank {
  readonly graph: Graph;
  /** Types and shapes as they are on this rank. */
  readonly facts: ReadonlyMap<string, ValueFacts>;
}

export interface Sharded {
  readonly ranks: readonly Rank[];
  /** Values that are summed over the ranks, in the order of the graph. */
  readonly reduced: readonly string[];
  /** How values lie that are not whole on every rank. */
  readonly layouts: ReadonlyMap<string, Layout>;
}

/**
 * @param facts types and shapes of the whole model's values on one batch
 * @throws NanoscopeError `usage` where the graph cannot be split
 */
export function sharded(graph: Graph, plan: ShardPlan, facts: ReadonlyMap<string, ValueFacts>): Sharded {
  const layouts = layoutsOf(graph, plan);
  const ranks = Array.from({ length: plan.ranks }, (_, rank) => rankOf(graph, plan, layouts, facts, rank));
  return { ranks, reduced: layouts.reduced, layouts: layouts.of };
}

function rankOf(
  graph: Graph,
  plan: ShardPlan,
  layouts: Layouts,
  whole: ReadonlyMap<string, ValueFacts>,
  rank: number,
): Rank {
  const prefix = freshPrefix(graph, 'rank');
  const added = new Map<string, TensorProto>();
  const ints = (values: readonly number[]): string => {
    const name = `${prefix}${values.join('_')}`;
    if (!added.has(name)) added.set(name, int64Tensor(name, values));
    return name;
  };
  const nodes = graph.nodes.flatMap((node) => nodesOn(node, layouts, rank, ints));
  const initializers = [...graph.initializers.values()].flatMap((tensor): TensorProto[] => {
    const layout = layouts.of.get(tensor.name);
    if (layout?.kind === 'local') return layout.owner === rank ? [tensor] : [];
    return layout?.kind === 'split' ? [pieceOf(tensor, plan, rank)] : [tensor];
  });
  const facts = factsOn(whole, layouts);
  const proto = graphOf(graph.model);
  const model: ModelProto = {
    ...graph.model,
    graph: { ...proto, node: nodes, initializer: [...initializers, ...added.values()], valueInfo: [] },
  };
  return { graph: new Graph(withDeclaredShapes(model, facts)), facts };
}

function nodesOn(
  node: GraphNode,
  { of, edits }: Layouts,
  rank: number,
  ints: (values: readonly number[]) => string,
): NodeProto[] {
  const { proto } = node;
  const [output = ''] = node.outputs;
  const layout = of.get(output);
  if (layout?.kind === 'local' && layout.owner !== rank) return [];
  if (edits.biasBehind.has(node)) {
    const [left = '', right = '', bias = ''] = node.inputs;
    const product: NodeProto = { ...proto, input: [left, right], output: [withoutBias(output)] };
    const add = create(NodeProtoSchema, {
      opType: 'Add',
      name: `${node.name}/bias`,
      input: [withoutBias(output), bias],
      output: [output],
    });
    return [product, add];
  }
  if (layout?.kind === 'terms' && layout.of !== 'all') {
    const here = node.inputs.filter((input) => isOn(of.get(input), rank));
    if (here.length === 0) return [];
    if (here.length === 1) return [{ ...proto, opType: 'Identity', input: here }];
  }
  const own = edits.ints.get(node);
  return [
    own ? { ...proto, input: node.inputs.map((name, i) => (own.has(i) ? ints(own.get(i) ?? []) : name)) } : proto,
  ];
}

/** Whether a rank has a term of a sum. */
const isOn = (layout: Layout | undefined, rank: number): boolean =>
  (layout?.kind === 'local' && layout.owner === rank) ||
  (layout?.kind === 'terms' && (layout.of === 'all' || layout.of.has(rank)));

function pieceOf(tensor: TensorProto, plan: ShardPlan, rank: number): TensorProto {
  const piece = plan.pieceOf(tensor.name);
  const value = decodeTensor(tensor);
  if (!piece || !value) throw new Error(`the weight ${tensor.name} is not in memory`);
  if (piece.by === 1) return tensor;
  const axis = value.dims.length + piece.axis;
  return encodeTensor(tensor.name, sliced(value, axis, rangesOf(piece, plan, rank, value.dims[axis] ?? 0)));
}

/** Ranges of one axis, side by side. */
function sliced(
  { dtype, dims, data }: TensorData,
  axis: number,
  ranges: readonly (readonly [number, number])[],
): TensorData {
  const size = dims[axis] ?? 0;
  const inner = elementCount(dims.slice(axis + 1));
  const outer = elementCount(dims.slice(0, axis));
  const taken = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  const own = data.slice(0, outer * taken * inner) as TensorBytes & { set(from: TensorBytes, at: number): void };
  let at = 0;
  for (let row = 0; row < outer; row += 1) {
    for (const [from, to] of ranges) {
      own.set(data.subarray((row * size + from) * inner, (row * size + to) * inner), at);
      at += (to - from) * inner;
    }
  }
  return { dtype, dims: dims.with(axis, taken), data: own };
}

function factsOn(whole: ReadonlyMap<string, ValueFacts>, { of }: Layouts): Map<string, ValueFacts> {
  const facts = new Map<string, ValueFacts>();
  for (const [name, fact] of whole) {
    const layout = of.get(name);
    facts.set(name, layout?.kind === 'split' ? { ...fact, shape: ownShape(fact.shape, layout) } : fact);
  }
  for (const [name, fact] of whole) {
    const before = withoutBias(name);
    if (of.has(before)) facts.set(before, fact);
  }
  return facts;
}

function ownShape(shape: readonly number[], { axis, by }: Split): readonly number[] {
  const size = shape.at(axis) ?? 1;
  if (size >= by) return shape.with(axis, size / by);
  // Ranks that share a head of keys divide how often it is repeated, which is the axis behind it.
  return shape.with(axis, 1).with(axis + 1, ((shape.at(axis + 1) ?? 1) * size) / by);
}
