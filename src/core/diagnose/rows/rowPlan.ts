/**
 * What to read of a softmax's row to tell where each of its infinities came from: the values on the way from Q·Kᵀ,
 * the masks that were applied, the parts that these were made of, and the operands of the arithmetic between.
 */
import type { AxesOfGraph } from '../../onnx/axes/infer';
import { isElementwise } from '../../onnx/axes/rules';
import { keyPlace, positionPlace } from '../../onnx/axes/types';
import type { Graph, GraphNode } from '../../onnx/graph';
import type { ElementPath } from '../../probe/inspect/elementPath';
import type { LaneSpec } from '../../probe/inspect/laneSpec';
import { isProduct, stepBack } from '../attentionSites';
import type { MaskPart, MaskStepNode, MaskWalk } from './maskParts';
import { maskParts, masks as masksNumber, uniform } from './maskParts';
import { laneSpec } from './lanesOf';
import type { ShapeFacts } from './readThrough';
import { readThrough, shapeOf } from './readThrough';
import type { SoftmaxLike } from './softmaxLike';

/** One value to read along the row; all plans of a run refer to values by name. */
export interface RowRead {
  readonly value: string;
  readonly path: ElementPath;
}

/** Arithmetic that a row went through; numbers are places in `reads`. */
export interface RowStep {
  readonly node: GraphNode;
  /** Element type of the result. */
  readonly dtype: string;
  readonly out: number;
  readonly operands: readonly number[];
  /** Before the first mask, or where masks are made and applied. */
  readonly zone: 'scores' | 'mask';
}

export interface RowMask {
  /** The additive mask or the condition, as `MaskStep` has it. */
  readonly value: string;
  readonly node: GraphNode;
  readonly kind: 'add' | 'where';
  /** The mask's own elements, in `reads`. */
  readonly read: number;
  readonly parts: readonly (Omit<MaskPart, 'path' | 'value'> & { readonly value: string; readonly read: number })[];
}

export interface RowPlan {
  readonly like: SoftmaxLike;
  /** The axis that is normalised. */
  readonly axis: number;
  readonly reads: readonly RowRead[];
  /** In the order of the run. */
  readonly steps: readonly RowStep[];
  readonly masks: readonly RowMask[];
  /** The scores as they enter the first mask, in `reads`. */
  readonly unmasked: number;
  /** Q·Kᵀ, if the way leads there. */
  readonly product: {
    readonly node: GraphNode;
    readonly read: number;
    readonly path: ElementPath;
    readonly spec: LaneSpec;
    readonly operands: readonly string[];
  } | null;
}

export interface RowPlanContext {
  readonly graph: Graph;
  readonly axes: AxesOfGraph;
  readonly facts: ShapeFacts;
  readonly isPositions: (input: string) => boolean;
  readonly dtype: (value: string) => string;
  /** Whether a value may be read. */
  readonly readable: (value: string) => boolean;
}

/** @returns null where the shape of the scores is not known. */
export function rowPlan(context: RowPlanContext, like: SoftmaxLike): RowPlan | null {
  const { graph, axes, facts } = context;
  const dims = shapeOf(graph, facts, like.scores);
  if (!dims || dims.length === 0) return null;
  const own = axes.of(like.scores);
  const axis = softmaxAxis(graph, like, dims.length, own ? (keyPlace(own)?.axis ?? null) : null);
  const query = own ? positionPlace(own) : null;
  const arithmetic: MaskStepNode[] = [];
  const walk: MaskWalk = {
    graph,
    facts,
    dims,
    keyAxis: axis,
    queryAxis: query && !query.factor.key && query.axis !== axis ? query.axis : Math.max(0, axis - 1),
    isPositions: context.isPositions,
    arithmetic,
  };
  const reads: RowRead[] = [];
  const places = new Map<string, number>();
  const read = (value: string, path: ElementPath): number => {
    if (!context.readable(value)) return -1;
    const key = `${value}\n${JSON.stringify(path)}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    reads.push({ value, path });
    places.set(key, reads.length - 1);
    return reads.length - 1;
  };

  const passed: { node: GraphNode; out: number; operands: number[]; masks: boolean }[] = [];
  const masks: RowMask[] = [];
  let value = like.scores;
  let path: ElementPath = [];
  let product: RowPlan['product'] = null;
  // Walking back, the mask that was met last is the one that is applied first.
  let unmasked = read(like.scores, []);
  const operandsOf = (node: GraphNode): number[] =>
    node.inputs.map((input, i) => {
      const own = input === '' ? null : readThrough(graph, facts, node, i);
      return own ? read(input, [...path, own]) : -1;
    });
  for (let node = graph.producer.get(value); node; node = graph.producer.get(value)) {
    if (isProduct(graph, node)) {
      const spec = laneSpec(graph, facts, node);
      if (spec) product = { node, read: read(value, path), path, spec: spec.spec, operands: spec.operands };
      break;
    }
    const step = stepBack(graph, axes, node) ?? explicitMask(graph, node) ?? copied(graph, node);
    if (!step) {
      // Whatever it adds or multiplies, it may be what made the infinity.
      if (isElementwise(node))
        passed.unshift({ node, out: read(value, path), operands: operandsOf(node), masks: false });
      break;
    }
    const slot = node.inputs.indexOf(step.scores);
    const back = readThrough(graph, facts, node, slot);
    if (!back) break;
    if (step.mask) {
      const maskSlot = step.mask.kind === 'where' ? 0 : 1 - slot;
      const maskBack = readThrough(graph, facts, node, maskSlot);
      if (!maskBack) break;
      const maskPath = [...path, maskBack];
      const { mask, kind, keepWhen } = step.mask;
      const test = kind === 'add' ? 'low' : keepWhen ? 'false' : 'true';
      const fill = step.mask.fill === null ? null : uniform(graph, step.mask.fill);
      const parts = maskParts(walk, mask, test, maskPath).map(({ path: partPath, ...part }) => ({
        ...part,
        fill: kind === 'where' ? fill : part.fill,
        read: read(part.value, partPath),
      }));
      masks.unshift({ value: mask, node, kind, read: read(mask, maskPath), parts });
    }
    // Reshapes and the like hand on what they got.
    if (back.kind === 'broadcast' && node.op !== 'Expand') {
      passed.unshift({ node, out: read(value, path), operands: operandsOf(node), masks: step.mask !== null });
    }
    path = [...path, back];
    value = step.scores;
    if (step.mask) unmasked = read(value, path);
  }
  const firstMask = passed.findIndex((step) => step.masks);
  const steps = passed.map(({ node, out, operands }, i): RowStep => ({
    node,
    dtype: context.dtype(node.outputs[0] ?? ''),
    out,
    operands,
    zone: firstMask >= 0 && i >= firstMask ? 'mask' : 'scores',
  }));
  const made = arithmetic.map(({ node, path: at, operands }): RowStep => ({
    node,
    dtype: context.dtype(node.outputs[0] ?? ''),
    out: read(node.outputs[0] ?? '', at),
    operands: operands.map((operand) => read(operand.value, operand.path)),
    zone: 'mask',
  }));
  return {
    like,
    axis,
    reads,
    steps: [...made, ...steps].sort((a, b) => a.node.index - b.node.index),
    masks,
    unmasked,
    product,
  };
}

function softmaxAxis(graph: Graph, like: SoftmaxLike, rank: number, key: number | null): number {
  const own = like.axis < 0 ? like.axis + rank : like.axis;
  // Before opset 13 everything from `axis` on was one row; exporters only ever used the last axis so.
  return like.form === 'node' && graph.opset < 13 ? (key ?? rank - 1) : own;
}

/** Operators that pick or repeat elements, and arithmetic with one operand that depends on the batch. */
function copied(graph: Graph, node: GraphNode): ReturnType<typeof stepBack> {
  if (['Slice', 'Expand', 'Tile'].includes(node.op)) return { scores: node.inputs[0] ?? '', mask: null };
  if (!isElementwise(node) || node.op === 'Where') return null;
  const [scores = '', ...others] = node.inputs.filter((input) => input !== '' && uniform(graph, input) === null);
  return scores !== '' && others.length === 0 ? { scores, mask: null } : null;
}

/** `Where` with a number that masks on one side: a mask whatever the scores were made of. */
function explicitMask(graph: Graph, node: GraphNode): ReturnType<typeof stepBack> {
  if (node.op !== 'Where') return null;
  const [mask = '', yes = '', no = ''] = node.inputs;
  const low = (value: string): boolean => {
    const number = uniform(graph, value);
    return number !== null && masksNumber(number, 'low');
  };
  if (low(yes) === low(no)) return null;
  const keepWhen = low(no);
  const scores = keepWhen ? yes : no;
  return { scores, mask: { node, kind: 'where', mask, keepWhen, fill: keepWhen ? no : yes, scores } };
}
