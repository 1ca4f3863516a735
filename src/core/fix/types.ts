import type { MaskReading } from '../batch/maskReading';
import type { AttentionSite } from '../diagnose/attentionSites';
import type { AxesOfGraph } from '../onnx/axes/infer';
import type { GraphEdit } from '../onnx/edit';
import type { Graph } from '../onnx/graph';
import type { Origin, SilentFinding } from '../report';

/** What a fix may look at to decide whether and how it applies. */
export interface FixContext {
  readonly graph: Graph;
  readonly axes: AxesOfGraph;
  readonly sites: readonly AttentionSite[];
  /** Inputs that say who is padding, and how; empty where nothing in the graph says it. */
  readonly padding: readonly MaskReading[];
  readonly origins: readonly Origin[];
  readonly silent: readonly SilentFinding[];
  dtype(value: string): string | null;
  shape(value: string): readonly number[] | null;
}

export type FixPlan =
  | {
      readonly applies: true;
      readonly edits: readonly GraphEdit[];
      /** What it does here, for the preview. */ readonly note: string;
    }
  | { readonly applies: false; readonly reason: string };

/** A graph edit with a precondition. The inverse is `invert(plan.edits)`. */
export interface Fix {
  readonly id: string;
  readonly title: string;
  /** What it changes for pad and for real tokens. */
  readonly effect: string;
  /** Something people do that removes NaN and not the error; run as a warning, never recommended. */
  readonly trap?: true;
  /** It computes in a wider type than the model: what it differs by may be the model's own rounding. */
  readonly widens?: true;
  plan(context: FixContext): FixPlan;
}
