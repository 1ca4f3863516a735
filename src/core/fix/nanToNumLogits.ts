import type { Graph, GraphNode } from '../onnx/graph';
import { isFloat } from '../probe/instrument';
import { plural, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import type { Fix } from './types';

const fused = /^(Attention|MultiHeadAttention|GroupQueryAttention)$/;

/** What people write at the end of a model: `nan_to_num(logits)`. */
export const nanToNumLogits: Fix = {
  id: 'nan-to-num-logits',
  title: 'Replace NaN by 0 in the outputs',
  effect: 'Real tokens that had become NaN become 0: a prediction that the model never made.',
  trap: true,
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    if (context.origins.length === 0) return { applies: false, reason: 'No NaN is born in this batch.' };
    const { graph } = context;
    const plan = new EditPlan(graph, 'nan-to-num-logits');
    // A cache that is handed out is read by attention as well: a guard there would be one inside of it.
    // By value: the sites are those of another view of the same graph.
    const attention = new Set(context.sites.flatMap(({ scores, output }) => [scores?.outputs[0], output?.outputs[0]]));
    const outputs = graph.outputs.filter(
      (value) =>
        graph.producer.has(value) &&
        isFloat(context.dtype(value) ?? '') &&
        !isRead(graph, value, (node) => fused.test(node.op) || attention.has(node.outputs[0])),
    );
    if (outputs.length === 0) return { applies: false, reason: 'No output at the end of the model holds floats.' };
    for (const value of outputs) {
      const dtype = dtypeOf(context, value);
      plan.filter(value, (block, source) =>
        block.op('Where', [block.op('IsNaN', [source]), block.scalar(dtype, 0), source]),
      );
    }
    return { applies: true, edits: plan.edits, note: `Adds a guard to ${plural(outputs.length, 'output')}.` };
  },
};

/** Whether such a node computes anything from the value. */
function isRead(graph: Graph, value: string, wanted: (node: GraphNode) => boolean): boolean {
  const seen = new Set<GraphNode>();
  const queue = [...(graph.consumers.get(value) ?? [])];
  for (let node = queue.pop(); node; node = queue.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (wanted(node)) return true;
    for (const output of node.outputs) queue.push(...(graph.consumers.get(output) ?? []));
  }
  return false;
}
