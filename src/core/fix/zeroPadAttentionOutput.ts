import { attentionPlaces, outputsOf } from './attentionPlaces';
import { plural, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import { Padding } from './padding';
import type { Fix } from './types';

/**
 * `masked_fill(attention output, pad, 0)`: what an attention gives is taken at real queries only. The residual stream
 * of padding then stays finite from the first layer on.
 *
 * Case 1: behind the output projection. Case 2: where batch and positions are still told, before it.
 */
export const zeroPadAttentionOutput: Fix = {
  id: 'zero-pad-attention-output',
  title: 'Zero the attention output of padding',
  effect: 'Pad positions get nothing from attention and stay finite; real tokens are not touched.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    if (context.origins.length === 0) return { applies: false, reason: 'No NaN is born in this batch.' };
    const places = attentionPlaces(context);
    if (places.length === 0) return { applies: false, reason: 'The model has no attention that could be followed.' };
    const plan = new EditPlan(context.graph, 'zero-pad-attention-output');
    const padding = new Padding(context, plan);
    const done = new Set<string>();
    for (const place of places) {
      let reason = 'its product with the values was not found';
      const found = outputsOf(context, place).some((value) => {
        if (done.has(value)) return true;
        const told = padding.onto(value);
        if ('reason' in told) {
          reason = told.reason;
          return false;
        }
        done.add(value);
        const dtype = dtypeOf(context, value);
        plan.filter(value, (block, source) => block.op('Where', [told.flags, source, block.scalar(dtype, 0)]));
        return true;
      });
      if (!found) return { applies: false, reason: `At ${place.node.name}: ${reason}.` };
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Sets pad positions to 0 with Where behind ${plural(done.size, 'attention')}, as ${[...padding.inputs].join(', ')} says.`,
    };
  },
};
