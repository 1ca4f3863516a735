/** Other ways to feed the same samples, as PyTorch: nothing in the model changes. */
import type { FixSnippet } from './types';

export const batchSnippets: readonly FixSnippet[] = [
  {
    id: 'no-padding',
    title: 'Run every sample alone, without padding',
    into: 'caller',
    where: 'where the model is called',
    use: 'outputs = run_alone(model, input_ids, attention_mask)  # a list, one entry for each sample',
    code: `def run_alone(model, input_ids, attention_mask, **rows):
    """Each sample alone, its padding cut out. \`rows\` are further inputs [batch, position], cut in the same way."""
    outputs = []
    for i, real in enumerate(attention_mask.bool()):
        cut = {name: tensor[i : i + 1, real] for name, tensor in rows.items()}
        outputs.append(model(input_ids[i : i + 1, real], attention_mask=attention_mask[i : i + 1, real], **cut))
    return outputs
`,
  },
  {
    id: 'same-length-batches',
    title: 'Put samples of equal length together',
    into: 'caller',
    where: 'where samples are put into batches',
    use: `for indices in same_length_batches([len(sample) for sample in samples], largest=8):
    batch = torch.stack([samples[i] for i in indices])  # no padding needed`,
    code: `def same_length_batches(lengths, largest=None):
    """Indices of samples that go together: equal lengths, at most \`largest\` in a batch; short ones first."""
    groups = {}
    for index, length in enumerate(lengths):
        groups.setdefault(int(length), []).append(index)
    batches = []
    for length in sorted(groups):
        group = groups[length]
        step = largest or len(group)
        batches.extend(group[start : start + step] for start in range(0, len(group), step))
    return batches
`,
  },
  {
    id: 'right-padding',
    title: 'Pad at the right',
    into: 'caller',
    where:
      'where the batch is made (with a tokenizer: tokenizer.padding_side = "right"), or before the model is called',
    use: 'attention_mask, input_ids = to_right_padding(attention_mask, input_ids)',
    note: 'The last real token of a sample is then not the last position: read logits[i, attention_mask[i].sum() - 1].',
    code: `def to_right_padding(attention_mask, *tensors):
    """Moves real tokens to the left and padding to the right, in the mask and in tensors [batch, position] alike.

    Position ids that counted padding as well have to be made anew: (attention_mask.cumsum(-1) - 1).clamp(min=0).
    """
    order = torch.sort((attention_mask == 0).to(torch.int64), dim=1, stable=True).indices
    return [torch.gather(tensor, 1, order) for tensor in (attention_mask, *tensors)]
`,
  },
  {
    id: 'position-ids-from-mask',
    title: 'Count positions from the first real token',
    into: 'caller',
    where: 'where the model is called',
    use: 'outputs = model(input_ids, attention_mask=attention_mask, position_ids=position_ids_from(attention_mask))',
    code: `def position_ids_from(attention_mask):
    """[batch, position]: 0 for the first real token of each sample, whatever padding stands before it."""
    return (attention_mask.to(torch.int64).cumsum(dim=-1) - 1).clamp(min=0)
`,
  },
];
