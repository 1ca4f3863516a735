/** From what the batch bar says to what a use case is asked. */
import type { DiagnoseRequest } from '../../app/useCases';
import type { BatchChoice } from '../../protocol/panel';

export interface Asking {
  /** What is diagnosed: a path, or `builtin:…`. */
  readonly model: string;
  /** Absolute; used where the bar says that the batch comes from a file. */
  readonly inputsPath: string | null;
  /** false: the use case takes its own default batch. */
  readonly batchChosen: boolean;
  readonly fixes: boolean;
}

export function requestOf(batch: BatchChoice, { model, inputsPath, batchChosen, fixes }: Asking): DiagnoseRequest {
  const { kind, lengths, pad, seed, mask, level, padId, cast, expandAttention } = batch;
  return {
    model,
    ...(kind === 'file' && inputsPath !== null ? { inputsFile: inputsPath } : {}),
    ...(kind === 'lengths' && batchChosen
      ? { lengths: { lengths, pad, seed, ...(padId === undefined ? {} : { padId }) } }
      : {}),
    ...(mask === null ? {} : { mask }),
    ...(cast === undefined ? {} : { cast }),
    ...(expandAttention === undefined ? {} : { expandAttention }),
    userLevel: level,
    fixes,
  };
}
