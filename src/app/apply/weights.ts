/** What a fixed copy can do with the weights of its model. */
import type { LoadedModel } from '../../core/onnx/load';
import type { WeightsChoice } from '../../core/onnx/save';

/** Above this a copy of the weights is not made unasked. */
const smallModelBytes = 256 * 1024 * 1024;

/** One self-contained file while that is cheap and the model was one file before; else the user's own weights. */
export function defaultWeights(loaded: LoadedModel): Exclude<WeightsChoice, 'keep'> {
  if (loaded.weights.length === 0) return 'inside';
  const hadExternal = loaded.weights.some((weight) => weight.origin.kind === 'external');
  return !hadExternal && loaded.fileBytes <= smallModelBytes ? 'inside' : 'reference';
}

/** The two ways to keep weights that are big or in files of their own, and what each writes. */
export interface WeightsOffer {
  /** Bytes of a copy that refers to the weights where they are. */
  readonly reference: number;
  /** Bytes of a copy with its own weights. */
  readonly copy: number;
  /** Names of the files that a referring copy needs beside it. */
  readonly needs: readonly string[];
}

/** `null` where there is nothing to choose: the weights go inside the copy, as they were. Sizes leave its edits out. */
export function weightsOffer(loaded: LoadedModel, basename: (path: string) => string): WeightsOffer | null {
  if (defaultWeights(loaded) === 'inside') return null;
  const regions = new Map(loaded.weights.map((weight) => [`${String(weight.offset)}:${weight.file}`, weight.length]));
  const weights = sum([...regions.values()]);
  const inline = sum(loaded.weights.filter(({ origin }) => origin.kind === 'inline').map(({ length }) => length));
  const reference = Math.max(0, loaded.fileBytes - inline);
  return {
    reference,
    copy: reference + weights,
    needs: [...new Set(loaded.weights.map((weight) => basename(weight.file)))].sort(),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
