/** The rows of one attention that its masks leave no key. */
import type { AttentionSite } from '../diagnose/attentionSites';
import { maskedBelow } from '../diagnose/maskPlane';
import type { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import type { MaskFlags, MaskLayout, ScoreAxes } from './maskTerms';
import { maskLayout, maskTerms, scoreAxes } from './maskTerms';
import type { FixContext } from './types';

export interface Rows {
  /** bool, true for a row that is masked throughout; broadcasts to the scores. */
  readonly full: string;
  /** What told it: then it is there before the first of the masks is applied, or only behind the last one. */
  readonly from: 'masks' | 'scores';
}

/** In the layout in which the softmax reads the scores. @returns half a sentence where they cannot be told. */
export function rowsOfSoftmax(
  context: FixContext,
  plan: EditPlan,
  flags: MaskFlags,
  site: AttentionSite,
): Rows | string {
  const layout = maskLayout(context, site);
  if (layout?.ofSoftmax === true) return rowsOfMasks(context, plan, flags, site, layout);
  const axes = scoreAxes(context, site.softmax);
  if (!axes) return 'which axis of the scores counts keys is not known';
  return fromScores(context, plan, site.softmax.inputs[0] ?? '', axes);
}

/** In the layout in which the masks meet the scores. */
export function rowsOfMasks(
  context: FixContext,
  plan: EditPlan,
  flags: MaskFlags,
  site: AttentionSite,
  { masked, axes }: MaskLayout,
): Rows {
  const full = flags.fullRows(maskTerms(site), axes);
  // All masks are read by nodes before the softmax, so what is made of them is there in time.
  if (typeof full !== 'string') return { full: full.value, from: 'masks' };
  return fromScores(context, plan, masked, axes);
}

function fromScores(context: FixContext, plan: EditPlan, scores: string, { key }: ScoreAxes): Rows {
  const block = plan.block();
  const low = block.op('Less', [scores, block.scalar(dtypeOf(context, scores), maskedBelow)]);
  // A NaN is not low: its row does not count as masked, and stays NaN.
  const full = block.every(low, [key]);
  plan.insert((context.graph.producer.get(scores)?.index ?? -1) + 1, block);
  return { full, from: 'scores' };
}
