import type { Operands } from '../../probe/inspect/operands';
import type { SoftmaxRows } from '../../probe/inspect/softmaxRows';
import type { BirthMechanism, Evidence, JsonNumber } from '../../report';
import type { NewNaN } from '../newNaN';

/** What a second, focused look at one birth brought back. */
export interface BirthContext {
  readonly birth: NewNaN;
  /** Rows of the Softmax input at the born positions; null for other operators. */
  readonly rows: SoftmaxRows | null;
  /** The operands of the first NaN elements; null when they could not be read. */
  readonly operands: Operands | null;
  /** Names of the float inputs that `operands` speaks of, in its order. */
  readonly inputs: readonly string[];
  /** Initializers that the node reads and that hold NaN. */
  readonly nanWeights: readonly string[];
  /** Masks that are applied on the way to this Softmax, and how many born rows they mask entirely. */
  readonly masks: { readonly tensors: readonly string[]; readonly fullyMasked: number; readonly keys: number } | null;
  /** "30 query rows of sample 0 (positions 0–29, all padding)". */
  readonly where: string;
  readonly sampleOf: (cell: number) => number;
  readonly positionOf: (cell: number) => number;
}

export interface Explained {
  readonly evidence: Evidence;
  readonly explanation: string;
}

/** One cause of birth. Returns null when the evidence does not show it. */
export interface BirthRule {
  readonly id: BirthMechanism;
  explain(context: BirthContext): Explained | null;
}

export const showNumber = (value: JsonNumber | null): string => {
  if (value === null) return '?';
  if (value === 'Infinity') return '+inf';
  if (value === '-Infinity') return '−inf';
  if (typeof value === 'string') return value;
  return String(Number(value.toPrecision(6))).replace('-', '−');
};
