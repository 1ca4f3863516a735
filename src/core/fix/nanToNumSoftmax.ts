import { plural, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import { fusedMaskedRows } from './maskSources';
import type { Fix } from './types';

/**
 * NaN probabilities become 0: `nan_to_num(softmax(scores), 0)`. A fully masked row then attends to nothing and its
 * attention output is 0.
 */
export const nanToNumSoftmax: Fix = {
  id: 'nan-to-num-softmax',
  title: 'Replace NaN by 0 after Softmax',
  effect:
    'Pad queries get attention output 0; real tokens are not touched as long as no NaN reaches their row by another way.',
  plan(context) {
    const { graph } = context;
    const born = new Set(
      [...context.origins, ...context.silent]
        .filter((finding) => finding.op === 'Softmax')
        .map((finding) => finding.node),
    );
    if (born.size === 0) {
      const fused = fusedMaskedRows(context).map(({ name }) => name);
      const within = fused.length > 0 ? ` (${fused.join(', ')} has its own inside)` : '';
      return { applies: false, reason: `No NaN is born in a Softmax node${within}.` };
    }
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    // A softmax in a body, or one that is no attention, is not among those that would be edited.
    if (!context.sites.some((site) => born.has(site.softmax.name)))
      return { applies: false, reason: `${[...born].join(', ')} is not an attention softmax of the main graph.` };
    const plan = new EditPlan(graph, 'nan-to-num-softmax');
    // All attention layers, not only the one where NaN was born first: later ones would give birth in turn.
    for (const site of context.sites) {
      const probabilities = site.softmax.outputs[0] ?? '';
      const dtype = dtypeOf(context, probabilities);
      plan.filter(probabilities, (block, source) =>
        block.op('Where', [block.op('IsNaN', [source]), block.scalar(dtype, 0), source]),
      );
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Adds a guard after ${plural(context.sites.length, 'Softmax node')}.`,
    };
  },
};
