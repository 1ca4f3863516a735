/**
 * Messages between the extension host and the diagnosis panel. VS Code promises JSON only, so every number that
 * may be non-finite is already a string (`JsonNumber`) in the report. Both sides validate what they receive.
 */
// As a namespace: a page's bundle then holds what is used of zod and not its forty languages.
import * as z from 'zod';
import type { ErrorCode, ErrorPayload } from '../core/errors';
import type { FixPreview } from '../core/preview/types';
import type { ModelInfo, Report, StaticLook } from '../core/report';
import { comparisonState, exportFormats, panelTabs, type ComparisonState } from './comparing';
import { fixPreviewSchema } from './previewSchema';
import { modelSchema, reportSchema, staticLookSchema } from './reportSchema';

/** What the batch bar shows and sends back. */
export const batchChoice = z.strictObject({
  /** `lengths`: made from `lengths`/`pad`/`seed`; `file`: read from `file`. */
  kind: z.enum(['lengths', 'file']),
  lengths: z.array(z.int().min(0).max(1_000_000)).max(1024),
  pad: z.enum(['left', 'right', 'none']),
  seed: z.int().min(0).max(0xffff_ffff),
  /** Workspace path of an inputs file, or null. Only ever chosen by the host's own file dialog. */
  file: z.string().nullable(),
  /** `NAME[:inverted]` or null for automatic. */
  mask: z.string().max(10_000).nullable(),
  level: z.enum(['disabled', 'basic', 'extended', 'all']),
  /** What padding holds in the id inputs of a made batch; absent where the model is left to say. */
  padId: z.int().min(0).max(2_147_483_647).exactOptional(),
  /** A bfloat16 model is run in float32 because a person asked for it. */
  cast: z.literal('float32').exactOptional(),
  /** Fused attention is written out in plain operators, and that is diagnosed; no fix is tried then. */
  expandAttention: z.literal(true).exactOptional(),
});
export type BatchChoice = z.infer<typeof batchChoice>;

export interface AppliedFix {
  readonly fixId: string;
  /** Path as shown to the person. */
  readonly file: string;
  /** How the big weights got there. */
  readonly weights: 'inside' | 'referenced' | 'copied';
  /** Of a model that was changed in place: where the original is, as shown to the person. */
  readonly backup?: string;
  /** Whether `report` is of the fixed model already. */
  readonly measured: boolean;
}

/** How a fixed copy may keep big or external weights; sizes in bytes of what is written. */
export interface WeightsOffer {
  readonly reference: number;
  readonly copy: number;
  /** Files that a referring copy needs beside it: names. */
  readonly needs: readonly string[];
}
export const weightsOffer = z.strictObject({
  reference: z.number().min(0),
  copy: z.number().min(0),
  needs: z.array(z.string()),
}) satisfies z.ZodType<WeightsOffer>;

export interface FirstLook {
  readonly model: ModelInfo;
  readonly staticLook: StaticLook;
}
const firstLook = z.object({ model: modelSchema, staticLook: staticLookSchema }) satisfies z.ZodType<FirstLook>;

/** The whole state of a panel; the host sends it whole, the webview keeps it with `setState`. */
export interface PanelState {
  /**
   * Opaque to the webview, which only has to keep it: `setState` must hold the `PanelState` it was sent (as it is, or
   * under `state`), so that the host finds its own record again after a window reload. Never a path.
   */
  readonly key?: string;
  readonly modelName: string;
  readonly phase: 'empty' | 'running' | 'done' | 'error' | 'cancelled';
  readonly progress: { readonly text: string; readonly fraction: number | null } | null;
  /** What is known before any run: the attention of the model and what padding can do to it. */
  readonly look?: FirstLook | null;
  /** May be present while still `running`: the table comes before fixes and observer. */
  readonly report: Report | null;
  /** The report before a fix was applied, for the comparison. */
  readonly before: Report | null;
  readonly error: ErrorPayload | null;
  readonly batch: BatchChoice;
  /** Mask candidates for the batch bar: names of graph inputs. */
  readonly maskInputs: readonly string[];
  readonly applied: AppliedFix | null;
  /** What a fix would change, while a person looks at it. */
  readonly preview: FixPreview | null;
  /** Whether there is a file that a fix could change in place of writing a copy. */
  readonly canChangeInPlace: boolean;
  /** Present where applying a fix must say what becomes of the weights. */
  readonly weights?: WeightsOffer | null;
  /** The model file changed on disk since the run. */
  readonly stale: boolean;
  /** Untrusted workspace or saved report: nothing can be run. */
  readonly readOnly: boolean;
  /** Built-in models are applied to a copy that the person names. */
  readonly source: 'file' | 'built-in' | 'report';
}

/** The comparison travels apart: progress of one would else carry the megabytes of the other along. */
export type ToPanel =
  | { readonly type: 'state'; readonly state: PanelState }
  | { readonly type: 'comparison'; readonly state: ComparisonState | null };

/** What the webview accepts from the host, and from its own `getState` after a reload. */
export const panelState = z.object({
  key: z.string().exactOptional(),
  modelName: z.string(),
  phase: z.enum(['empty', 'running', 'done', 'error', 'cancelled']),
  progress: z.object({ text: z.string(), fraction: z.number().nullable() }).nullable(),
  look: firstLook.nullable().exactOptional(),
  report: reportSchema.nullable(),
  before: reportSchema.nullable(),
  error: z.object({ code: z.string<ErrorCode>(), message: z.string(), hint: z.string() }).nullable(),
  batch: batchChoice,
  maskInputs: z.array(z.string()),
  applied: z
    .object({
      fixId: z.string(),
      file: z.string(),
      weights: z.enum(['inside', 'referenced', 'copied']),
      backup: z.string().exactOptional(),
      measured: z.boolean(),
    })
    .nullable(),
  preview: fixPreviewSchema.nullable(),
  canChangeInPlace: z.boolean(),
  weights: weightsOffer.nullable().exactOptional(),
  stale: z.boolean(),
  readOnly: z.boolean(),
  source: z.enum(['file', 'built-in', 'report']),
}) satisfies z.ZodType<PanelState>;

export const toPanel = z.discriminatedUnion('type', [
  z.object({ type: z.literal('state'), state: panelState }),
  z.object({ type: z.literal('comparison'), state: comparisonState.nullable() }),
]) satisfies z.ZodType<ToPanel>;

/** One fix, or several joined by `+`. */
const fixId = z.string().max(200);

export const fromPanel = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('run'), batch: batchChoice }),
  z.strictObject({ type: z.literal('chooseInputs') }),
  z.strictObject({ type: z.literal('cancel') }),
  z.strictObject({
    type: z.literal('apply'),
    fixId,
    /** Only where `weights` of the state offers it. */
    weights: z.enum(['reference', 'copy']).exactOptional(),
    /** Only where `canChangeInPlace` of the state says so. */
    inPlace: z.literal(true).exactOptional(),
  }),
  z.strictObject({ type: z.literal('preview'), fixId }),
  z.strictObject({ type: z.literal('closePreview') }),
  /** The lines of PyTorch that do what the fix does, onto the clipboard. */
  z.strictObject({ type: z.literal('copyFixSnippet'), fixId }),
  z.strictObject({ type: z.literal('undo') }),
  z.strictObject({ type: z.literal('copyMarkdown') }),
  z.strictObject({ type: z.literal('openLog') }),
  /** Opens a line of source that the report names. */
  z.strictObject({ type: z.literal('openSource'), file: z.string().max(10_000), line: z.int().min(0) }),
  /** Looks for the source of a finding, told by its tensor, in the Python files of the workspace, and opens it. */
  z.strictObject({ type: z.literal('findSource'), tensor: z.string().max(10_000) }),
  /** Measure the fixes of the report that is shown; offered where fixes do not run by themselves. */
  z.strictObject({ type: z.literal('tryFixes') }),
  /** From the empty panel: pick a model file, or a built-in model, as the commands of these names do. */
  z.strictObject({ type: z.literal('start'), what: z.enum(['file', 'built-in']) }),
  /** As the commands of these names do. */
  z.strictObject({ type: z.literal('compare') }),
  z.strictObject({ type: z.literal('history') }),
  /** Which tab the person looks at: what is copied or saved by a command is of that one. */
  z.strictObject({ type: z.literal('tab'), tab: z.enum(panelTabs) }),
  z.strictObject({ type: z.literal('cancelComparison') }),
  z.strictObject({ type: z.literal('copyComparison') }),
  z.strictObject({ type: z.literal('saveComparison'), as: z.enum(exportFormats) }),
]);
export type FromPanel = z.infer<typeof fromPanel>;
