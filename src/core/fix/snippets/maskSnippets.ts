/** Fixes of masks and of the softmax that reads them, as PyTorch. */
import { maskedBelow } from '../../diagnose/maskPlane';
import type { FixSnippet } from './types';

/** As in the graph: nothing that is meant as a score is as low. */
const limit = String(maskedBelow);

export const maskSnippets: readonly FixSnippet[] = [
  {
    id: 'unmask-rows',
    title: 'Attend everywhere in fully masked rows',
    into: 'attention',
    where: 'once where the mask is made, or before it is applied to the scores',
    use: 'mask = unmask_rows(mask)',
    code: `def unmask_rows(mask):
    """mask [..., query, key]: bool with True where a key may be attended to, or numbers that are added to the scores.

    Rows that may attend to nothing attend to everything: finite instead of NaN, and nobody reads them.
    """
    if mask.dtype == torch.bool:
        return mask | ~mask.any(dim=-1, keepdim=True)
    masked = (mask < ${limit}).all(dim=-1, keepdim=True)
    return mask.masked_fill(masked, 0.0)
`,
  },
  {
    id: 'unmask-self',
    title: 'Attend to itself in fully masked rows',
    into: 'attention',
    where: 'once where the mask is made, or before it is applied to the scores (self-attention without a cache only)',
    use: 'mask = unmask_self(mask)',
    code: `def unmask_self(mask):
    """mask [..., query, key]: bool with True where a key may be attended to, or numbers that are added to the scores.

    Rows that may attend to nothing attend to themselves. Queries and keys must be the same positions.
    """
    itself = torch.eye(mask.shape[-2], mask.shape[-1], dtype=torch.bool, device=mask.device)
    if mask.dtype == torch.bool:
        return mask | (itself & ~mask.any(dim=-1, keepdim=True))
    masked = (mask < ${limit}).all(dim=-1, keepdim=True)
    return mask.masked_fill(masked & itself, 0.0)
`,
  },
  {
    id: 'zero-masked-rows',
    title: 'Give fully masked rows no attention at all',
    into: 'attention',
    where: 'in place of the softmax over the masked scores',
    use: 'probabilities = safe_softmax(scores)  # was: scores.softmax(dim=-1)',
    code: `def safe_softmax(scores, dim=-1):
    """Softmax of masked scores [..., query, key]; a row whose every key is masked is 0 throughout instead of NaN.

    NaN of any other cause stays visible.
    """
    masked = (scores < ${limit}).all(dim=dim, keepdim=True)
    return torch.softmax(scores, dim=dim).masked_fill(masked, 0.0)
`,
  },
  {
    id: 'nan-to-num-softmax',
    title: 'Replace NaN by 0 after softmax',
    into: 'attention',
    where: 'directly behind the softmax over the scores',
    use: 'probabilities = clean_probabilities(scores.softmax(dim=-1))',
    note: 'It hides NaN of every cause, at real tokens too; safe_softmax of zero-masked-rows touches masked rows only.',
    code: `def clean_probabilities(probabilities):
    """NaN probabilities become 0. Never do this to hidden states or logits: NaN there has spread already."""
    return probabilities.masked_fill(probabilities.isnan(), 0.0)
`,
  },
  {
    id: 'finite-mask',
    title: 'Use a finite lowest number instead of -inf in masks',
    into: 'attention',
    where: 'where each mask is made, before masks are added to each other or to the scores',
    use: 'mask = finite_mask(mask, masks=1)  # masks: how many are added to the same scores',
    code: `def finite_mask(mask, masks=1):
    """An additive mask without -inf. \`masks\` of them can be added to a score and stay inside the type's range.

    The whole lowest number (finfo.min) would overflow to -inf with a second mask.
    """
    return mask.clamp(min=torch.finfo(mask.dtype).min / (2 * masks))
`,
  },
  {
    id: 'mask-with-where',
    title: 'Choose with where instead of adding the mask, and clean masked values',
    into: 'attention',
    where: 'where the mask meets the scores, and before the product with the values',
    use: `scores = mask_scores(scores, mask)  # was: scores + mask
value = clean_values(value, mask)`,
    code: `def is_masked(mask):
    """True where a key may not be attended to, for bool masks (True: may) and for additive ones."""
    return ~mask if mask.dtype == torch.bool else mask < ${limit}


def mask_scores(scores, mask):
    """Masked scores are replaced, not added to: NaN + (-inf) is NaN, and a choice is not."""
    lowest = torch.full_like(scores, torch.finfo(scores.dtype).min / 2)
    biased = scores if mask.dtype == torch.bool else scores + mask
    return torch.where(is_masked(mask), lowest, biased)


def clean_values(value, mask):
    """Values [..., key, features] of keys that no query may see become 0, as 0 * NaN is NaN too."""
    unseen = is_masked(mask).all(dim=-2)
    return value.masked_fill(unseen.unsqueeze(-1), 0.0)
`,
  },
];
