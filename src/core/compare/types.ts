/**
 * Several runs side by side: rows are stages, columns are variants × samples. Versioned like the report: fields are
 * added, never changed. Positions are counted as there (0-based, inclusive ranges).
 */
import type { BirthMechanism, Block, JsonNumber, OutputInfo, Port, Stage, TableRow } from '../report';

/** One run as it goes into a comparison. */
export interface ComparedRun {
  readonly label: string;
  readonly model: string;
  /** One string per sample, `p` or `r` per position, as in the report. */
  readonly roles: readonly string[];
  readonly memoryRoles?: readonly string[];
  readonly table: readonly TableRow[];
  readonly outputs: readonly OutputInfo[];
  /** Where NaN is born; absent where that was not asked (a rank of several, a run at another level). */
  readonly births?: readonly ComparedBirth[];
  /** Half a sentence each: `weights 1.2 MB`, `412 ms`. */
  readonly facts: readonly string[];
  /**
   * Largest difference of real tokens' outputs from the first variant's, over samples where neither holds NaN; `NaN`
   * where there is no such sample.
   */
  readonly difference?: JsonNumber;
  /** How it is set in each dimension that varies, to tell which of several makes a difference. */
  readonly varied?: Readonly<Partial<Record<Dimension, string>>>;
}

export interface ComparedBirth {
  readonly layer: number | null;
  readonly block: Block | null;
  readonly stage: Stage;
  readonly mechanism: BirthMechanism;
  readonly op: string | null;
  readonly node: string | null;
  readonly positions: readonly string[] | null;
}

/** What the variants differ in. */
export const dimensions = [
  'attention',
  'padding',
  'lengths',
  'dtype',
  'level',
  'model',
  'fix',
  'sharding',
  'pipeline',
  'time',
] as const;
export type Dimension = (typeof dimensions)[number];

export interface Comparison {
  readonly schemaVersion: 1;
  readonly kind: 'comparison';
  /** More than one where variants of several kinds were combined. */
  readonly dimensions: readonly Dimension[];
  readonly variants: readonly ComparedVariant[];
  readonly rows: readonly ComparedRow[];
  readonly verdict: ComparisonVerdict;
  readonly notes: readonly string[];
}

export interface ComparedVariant {
  readonly label: string;
  readonly model: string;
  readonly roles: readonly string[];
  readonly memoryRoles?: readonly string[];
  readonly births: readonly ComparedBirth[] | null;
  readonly facts: readonly string[];
  readonly difference?: JsonNumber;
  /** Variants with the same number have the same pattern of NaN. */
  readonly pattern: number;
  readonly nan: NaNReach;
}

/** How far NaN gets anywhere in a run. `unplaced`: it is born, or in a value without positions, and at none of the table. */
export type NaNReach = 'none' | 'padding' | 'real' | 'unplaced';

export interface ComparedRow {
  readonly layer: number | null;
  readonly block: Block | null;
  readonly stage: Stage;
  readonly port: Port;
  readonly label: string;
  /** As in the report: counted on the encoder's sequence. */
  readonly sequence?: 'memory';
  /** By variant, then by sample; null where that variant has no such row, or positions that are not known. */
  readonly cells: readonly (readonly ComparedCell[] | null)[];
  /** Of values without positions, by variant: whether they hold NaN anywhere; null where that is not known. */
  readonly whole?: readonly (boolean | null)[];
  /** Every variant that has the row shows the same there. */
  readonly same: boolean;
}

export interface ComparedCell {
  readonly nan: number;
  readonly of: number;
  readonly padNan: number;
  readonly pad: number;
  readonly realNan: number;
  readonly real: number;
  readonly nanAt: string;
}

/**
 * What two samples are compared by. `positions`: the same padding, so every position. `tokens`: as many real tokens,
 * so those, wherever the padding is. `kind`: other lengths, so whether NaN is at none, some or all of the padding and
 * of the real tokens.
 */
export type Basis = 'positions' | 'tokens' | 'kind';

export interface ComparisonVerdict {
  readonly same: boolean;
  /** The weakest that any two samples were compared by. */
  readonly basis: Basis;
  /** Index of the first row that is not the same; null where there is none, or nothing that could be compared. */
  readonly firstDifference: number | null;
  readonly sentence: string;
}
