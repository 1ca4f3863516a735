import type { InputSpec } from '../../batch/types';
import type { TensorAxes } from '../../onnx/axes/types';
import type { TensorData } from '../../tensor';

/** What another way to feed the same samples may look at. */
export interface BatchContext {
  readonly inputs: Readonly<Record<string, TensorData>>;
  /** As the model asks for them. */
  readonly specs: readonly InputSpec[];
  readonly axes: ReadonlyMap<string, TensorAxes>;
  /** By sequence, one string of `p` and `r` per sample. */
  readonly roles: readonly (readonly string[])[];
}

/** One run of the model in the place of the padded one. */
export interface BatchRun {
  readonly feeds: Readonly<Record<string, TensorData>>;
  /** Samples of the padded batch, in the order in which this run has them. */
  readonly samples: readonly number[];
  /**
   * `padded`: laid out as the padded batch, with these roles by sequence. `alone`: no padding; the real positions of
   * every sample in their order.
   */
  readonly layout: { readonly kind: 'padded'; readonly roles: BatchContext['roles'] } | { readonly kind: 'alone' };
}

export type BatchPlan =
  | { readonly applies: true; readonly runs: readonly BatchRun[]; /** What it does here. */ readonly note: string }
  | { readonly applies: false; readonly reason: string };

/** Another way to feed the samples of a batch; the model stays as it is. */
export interface BatchFix {
  readonly id: string;
  readonly title: string;
  /** What it changes for pad and for real tokens. */
  readonly effect: string;
  plan(context: BatchContext): BatchPlan;
}
