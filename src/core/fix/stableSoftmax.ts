import { largest } from '../diagnose/births/family';
import { softmaxLike } from '../diagnose/rows/softmaxLike';
import type { Graph, GraphNode } from '../onnx/graph';
import { bornBy, insideBody, plural, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import type { Fix } from './types';

/**
 * A softmax that is written out as exp(x) / Σ exp(x) gets the maximum of its row subtracted first: the same numbers,
 * and exp() stays at most 1. A row of −∞ throughout has no maximum to subtract and is left alone.
 */
export const stableSoftmax: Fix = {
  id: 'stable-softmax',
  title: 'Subtract the maximum before the exponential of softmax',
  effect:
    'The exponential can no longer leave the range of the type; all other rows keep their numbers but for rounding.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    const { graph } = context;
    const { births, inside } = bornBy(context, [
      'score-overflow',
      'inf-over-inf',
      'inf-minus-inf',
      'zero-over-zero',
      'zero-times-inf',
      'unknown',
    ]);
    if (!births.some(({ node }) => unstable(graph, node) !== null)) {
      const within = inside.length > 0 && births.length === 0;
      return {
        applies: false,
        reason: within ? insideBody(inside) : 'No NaN is born in a softmax that is written out without its maximum.',
      };
    }
    const plan = new EditPlan(graph, 'stable-softmax');
    const done = new Set<GraphNode>();
    for (const node of graph.nodes) {
      const found = unstable(graph, node);
      if (!found || done.has(found.exponential)) continue;
      const { exponential, scores, axis } = found;
      const rank = context.shape(scores)?.length;
      if (rank === undefined) return { applies: false, reason: `The shape of ${scores} is not known.` };
      const dtype = dtypeOf(context, scores);
      const block = plan.block();
      const top = block.reduce('ReduceMax', scores, [axis < 0 ? axis + rank : axis]);
      const none = block.op('Less', [top, block.scalar(dtype, -largest(dtype))]);
      const shift = block.op('Where', [none, block.scalar(dtype, 0), top]);
      const shifted = block.op('Sub', [scores, shift]);
      plan.insert(exponential.index, block);
      plan.replace(scores, shifted, [{ node: exponential.outputs[0] ?? '', slot: 0 }]);
      done.add(exponential);
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Subtracts the row's maximum in ${plural(done.size, 'written-out softmax', 'written-out softmaxes')}.`,
    };
  },
};

/** What a division by the sum of exponentials reads, where nothing was subtracted before. */
function unstable(
  graph: Graph,
  node: GraphNode,
): { readonly exponential: GraphNode; readonly scores: string; readonly axis: number } | null {
  const like = softmaxLike(graph, node);
  if (like?.form !== 'over-sum') return null;
  const before = graph.producer.get(like.scores);
  if (before && softmaxLike(graph, before)?.form === 'minus-max') return null;
  const exponential = (graph.consumers.get(like.scores) ?? []).find(({ op }) => op === 'Exp');
  return exponential ? { exponential, scores: like.scores, axis: like.axis } : null;
}
