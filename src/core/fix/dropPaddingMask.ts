import { plural, tooOld } from './born';
import { EditPlan, readersOf } from './editPlan';
import type { Fix } from './types';

/** What people try when a mask makes NaN: no mask. */
export const dropPaddingMask: Fix = {
  id: 'drop-padding-mask',
  title: 'Drop the padding mask',
  effect: 'Real tokens attend to padding as if it were text, and their numbers change.',
  trap: true,
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    if (context.origins.length === 0) return { applies: false, reason: 'No NaN is born in this batch.' };
    const { graph } = context;
    // One that says something else of every query holds the causal mask too, which nobody drops.
    const masks = context.padding.filter(({ form, perQuery }) => form !== 'ids' && !perQuery);
    if (masks.length === 0) return { applies: false, reason: 'No input of the model is a padding mask.' };
    const plan = new EditPlan(graph, 'drop-padding-mask');
    for (const { input, form, real } of masks) {
      const dtype = context.dtype(input);
      if (dtype === null) return { applies: false, reason: `The type of ${input} is not known.` };
      const block = plan.block();
      const opened = block.filled(input, dtype, form === 'additive' ? 0 : real);
      plan.insert(0, block);
      plan.replace(input, opened, readersOf(graph, input));
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Reads ${masks.map(({ input }) => input).join(', ')} as if every position were real (${plural(masks.length, 'mask')}).`,
    };
  },
};
