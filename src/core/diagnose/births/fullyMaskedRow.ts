import type { RowLook } from '../../probe/inspect/softmaxRows';
import type { JsonNumber } from '../../report';
import type { RowPlan } from '../rows/rowPlan';
import { jsonNumber } from '../../trace/jsonNumber';
import { madeBy, rowEvidence } from './rowEvidence';
import type { BirthContext, BirthRule, Declined, Explained } from './types';

/**
 * Softmax over a row that is −inf throughout because masks removed every key: the row's maximum is −inf,
 * exp(−inf − (−inf)) = exp(NaN). A row with +inf in it, or NaN, is not this; nor is one where the scores themselves
 * are −inf, or where finite masks had to leave the type's range first (`mask-overflow`).
 */
export const fullyMaskedRow: BirthRule = {
  id: 'fully-masked-row',
  explain(context) {
    const row = maskedRow(context);
    if (!row || 'declines' in row) return row;
    const { look, plan } = row;
    if (!look || !plan) return explained(context, {}, '');
    const { story, evidence } = rowEvidence(context, plan, look);
    const { scores, overflow } = story.by;
    const keys = String(look.scores.length);
    if (story.cells.includes('s'))
      return { declines: `${String(scores)} of the row's ${keys} scores are −inf before any mask is applied` };
    if (overflow > 0)
      return { declines: `${String(overflow)} of the row's ${keys} scores became −inf in a sum of finite numbers` };
    // Parts that could not be followed: the mask as a whole still says that it removes every key.
    if (story.cells.includes('?') && (context.masks?.fullyMasked ?? 0) === 0)
      return { declines: `no mask was found that makes all of the row's ${keys} scores −inf` };
    return explained(context, evidence, madeBy(story));
  },
};

function explained(context: BirthContext, evidence: Explained['evidence'], by: string): Explained {
  const { rows, masks, plan, where, sampleOf, positionOf } = context;
  const example = rows?.looks.find((look) => look.kind === 'masked');
  const shown: readonly JsonNumber[] = example
    ? Array.from(example.scores.slice(0, 8), jsonNumber)
    : (rows?.example?.values ?? []);
  const cell = example?.cell ?? rows?.example?.cell ?? 0;
  const keys = example?.scores.length ?? rows?.example?.length ?? 0;
  const tensors = plan && plan.masks.length > 0 ? plan.masks.map((mask) => mask.value) : (masks?.tensors ?? []);
  return {
    evidence: {
      rows: rows?.maskedCells ?? 0,
      rowsInAllHeads: rows?.allNegInf ?? 0,
      keys,
      negInfInRow: keys,
      masks: tensors,
      exampleRow: { sample: sampleOf(cell), position: positionOf(cell), scores: shown },
      ...evidence,
      ...(plan && plan.like.form !== 'node' ? { softmax: 'written out' } : {}),
    },
    explanation:
      `${where}: the mask removes all ${String(keys)} keys${by === '' ? '' : ` (${by})`}, so every score of the row is −inf. ` +
      `${formulaOf(plan)}${overflowing(context)}`,
  };
}

/** How a row of only −inf becomes NaN, in the form that the softmax has. */
export function formulaOf(plan: RowPlan | null): string {
  switch (plan?.like.form) {
    case 'minus-max':
      return 'This softmax is written out: x − max(x) is −inf − (−inf) = NaN, and the whole row is NaN.';
    case 'over-sum':
      return 'This softmax is written out: exp(−inf) is 0 for every key, and 0 / 0 = NaN for the whole row.';
    default:
      return "Softmax subtracts the row's maximum: exp(−inf − (−inf)) = exp(NaN), and the whole row is NaN.";
  }
}

/** Rows with +inf beside those that are masked entirely. */
const overflowing = ({ rows }: BirthContext): string =>
  rows && rows.withPosInf > 0 ? ` ${String(rows.overflowCells)} more rows hold +inf instead.` : '';

/** What both mechanisms of masks ask for: a row that is −inf throughout. */
export function maskedRow(
  context: BirthContext,
): { readonly look: RowLook | null; readonly plan: RowPlan | null } | Declined | null {
  const { birth, rows, plan, masks } = context;
  if (!plan && birth.node.op !== 'Softmax' && birth.node.op !== 'LogSoftmax') return null;
  if (!rows?.example) return { declines: 'the rows of the softmax could not be read' };
  if (rows.withNaN > 0) return { declines: 'a row of the scores holds NaN already' };
  if (rows.allNegInf === 0) return { declines: 'no row is −inf throughout' };
  if (rows.withPosInf > rows.allNegInf) return { declines: 'most of the rows hold +inf' };
  const look = rows.looks.find((entry) => entry.kind === 'masked') ?? null;
  if (look && plan) {
    if (plan.masks.length === 0) return { declines: 'the row is −inf throughout, but no mask is applied to it' };
    return { look, plan };
  }
  if (masks === null || masks.fullyMasked === 0) return { declines: 'no mask removes all keys of the row' };
  return { look: null, plan: null };
}
