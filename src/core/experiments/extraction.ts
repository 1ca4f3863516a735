/** How sequences of many lengths are batched without padding. */
export interface PlannedBatch {
  readonly length: number;
  /** Indices of the sequences. */
  readonly sequences: readonly number[];
}

/**
 * Sequences of equal length go together, longest first, so that no batch has padding.
 * @param most sequences in a batch
 */
export function planBatches(lengths: readonly number[], most: number): PlannedBatch[] {
  const groups = new Map<number, number[]>();
  lengths.forEach((length, sequence) => {
    if (length > 0) groups.set(length, [...(groups.get(length) ?? []), sequence]);
  });
  return [...groups]
    .sort(([one], [other]) => other - one)
    .flatMap(([length, sequences]) =>
      Array.from({ length: Math.ceil(sequences.length / most) }, (_, at) => ({
        length,
        sequences: sequences.slice(at * most, (at + 1) * most),
      })),
    );
}
