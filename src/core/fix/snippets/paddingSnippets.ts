/** Fixes that keep what padding holds away from attention, as PyTorch. */
import type { FixSnippet } from './types';

const zeroPadding = `def zero_padding(hidden, attention_mask):
    """hidden [batch, position, features], attention_mask [batch, position] with 1 (or True) for real tokens.

    Never multiply by the mask instead: NaN * 0 is NaN.
    """
    return hidden.masked_fill(~attention_mask.bool().unsqueeze(-1), 0.0)
`;

export const paddingSnippets: readonly FixSnippet[] = [
  {
    id: 'zero-pad-hidden',
    title: 'Zero the hidden states of padding before attention',
    into: 'attention',
    where: 'at the beginning of forward, before the projections to queries, keys and values',
    use: 'hidden_states = zero_padding(hidden_states, attention_mask)',
    note: 'Pad positions that attend to nothing are still NaN, and harm nobody; add unmask-rows where they must be clean.',
    code: zeroPadding,
  },
  {
    id: 'zero-pad-attention-output',
    title: 'Zero the attention output of padding',
    into: 'attention',
    where: 'at the end of forward, behind the output projection',
    use: 'attention_output = zero_padding(attention_output, attention_mask)',
    code: zeroPadding,
  },
];
