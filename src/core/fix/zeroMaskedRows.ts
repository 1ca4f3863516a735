import { noMaskedRow, plural, rowsFullyMasked, tooOld } from './born';
import { EditPlan } from './editPlan';
import { rowsOf } from './maskedRows';
import { MaskFlags } from './maskTerms';
import type { Fix } from './types';

/**
 * Safe softmax, as PyTorch's `_safe_softmax`: a row whose every key is masked has probability 0 throughout. Which rows
 * that are is read from the masks, so NaN of any other cause stays visible.
 *
 * Case 1: the masks reach the scores in one layout: decided from the masks, once for all layers that share them.
 * Case 2: they do not: decided from the masked scores, where every one of a row is very low.
 */
export const zeroMaskedRows: Fix = {
  id: 'zero-masked-rows',
  title: 'Give fully masked rows no attention at all',
  effect: 'Pad queries get attention output 0; real tokens are not touched, and NaN of any other cause stays visible.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    if (!rowsFullyMasked(context)) return { applies: false, reason: noMaskedRow };
    const masked = context.sites.filter((site) => site.masks.length > 0);
    if (masked.length === 0)
      return { applies: false, reason: 'The mask could not be followed from the scores to its source.' };
    const plan = new EditPlan(context.graph, 'zero-masked-rows');
    const flags = new MaskFlags(context, plan);
    for (const site of masked) {
      const rows = rowsOf(context, plan, flags, site);
      if (typeof rows === 'string') return { applies: false, reason: `At ${site.softmax.name}: ${rows}.` };
      const probabilities = site.softmax.outputs[0] ?? '';
      const dtype = context.dtype(probabilities) ?? 'float32';
      plan.filter(probabilities, (block, source) => block.op('Where', [rows.full, block.scalar(dtype, 0), source]));
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Sets fully masked rows to 0 after ${plural(masked.length, 'Softmax node')}.`,
    };
  },
};
