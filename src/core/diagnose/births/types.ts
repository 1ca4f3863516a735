import type { Lane } from '../../probe/inspect/lanes';
import type { Operands } from '../../probe/inspect/operands';
import type { SoftmaxRows } from '../../probe/inspect/softmaxRows';
import type { BirthMechanism, Evidence, JsonNumber } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import type { NewNaN } from '../newNaN';
import type { RowPlan } from '../rows/rowPlan';

/** What a second, focused look at one birth brought back. */
export interface BirthContext {
  readonly birth: NewNaN;
  /** Element type of the value that NaN was born in. */
  readonly dtype: string;
  /** Rows of the softmax's scores at the born positions; null where the node is no softmax, nor part of one. */
  readonly rows: SoftmaxRows | null;
  /** What was read along these rows, and why. */
  readonly plan: RowPlan | null;
  /** The operands of NaN elements; null when they could not be read. */
  readonly operands: Operands | null;
  /** Names of the inputs that `operands` speaks of, in its order. */
  readonly inputs: readonly string[];
  /** What a product, a sum or a norm put together for its first NaN element; null for other operators. */
  readonly lane: (Lane & { readonly names: readonly string[] }) | null;
  /** Initializers that the node reads and that hold NaN. */
  readonly nanWeights: readonly string[];
  /** Inputs of the node that are weights or constants of the file. */
  readonly stored: readonly string[];
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

/** A rule that concerns the operator, looked, and did not find its mechanism; the reason as a sentence's end. */
export interface Declined {
  readonly declines: string;
}

/** One cause of birth. Null where the operator is none of its business. */
export interface BirthRule {
  readonly id: BirthMechanism;
  explain(context: BirthContext): Explained | Declined | null;
}

export const showNumber = (value: JsonNumber | null): string => {
  if (value === null) return '?';
  if (value === 'Infinity') return '+inf';
  if (value === '-Infinity') return '−inf';
  if (typeof value === 'string') return value;
  return String(Number(value.toPrecision(6))).replaceAll('-', '−');
};

/** The same of a number that is not JSON yet. */
export const show = (value: number): string => showNumber(jsonNumber(value));
