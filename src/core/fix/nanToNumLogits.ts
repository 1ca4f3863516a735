import { isFloat } from '../probe/instrument';
import { plural, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import type { Fix } from './types';

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
    // A cache that is handed out is read inside as well: a guard there would be one inside of attention.
    const outputs = graph.outputs.filter(
      (value) => graph.producer.has(value) && isFloat(context.dtype(value) ?? '') && !graph.consumers.has(value),
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
