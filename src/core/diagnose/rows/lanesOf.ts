/** Which elements an operator puts together for one of its output: products, sums, norms. ONNX operator specification. */
import type { Graph, GraphNode } from '../../onnx/graph';
import { attribute, intAttribute, intsAttribute, stringAttribute } from '../../onnx/graph';
import type { LaneSpec } from '../../probe/inspect/laneSpec';
import type { ShapeFacts } from './readThrough';
import { shapeOf } from './readThrough';

export interface LaneOfNode {
  readonly spec: LaneSpec;
  /** The values that `spec` speaks of, in its order. */
  readonly operands: readonly string[];
}

const reductions = new Set([
  'ReduceSum',
  'ReduceMean',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
  'ReduceLogSum',
  'ReduceLogSumExp',
]);

export const normalizations = new Set([
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'RMSNormalization',
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
  'InstanceNormalization',
  'BatchNormalization',
  'LpNormalization',
]);

export function laneSpec(graph: Graph, facts: ShapeFacts, node: GraphNode): LaneOfNode | null {
  const given = node.inputs.map((input) => (input === '' ? null : input));
  const rank = (slot: number): number => shapeOf(graph, facts, given[slot] ?? '')?.length ?? 0;
  const only = (...slots: number[]): string[] => slots.flatMap((slot) => given[slot] ?? []);
  const from = (axis: number, size: number): number[] =>
    Array.from({ length: Math.max(0, size - axis) }, (_, i) => axis + i);
  if (reductions.has(node.op)) {
    const own = graph.constantInts(node.inputs[1]) ?? (given[1] ? facts.ints(given[1]) : null);
    if (given[1] && !own) return null;
    const named = own ?? intsAttribute(node, 'axes') ?? [];
    if (named.length === 0 && intAttribute(node, 'noop_with_empty_axes', 0) === 1) return null;
    const size = rank(0);
    const axes = named.length > 0 ? named.map((axis) => (axis < 0 ? axis + size : axis)) : from(0, size);
    return {
      spec: {
        kind: 'reduce',
        axes: [...axes].sort((a, b) => a - b),
        keepdims: intAttribute(node, 'keepdims', 1) === 1,
      },
      operands: only(0),
    };
  }
  switch (node.op) {
    case 'MatMul':
      return { spec: { kind: 'matmul' }, operands: only(0, 1) };
    case 'Gemm':
      return {
        spec: {
          kind: 'gemm',
          transA: intAttribute(node, 'transA', 0) !== 0,
          transB: intAttribute(node, 'transB', 0) !== 0,
        },
        operands: only(0, 1, 2),
      };
    case 'Einsum': {
      const equation = einsum(
        node,
        node.inputs.map((_, slot) => rank(slot)),
      );
      return equation ? { spec: { kind: 'einsum', ...equation }, operands: node.inputs } : null;
    }
    case 'Conv': {
      const spatial = rank(1) - 2;
      const auto = stringAttribute(node, 'auto_pad') ?? 'NOTSET';
      if (spatial < 1 || (auto !== 'NOTSET' && auto !== '' && auto !== 'VALID')) return null;
      return {
        spec: {
          kind: 'conv',
          strides: intsAttribute(node, 'strides') ?? [],
          padsBegin: (intsAttribute(node, 'pads') ?? []).slice(0, spatial),
          dilations: intsAttribute(node, 'dilations') ?? [],
          group: intAttribute(node, 'group', 1),
        },
        operands: only(0, 1, 2),
      };
    }
    case 'GlobalAveragePool':
      return { spec: { kind: 'reduce', axes: from(2, rank(0)), keepdims: true }, operands: only(0) };
    case 'CumSum': {
      const axis = graph.constantInts(node.inputs[1])?.[0] ?? facts.ints(given[1] ?? '')?.[0];
      if (axis === undefined) return null;
      return {
        spec: {
          kind: 'prefix',
          axis: axis < 0 ? axis + rank(0) : axis,
          exclusive: intAttribute(node, 'exclusive', 0) === 1,
          reverse: intAttribute(node, 'reverse', 0) === 1,
        },
        operands: only(0),
      };
    }
    case 'LayerNormalization':
    case 'SimplifiedLayerNormalization':
    case 'RMSNormalization': {
      const axis = intAttribute(node, 'axis', -1);
      const size = rank(0);
      const axes = from(axis < 0 ? axis + size : axis, size);
      return { spec: { kind: 'norm', axes, vectors: 1, channel: null }, operands: only(0, 1, 2) };
    }
    case 'SkipLayerNormalization':
    case 'SkipSimplifiedLayerNormalization': {
      // The sum of both is normalised along the last axis.
      if (node.outputs[0] === undefined || rank(0) !== rank(1)) return null;
      return { spec: { kind: 'norm', axes: [rank(0) - 1], vectors: 2, channel: null }, operands: only(0, 1, 2, 3) };
    }
    case 'LpNormalization': {
      const axis = intAttribute(node, 'axis', -1);
      return {
        spec: { kind: 'norm', axes: [axis < 0 ? axis + rank(0) : axis], vectors: 1, channel: null },
        operands: only(0),
      };
    }
    case 'InstanceNormalization':
      return { spec: { kind: 'norm', axes: from(2, rank(0)), vectors: 1, channel: 1 }, operands: only(0, 1, 2) };
    case 'BatchNormalization':
      return { spec: { kind: 'norm', axes: [], vectors: 1, channel: 1 }, operands: only(0, 1, 2, 3, 4) };
    default:
      return null;
  }
}

export function floatAttribute(node: GraphNode, name: string, fallback: number): number {
  return attribute(node, name)?.f ?? fallback;
}

/** Letters per operand and of the result; `...` becomes letters that the equation does not use. */
function einsum(node: GraphNode, ranks: readonly number[]): { terms: string[]; out: string } | null {
  const equation = stringAttribute(node, 'equation')?.replaceAll(' ', '');
  if (!equation) return null;
  const [left = '', right] = equation.split('->');
  const spare = Array.from('ZYXWVUTSRQPONMLKJIHGFEDCBA').filter((letter) => !equation.includes(letter));
  let longest = 0;
  const terms = left.split(',').map((term, i) => {
    if (!term.includes('...')) return term;
    const length = Math.max(0, (ranks[i] ?? 0) - (term.length - 3));
    longest = Math.max(longest, length);
    return term.replace('...', spare.slice(0, length).reverse().join(''));
  });
  const dots = spare.slice(0, longest).reverse().join('');
  const letters = terms.join('');
  const implied = [...new Set(letters)].filter(
    (letter) => !dots.includes(letter) && letters.split(letter).length === 2,
  );
  return { terms, out: right === undefined ? dots + implied.sort().join('') : right.replace('...', dots) };
}
