/**
 * How every value of a graph lies on the ranks once its weights are split, operator by operator: whole on each of
 * them, split along an axis (heads, columns), on one rank only (an expert), or as terms of a sum. Where something
 * needs such a sum, it is all-reduced. Axes count from the last, −1, so that broadcasting leaves them alone.
 */
import type { GraphNode } from '../onnx/graph';
import type { Graph } from '../onnx/graph';
import { NanoscopeError } from '../errors';
import { show } from '../onnx/show';
import type { ShardPlan } from './plan';
import { splitBy, type Edits } from './rules';

export type Layout = Split | Local | Terms;

/** Each rank has one of `by` equal pieces. */
export interface Split {
  readonly kind: 'split';
  readonly axis: number;
  readonly by: number;
  /** Number of axes, where something on the way told it. */
  readonly rank: number | null;
}

/** One rank has it, the others nothing. */
export interface Local {
  readonly kind: 'local';
  readonly owner: number;
}

/** The sum over the ranks is the value; some may have no term. */
export interface Terms {
  readonly kind: 'terms';
  readonly of: 'all' | ReadonlySet<number>;
}

export interface Layouts {
  /** What is not here is whole on every rank. Reduced values are here with their terms. */
  readonly of: ReadonlyMap<string, Layout>;
  /** Summed over the ranks, in the order of the graph. */
  readonly reduced: readonly string[];
  readonly edits: Edits;
}

/** What a `Gemm` hands out before its bias is added, which must count once. */
export const withoutBias = (output: string): string => `${output}_without_bias`;

/** @throws NanoscopeError `usage` for a graph with operators that cannot be followed */
export function layoutsOf(graph: Graph, plan: ShardPlan): Layouts {
  const of = new Map<string, Layout>();
  const reduced = new Set<string>();
  const added = new Set<string>();
  const edits: Edits = { ints: new Map(), biasBehind: new Set() };
  for (const [name] of graph.initializers) {
    const piece = plan.pieceOf(name);
    const owner = plan.ownerOf(name);
    if (owner !== null) of.set(name, { kind: 'local', owner });
    else if (piece) of.set(name, { kind: 'split', axis: piece.axis, by: piece.by, rank: null });
  }
  /** What a node finds that is no sum: the sum itself where there is one. */
  const needed = (value: string): Split | Local | null => {
    const own = of.get(value);
    if (own?.kind !== 'terms') return own ?? null;
    if (added.has(value)) throw cannotFollow(graph.producer.get(value), 'its sum is wanted in part and as a whole');
    reduced.add(value);
    return null;
  };
  for (const node of graph.nodes) {
    const terms = termsOf(node, of, reduced);
    if (terms) {
      for (const input of node.inputs) if (of.get(input)?.kind === 'terms') added.add(input);
      setAll(of, node, terms);
      continue;
    }
    const inputs = node.inputs.map(needed);
    const local = inputs.find((input) => input?.kind === 'local');
    if (local) {
      if (inputs.some((input) => input !== null && !(input.kind === 'local' && input.owner === local.owner)))
        throw cannotFollow(node, 'it reads what is on different ranks');
      setAll(of, node, local);
      continue;
    }
    const found = splitBy({ graph, node, inputs: inputs as (Split | null)[], of, edits, ranks: plan.ranks });
    if (found === 'unknown') throw cannotFollow(node, 'it is not known how it meets split values');
    if (found !== 'terms') {
      if (found) setAll(of, node, found);
      continue;
    }
    const [output = ''] = node.outputs;
    if (edits.biasBehind.has(node)) {
      of.set(withoutBias(output), { kind: 'terms', of: 'all' });
      reduced.add(withoutBias(output));
    } else of.set(output, { kind: 'terms', of: 'all' });
  }
  for (const output of graph.outputs)
    if (needed(output)) throw cannotFollow(graph.producer.get(output), 'no rank has it whole');
  return { of, reduced: [...reduced], edits };
}

/** An `Add` of two values of which each rank has a term at most, at least one of them somewhere else than the other. */
function termsOf(node: GraphNode, of: ReadonlyMap<string, Layout>, reduced: ReadonlySet<string>): Terms | null {
  if (node.op !== 'Add') return null;
  const holders = node.inputs.map((input): Terms['of'] | null => {
    const own = of.get(input);
    if (own?.kind === 'terms') return reduced.has(input) ? null : own.of;
    return own?.kind === 'local' ? new Set([own.owner]) : null;
  });
  const [left = null, right = null] = holders;
  if (left === null || right === null) return null;
  if (left === 'all' || right === 'all') return { kind: 'terms', of: 'all' };
  const both = new Set([...left, ...right]);
  const sameRank = both.size === 1 && node.inputs.every((input) => of.get(input)?.kind === 'local');
  return sameRank ? null : { kind: 'terms', of: both };
}

function setAll(of: Map<string, Layout>, node: GraphNode, layout: Layout): void {
  for (const output of node.outputs) if (output !== '') of.set(output, layout);
}

const cannotFollow = (node: GraphNode | undefined, why: string): NanoscopeError =>
  new NanoscopeError(
    'usage',
    `This graph cannot be split over ranks: at ${node ? `${node.op} ${show(node.name)}` : 'an output'} ${why}.`,
    'Split the model without the change that put it there, or give your own shards as files.',
  );
