import type { TensorData } from '../tensor';

/** One graph input of a model, as far as a batch maker needs to know it. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: string;
  /** Fixed sizes as numbers, symbolic ones by name, `null` where nothing is known. */
  readonly dims: readonly (number | string | null)[] | null;
  /** It has a value of its own where none is given: an initializer that the graph lists among its inputs. */
  readonly optional?: true;
}

export const isRequired = ({ optional }: InputSpec): boolean => optional !== true;

export type PadSide = 'left' | 'right' | 'none';

/** What `--lengths 5,35 --pad left --seed 1` says. */
export interface LengthSpec {
  /** Real tokens per sample; 0 is legal (an empty sample). */
  readonly lengths: readonly number[];
  readonly pad: PadSide;
  readonly seed: number;
  /** What a person said that padding holds; else the model tells, or it is 0. */
  readonly padId?: number;
}

/**
 * Named inputs of one run. Roles are *not* here: they are read from the mask's path through the graph, or come
 * from `lengths`; see `core/batch/roles.ts`.
 */
export interface Batch {
  readonly inputs: Readonly<Record<string, TensorData>>;
  /** Present when the batch was made from lengths, or a person said beside the file which positions are real. */
  readonly lengths?: LengthSpec;
  /** What was read in the place of what was named: a folder's only test data set, or the folder of `input_0.pb`. */
  readonly readFrom?: string;
}
