/** The experiments by name, in the order in which one explains the next. */
export interface ExperimentInfo {
  readonly id: ExperimentId;
  readonly title: string;
  /** What people wanted to know. */
  readonly question: string;
}

export const experimentIds = [
  'padding-sharded',
  'padding-unsharded',
  'nan-trace',
  'sdpa-bool-mask',
  'sdpa-nan-kv',
  'attention-path',
  'kv-groups',
  'pipeline-parallel',
  'fix-1-no-padding',
  'fix-2-right-padding',
  'fix-3-softmax-guard',
  'fix-4-zero-pad-hidden',
  'fix-5-unmask',
  'legacy-unmask-rule',
  'extraction-plan',
] as const;
export type ExperimentId = (typeof experimentIds)[number];

const told: Readonly<Record<ExperimentId, Omit<ExperimentInfo, 'id'>>> = {
  'padding-sharded': {
    title: 'Padded batch, attention and experts sharded over 8 ranks',
    question: 'Does a left-padded batch give NaN when attention is sharded, and where?',
  },
  'padding-unsharded': {
    title: 'The same batch, experts sharded and attention not',
    question: 'Is it sharded attention that makes the NaN?',
  },
  'nan-trace': {
    title: 'Every sublayer from the embedding to layer 1',
    question: 'At which sublayer, and at which positions, does NaN begin, and where does it reach real tokens?',
  },
  'sdpa-bool-mask': {
    title: 'A row of attention without any key, kernel by kernel',
    question: 'What does attention give where the mask leaves a query nothing to attend to?',
  },
  'sdpa-nan-kv': {
    title: 'NaN in masked keys and values, kernel by kernel',
    question: 'Can a mask keep NaN out that stands in the keys or values that it masks? What real tokens come out as:',
  },
  'attention-path': {
    title: 'Which attention runs: 61 of one kind, 0 of the other',
    question: 'Is it the fused or the written-out attention that ran, and does that decide about NaN?',
  },
  'kv-groups': {
    title: 'Groups of heads that share keys and values',
    question: 'Could repeating keys and values over groups of heads (repeat_kv) be the cause?',
  },
  'pipeline-parallel': {
    title: 'Pipeline stages instead of ranks',
    question: 'Why did the first extraction, with pipeline parallelism, give clean results?',
  },
  'fix-1-no-padding': {
    title: 'Possible fix 1: no padding',
    question: 'Does running every sequence alone heal?',
  },
  'fix-2-right-padding': {
    title: 'Possible fix 2: pad at the right',
    question: 'Does padding at the right heal?',
  },
  'fix-3-softmax-guard': {
    title: 'Possible fix 3: nan_to_num behind the softmax',
    question: 'Does a guard behind the softmax heal?',
  },
  'fix-4-zero-pad-hidden': {
    title: 'Possible fix 4: zero padding before attention',
    question: 'Does zeroing the hidden states of padding before each attention heal?',
  },
  'fix-5-unmask': {
    title: 'Possible fix 5: fully masked rows attend everywhere',
    question: 'Does unmasking rows that can attend to nothing heal?',
  },
  'legacy-unmask-rule': {
    title: 'The unmasking rule that was removed, off and on',
    question: 'Would the rule for older PyTorch (causal_mask |= all(~causal_mask)) have prevented it?',
  },
  'extraction-plan': {
    title: 'Batches without padding, and what they cost',
    question: 'How should sequences of different lengths be batched without padding, and how much slower is it?',
  },
};

export const experiments: readonly ExperimentInfo[] = experimentIds.map((id) => ({ id, ...told[id] }));
