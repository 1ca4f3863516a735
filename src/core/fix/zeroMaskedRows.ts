import type { GraphNode } from '../onnx/graph';
import { noMaskedRow, plural, rowsFullyMasked, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf, shapeOf } from './facts';
import { rowsOfSoftmax } from './maskedRows';
import { fusedAxes, fusedMaskedRows, fusedTerm, writtenOut } from './maskSources';
import { MaskFlags } from './maskTerms';
import type { Fix, FixContext } from './types';
import { bornWrittenOut, guardWritten } from './writtenSoftmax';

/**
 * Safe softmax, as PyTorch's `_safe_softmax`: a row whose every key is masked has probability 0 throughout. Which rows
 * that are is read from the masks, so NaN of any other cause stays visible.
 *
 * Case 1: the masks reach the scores in one layout: decided from the masks, once for all layers that share them.
 * Case 2: they do not: decided from the masked scores, where every one of a row is very low.
 * Case 3: the softmax is written out: its maximum and its sum tell. Case 4: a fused node that makes NaN of such a row:
 * its output, whose row is 0 where no key is attended to.
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
    const plan = new EditPlan(context.graph, 'zero-masked-rows');
    const flags = new MaskFlags(context, plan);
    for (const site of masked) {
      const rows = rowsOfSoftmax(context, plan, flags, site);
      if (typeof rows === 'string') return { applies: false, reason: `At ${site.softmax.name}: ${rows}.` };
      const probabilities = site.softmax.outputs[0] ?? '';
      const dtype = dtypeOf(context, probabilities);
      plan.filter(probabilities, (block, source) => block.op('Where', [rows.full, block.scalar(dtype, 0), source]));
      // And nothing is undefined in between.
      const scores = site.softmax.inputs[0] ?? '';
      const block = plan.block();
      const open = block.op('Where', [rows.full, block.scalar(dtypeOf(context, scores), 0), scores]);
      plan.insert(site.softmax.index, block);
      plan.replace(scores, open, [{ node: probabilities, slot: 0 }]);
    }
    const fused = fusedMaskedRows(context);
    for (const node of fused) {
      const reason = zeroFused(context, plan, flags, node);
      if (reason !== null) return { applies: false, reason: `At ${node.name}: ${reason}${writtenOut}.` };
    }
    const guarded = bornWrittenOut(context) ? guardWritten(context, plan) : 0;
    const count = masked.length + fused.length + guarded;
    if (count === 0) return { applies: false, reason: 'The mask could not be followed from the scores to its source.' };
    return { applies: true, edits: plan.edits, note: `Sets fully masked rows to 0 at ${plural(count, 'node')}.` };
  },
};

/** @returns half a sentence on why not, or null. */
function zeroFused(context: FixContext, plan: EditPlan, flags: MaskFlags, node: GraphNode): string | null {
  const term = fusedTerm(context, node);
  const mask = term ? shapeOf(context, term.value) : null;
  if (term?.kind !== 'add' || !mask) return 'it has no mask but of keys; finite-mask changes what it fills in';
  const output = node.outputs[0] ?? '';
  if (context.shape(output)?.length !== 3) return 'its output does not have the axes batch, query and features';
  if (mask.length > 2 && mask.at(-3) !== 1) return 'its heads have masks of their own';
  const full = flags.fullRows([term], fusedAxes);
  if (typeof full === 'string') return full;
  const before = plan.block();
  const zero = before.scalar(dtypeOf(context, term.value), 0);
  plan.replace(term.value, before.op('Where', [full.value, zero, term.value]), [term.reader]);
  plan.insert(node.index, before);
  const dtype = dtypeOf(context, output);
  plan.filter(output, (block, source) => {
    // [batch, 1, queries, 1] to the [batch, queries, 1] of the output.
    const rows = mask.length === 4 ? block.squeeze(full.value, [1]) : full.value;
    return block.op('Where', [rows, block.scalar(dtype, 0), source]);
  });
  return null;
}
