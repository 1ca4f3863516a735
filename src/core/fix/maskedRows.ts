/** The rows of one attention that its masks leave no key. */
import type { AttentionSite } from '../diagnose/attentionSites';
import { maskedBelow } from '../diagnose/maskPlane';
import type { EditPlan } from './editPlan';
import type { MaskFlags, ScoreAxes } from './maskTerms';
import { maskTerms, sameLayout, scoreAxes } from './maskTerms';
import type { FixContext } from './types';

export interface Rows {
  /** bool, true for a row that is masked throughout; broadcasts to the scores. There before the softmax. */
  readonly full: string;
  /** Half a sentence's worth: from the masks, or from the masked scores. */
  readonly from: 'masks' | 'scores';
  readonly axes: ScoreAxes;
}

/** @returns half a sentence where they cannot be told. */
export function rowsOf(context: FixContext, plan: EditPlan, flags: MaskFlags, site: AttentionSite): Rows | string {
  const axes = scoreAxes(context, site.softmax);
  if (!axes) return 'which axis of the scores counts keys is not known';
  if (sameLayout(context, site)) {
    const full = flags.fullRows(maskTerms(site), axes);
    // All masks are read by nodes before the softmax, so what is made of them is there in time.
    if (typeof full !== 'string') return { full: full.value, from: 'masks', axes };
  }
  const scores = site.softmax.inputs[0] ?? '';
  const block = plan.block();
  const low = block.op('Less', [scores, block.scalar(context.dtype(scores) ?? 'float32', maskedBelow)]);
  // A NaN is not low: its row does not count as masked, and stays NaN.
  const full = block.every(low, [axes.key]);
  plan.insert(site.softmax.index, block);
  return { full, from: 'scores', axes };
}
