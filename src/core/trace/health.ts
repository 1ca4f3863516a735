/** What a screening run says about one tensor, per (sample, position). Counts come from a focused second look. */

/** A NaN is there. */
export const NAN = 1;

export interface Flags {
  /** Samples told apart; 1 when the tensor has no batch axis (it then counts for every sample). */
  readonly samples: number;
  /** Positions told apart; 1 when the tensor has no position axis. */
  readonly positions: number;
  readonly perSample: boolean;
  readonly perPosition: boolean;
  /** Which sequence the positions count. */
  readonly sequence: number;
  /** The positions are a key's (a mask of keys only). */
  readonly key: boolean;
  /** samples × positions, row-major: `NAN` or 0. */
  readonly bits: Uint8Array;
}

export const clean: Flags = {
  samples: 1,
  positions: 1,
  perSample: false,
  perPosition: false,
  sequence: 0,
  key: false,
  bits: new Uint8Array(1),
};

export const hasNaN = (flags: Flags): boolean => flags.bits.some((bit) => (bit & NAN) !== 0);

export function isNaNAt(flags: Flags, sample: number, position: number): boolean {
  const row = flags.perSample ? sample : 0;
  const column = flags.perPosition ? position : 0;
  return ((flags.bits[row * flags.positions + column] ?? 0) & NAN) !== 0;
}

/** Any NaN in the sample (in the whole tensor when it has no batch axis). */
export function isNaNInSample(flags: Flags, sample: number): boolean {
  const row = flags.perSample ? sample : 0;
  for (let p = 0; p < flags.positions; p += 1)
    if (((flags.bits[row * flags.positions + p] ?? 0) & NAN) !== 0) return true;
  return false;
}

/** NaN positions of one sample, ascending. */
export function nanPositions(flags: Flags, sample: number): number[] {
  const found: number[] = [];
  for (let p = 0; p < flags.positions; p += 1) if (isNaNAt(flags, sample, p)) found.push(p);
  return found;
}
