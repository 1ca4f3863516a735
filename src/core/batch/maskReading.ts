/** What an input of the model says of padding. */

/** A mask input and which of its elements mark real tokens. */
export interface MaskReading {
  readonly input: string;
  readonly sequence: number;
  readonly real: 0 | 1;
  /**
   * `flag`: `real` against the other of 0 and 1. `additive`: 0 is real, very low values are not. `ids`: every id is
   * real but `padId`.
   */
  readonly form: 'flag' | 'additive' | 'ids';
  readonly padId?: number;
  /** Of a flag: values beside 0 and 1 in this batch that switch a key off, as the scores say. */
  readonly offValues?: ReadonlySet<number>;
  /** Places of batch and key in the input; −1 for no batch. */
  readonly axes: { readonly batch: number; readonly position: number };
  /** Position of each of its keys where it tells of some only, as of new tokens without the past; else absent. */
  readonly held?: readonly number[];
  /** It says something else of every query; a causal mask is one, and marks no padding. */
  readonly perQuery: boolean;
  /** `path`: seen in what the scores do; `name`: by convention only; `asked`: the person said so. */
  readonly by: 'path' | 'name' | 'asked';
}
