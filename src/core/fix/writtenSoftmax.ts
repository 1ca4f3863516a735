/** Softmax written out in plain operators, made safe for rows that are −∞ throughout. */
import { largest } from '../diagnose/births/family';
import { softmaxLike } from '../diagnose/rows/softmaxLike';
import type { Graph, GraphNode } from '../onnx/graph';
import { bornBy } from './born';
import type { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import type { FixContext } from './types';

/** Whether a fully masked row became NaN inside of one. */
export function bornWrittenOut(context: FixContext): boolean {
  const { births } = bornBy(context, ['fully-masked-row', 'mask-overflow']);
  return births.some(({ node }) => partOf(context.graph, node) !== null);
}

/** Why a fix of masks finds none. */
export const notFollowed = (context: FixContext): string =>
  bornWrittenOut(context)
    ? 'The softmax is written out in plain operators; zero-masked-rows guards it there.'
    : 'The mask could not be followed from the scores to its source.';

/**
 * Every written-out softmax: a maximum of −∞ is not subtracted, and a sum of 0 does not divide. The row is then 0
 * throughout; it is told by its maximum or its sum, so NaN of any other cause stays.
 *
 * @returns how many nodes were guarded.
 */
export function guardWritten(context: FixContext, plan: EditPlan): number {
  let guarded = 0;
  for (const node of context.graph.nodes) {
    const part = partOf(context.graph, node);
    if (part === null) continue;
    const value = node.inputs[1] ?? '';
    const dtype = dtypeOf(context, value);
    const block = plan.block();
    const empty =
      part === 'minus-max' ? block.op('Less', [value, block.scalar(dtype, -largest(dtype))]) : block.isZero(value);
    const own = block.op('Where', [empty, block.scalar(dtype, part === 'minus-max' ? 0 : 1), value]);
    plan.insert(node.index, block);
    plan.replace(value, own, [{ node: node.outputs[0] ?? '', slot: 1 }]);
    guarded += 1;
  }
  return guarded;
}

const copies = new Set(['Identity', 'Cast', 'Unsqueeze', 'Expand']);

function partOf(graph: Graph, node: GraphNode): 'minus-max' | 'over-sum' | null {
  const form = softmaxLike(graph, node)?.form;
  if (form === 'over-sum') return form;
  if (form !== 'minus-max') return null;
  let reduced = graph.producer.get(node.inputs[1] ?? '');
  while (reduced && copies.has(reduced.op)) reduced = graph.producer.get(reduced.inputs[0] ?? '');
  // x − log Σ exp(x) has no sum to guard.
  return reduced?.op === 'ReduceMax' ? form : null;
}
