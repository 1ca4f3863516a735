/**
 * The report contract (`nanoscope diagnose --json`; the panel receives the same). Versioned: fields are added,
 * never changed. `nan`, `of`, `posInf` and the like count *positions* with at least one such element.
 */

/** A finite number, or how JSON carries the others. */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export const stages = [
  'embed',
  'attn-norm',
  'attention',
  'mlp-norm',
  'mlp',
  'layer',
  'final-norm',
  'logits',
  'other',
] as const;
export type Stage = (typeof stages)[number];
export type Block = 'self' | 'cross';
export type Port = 'in' | 'out';
/** Which axis a site's positions are counted on; `whole` = unknown, never guessed. */
export type SiteAxes = 'tokens' | 'query' | 'key' | 'whole';

export const birthMechanisms = [
  'fully-masked-row',
  'mask-overflow',
  'score-overflow',
  'zero-times-inf',
  'inf-minus-inf',
  'zero-over-zero',
  'inf-over-inf',
  'log-of-negative',
  'sqrt-of-negative',
  'pow-of-negative',
  'nan-in-weights',
  'nan-in-input',
  'unknown',
] as const;
export type BirthMechanism = (typeof birthMechanisms)[number];

export const crossingMechanisms = [
  'nan-plus-minus-inf',
  'zero-times-nan',
  'contraction',
  'softmax-row',
  'reduction',
  'elementwise',
  'residual',
  'gather',
] as const;
export type CrossingMechanism = (typeof crossingMechanisms)[number];

export const silentMechanisms = [
  'guarded',
  'unmasked-silently',
  'overflow-risk',
  'unread-nan-weight',
  'swallowed',
  'laundered',
] as const;
export type SilentMechanism = (typeof silentMechanisms)[number];

export interface Report {
  readonly schemaVersion: 1;
  readonly model: ModelInfo;
  readonly engine: {
    /** `pytorch`: recorded from a live model; the level then says nothing. */
    readonly name: 'onnxruntime-node' | 'pytorch';
    readonly version: string;
    /** Level of the measuring run; see `observer.userLevel` for the user's own. */
    readonly optimization: EngineLevel;
  };
  readonly batch: BatchInfo;
  readonly outputs: readonly OutputInfo[];
  readonly table: readonly TableRow[];
  readonly origins: readonly Origin[];
  readonly spread: readonly Crossing[];
  readonly silent: readonly SilentFinding[];
  /** What the masks alone tell of padding, before any run, and what the run says to it. */
  readonly staticLook?: StaticLook;
  /** What people blame first and this run refutes. Absent until known. */
  readonly ruledOut?: readonly RuledOut[];
  /** Absent with `--no-fixes` and until they are known. */
  readonly fixes?: readonly FixResult[];
  /** Present with `fixes`. */
  readonly recommendation?: Recommendation;
  /** Absent until known. */
  readonly observer?: Observer;
  /** Plain sentences: what could not be measured and why (bodies of subgraphs, bf16, …). */
  readonly notes: readonly string[];
}

export const engineLevels = ['disabled', 'basic', 'extended', 'all'] as const;
export type EngineLevel = (typeof engineLevels)[number];

export interface ModelInfo {
  readonly name: string;
  /** `live`: a running PyTorch program, which has no opset (0). */
  readonly source: 'file' | 'built-in' | 'live';
  /** The type that a model which the engine cannot run as it is was widened to. */
  readonly cast?: 'float32';
  /** Its fused attention was written out in plain operators, because somebody asked; `attention` is told of the result. */
  readonly expandedAttention?: true;
  readonly opset: number;
  readonly layers: number;
  readonly attention: readonly AttentionInfo[];
}

export interface AttentionInfo {
  readonly layer: number | null;
  readonly kind: 'eager' | 'fused';
  readonly op: string;
  readonly node: string;
  readonly kvGroups: number | null;
}

export interface BatchInfo {
  readonly samples: number;
  readonly positions: number;
  readonly padding: readonly ('left' | 'right' | 'none' | 'both' | 'inside')[];
  /** One string per sample, full length, `p` or `r` per position. */
  readonly roles: readonly string[];
  readonly inputs: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[] }>>;
  /** How the roles were found, in words: the mask input and its polarity, the lengths, or nothing. */
  readonly rolesFrom: string;
  /** Encoder-decoder models have a second sequence with roles of its own. */
  readonly memory?: { readonly positions: number; readonly roles: readonly string[] };
  /** Where the numbers came from; what it takes to feed the same again. */
  readonly source?: BatchSource;
  /** What padding holds in the id inputs of a made batch, and who said so; absent without padding or ids. */
  readonly padIds?: Readonly<Record<string, PadId>>;
  /** What was said about the mask: `NAME` or `NAME:inverted`. Absent where nothing was. */
  readonly mask?: string;
}

export interface PadId {
  readonly id: number;
  /** `graph`: the model compares ids with it to make its mask. `assumed`: nobody said, and it is 0. */
  readonly from: 'asked' | 'graph' | 'metadata' | 'assumed';
}

export type BatchSource =
  | {
      readonly kind: 'file';
      /** Without its folder. */
      readonly name: string;
      /** Which positions are real, where a person said it beside the file. */
      readonly lengths?: readonly number[];
      readonly pad?: 'left' | 'right' | 'none';
    }
  | {
      readonly kind: 'lengths';
      readonly lengths: readonly number[];
      readonly pad: 'left' | 'right' | 'none';
      readonly seed: number;
      /** Where a person said it. */
      readonly padId?: number;
    };

export interface OutputInfo {
  readonly name: string;
  /** NaN positions per sample; `null` where the output has no sample axis that could be followed. */
  readonly nanPositions: readonly number[] | null;
  readonly of: number;
  /** The same as ranges per sample. */
  readonly nanAt: readonly string[] | null;
  /** The positions that it has, `of` in number, as ranges: new tokens behind a past, the last token. Absent for all. */
  readonly held?: string;
}

export interface TableRow {
  readonly layer: number | null;
  readonly block: Block | null;
  readonly stage: Stage;
  readonly port: Port;
  readonly label: string;
  readonly tensor: string;
  readonly node: string | null;
  readonly op: string | null;
  readonly axes: SiteAxes;
  /** Positions are counted on the encoder's sequence, `batch.memory`, and not on the batch's own. */
  readonly sequence?: 'memory';
  /** As in `OutputInfo`. */
  readonly held?: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The line of the program that made it, where it is known. */
  readonly source?: SourceLine;
  /** `null` where axes are `whole`; then `whole` has the tensor's own figures. */
  readonly samples: readonly SampleHealth[] | null;
  readonly whole?: { readonly nan: boolean; readonly posInf: boolean; readonly negInf: boolean };
}

export interface SampleHealth {
  readonly nan: number;
  readonly of: number;
  readonly padNan: number;
  readonly pad: number;
  readonly realNan: number;
  readonly real: number;
  readonly posInf: number;
  readonly negInf: number;
  /** Over the finite elements; `null` when there is none. */
  readonly absMax: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Euclidean norm over the finite elements; `null` when there is none. */
  readonly norm: number | null;
  /** NaN positions as ranges, `"0-29"`. */
  readonly nanAt: string;
}

/**
 * What the mechanism was proved with. Plain JSON; keys are stable per mechanism.
 *
 * Births in a softmax have `row`, the first row of their kind: `{ sample, position, keys, negInf, posInf, by, cells,
 * parts }`. `by` counts the keys that each cause made −inf: `causal`, `padding`, `both` (which are in `causal` and in
 * `padding` too), `other` masks, `overflow` of finite numbers, the `scores` themselves. `cells` has one character per
 * key, at most 4096: `c` causal mask, `p` padding mask, `b` both, `m` another mask, `v` overflow, `s` the scores,
 * `+` +inf, `.` neither, `?` not found. `parts` names the tensors that masked, by kind.
 * `score-overflow` has `from`, `mask-overflow` has `overflow`: the node, its operands and what it made of them.
 * `unknown` has `declined`: `{ mechanism, why }` of each rule that looked.
 */
export type Evidence = Readonly<Record<string, EvidenceValue>>;
export type EvidenceValue =
  JsonNumber | string | boolean | null | readonly EvidenceValue[] | { readonly [key: string]: EvidenceValue };

/**
 * Where a node stands that is in no graph of its own: in a body of `node` (`then_branch`, `else_branch`, `body`), or in
 * the local function that `node` calls (`function`), or in the plain operators that the fused `node` stands for
 * (`expanded`; the finding itself is then told at `node`). `iteration` counts from 0; null where nothing is repeated.
 * `evidence.inside` lists them, outermost first.
 */
export interface InsideFrame {
  readonly [key: string]: EvidenceValue;
  readonly node: string;
  readonly op: string;
  readonly body: string;
  readonly iteration: number | null;
  /** All iterations with the same birth, as ranges; `iteration` is the first of them. */
  readonly iterations?: string;
}

export interface SourceLine {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

export type Side = 'encoder' | 'decoder';

export interface Finding {
  readonly tensor: string;
  /**
   * Name in the user's file; `null` for a graph input. Of a node in a body or function the path to it,
   * `loop/body/log`, `call/log`; `evidence.inside` then tells the steps of that path.
   */
  readonly node: string | null;
  readonly op: string | null;
  readonly layer: number | null;
  readonly block: Block | null;
  readonly stage: Stage;
  /** Only where the model has layers of both. */
  readonly side?: Side;
  /** Path of the module that it was computed in, where the node's name does not tell. */
  readonly module?: string;
  /** The line of the program that it was computed in, where that is known. */
  readonly source?: SourceLine;
  /** One string per sample, ranges; `null` where axes are `whole`. */
  readonly positions: readonly string[] | null;
  readonly evidence: Evidence;
  readonly explanation: string;
}
export interface Origin extends Finding {
  readonly mechanism: BirthMechanism;
}
export interface Crossing extends Finding {
  readonly mechanism: CrossingMechanism;
}
export interface SilentFinding extends Finding {
  readonly mechanism: SilentMechanism;
}

/**
 * Which padding *can* leave a row of attention without any key. Found by running nothing but the masks, on batches of
 * the same shape with other padding.
 */
export interface StaticLook {
  /** Inputs whose elements say what is padding; empty where there is none. */
  readonly paddingInputs: readonly string[];
  /** One per mask; layers that share their mask share the entry. In the graph's order. */
  readonly masks: readonly MaskLook[];
}

export interface MaskLook {
  /** Attention that has this mask: the Softmax, or the fused operator. */
  readonly nodes: readonly string[];
  /** Of these nodes, without repetition; null for one that stands in no layer. */
  readonly layers: readonly (number | null)[];
  readonly kind: 'eager' | 'fused';
  /**
   * What a fully masked row holds: −inf in every score (softmax makes it NaN), numbers (softmax makes them weights), or
   * nothing that matters, since the kernel gives 0. Null where no row can be masked throughout.
   */
  readonly fill: '-Infinity' | 'finite' | 'zeros' | null;
  /** A sample that is padded at its left, at its right, or that is nothing but padding. */
  readonly left: LookCase;
  readonly right: LookCase;
  readonly empty: LookCase;
  readonly sentence: string;
  /** `refuted` if one of the three is, `confirmed` if one of them is and none refuted. */
  readonly confirmed: LookOutcome;
}

export type LookOutcome = 'confirmed' | 'refuted' | 'not-tested';

export interface LookCase {
  readonly verdict: 'fully-masked' | 'safe' | 'unknown';
  /** Query rows that are masked throughout with a single pad (of an empty sample: all pads), as ranges. */
  readonly rows: string;
  /** The same with a single real token. */
  readonly rowsAtMost: string;
  /** Half a sentence; of `unknown` only. */
  readonly reason?: string;
  /** What the run of this batch says; `not-tested` where no sample of it is padded so. */
  readonly confirmed: LookOutcome;
}

export interface RuledOut {
  readonly id: string;
  /** The suspicion, as a noun phrase. */
  readonly claim: string;
  /** The figure of this run that refutes it. */
  readonly because: string;
}

export type Verdict = 'heals' | 'partial' | 'hides' | 'fails' | 'unproven' | 'declines';
export type Reference = 'unpadded' | 'in-batch' | 'high-precision' | 'none';

/**
 * `graph`: an edit of the model. `batch`: another way to feed it. `combination`: several graph fixes one after the
 * other. `trap`: something people do that removes NaN and not the error; shown as a warning, never recommended.
 */
export type FixKind = 'graph' | 'batch' | 'combination' | 'trap';

export interface FixResult {
  readonly id: string;
  readonly kind?: FixKind;
  readonly title: string;
  /** What it changes for pad and for real tokens. */
  readonly effect?: string;
  /** Ids of the fixes of a combination, in the order in which they are applied. */
  readonly parts?: readonly string[];
  /** Those of its parts that change what the model is fed: nothing of them can be written into it. */
  readonly fed?: readonly string[];
  readonly verdict: Verdict;
  readonly reason: string;
  readonly reference: Reference;
  readonly nanAfter: number | null;
  readonly realNanAfter: number | null;
  readonly realMaxAbsDiff: JsonNumber | null;
  readonly tolerance: number | null;
  readonly topTokenSame: boolean | null;
  /** Median run time over the unfixed model's; `null` when not measured. */
  readonly costRatio: number | null;
  /** Number of graph edits. */
  readonly edits: number;
  /** Difference between the `in-batch` and `unpadded` references; positions counted from the wrong end. */
  readonly paddingShift?: number | null;
  /** Largest difference of real tokens from the reference, row by row of the table, where both could be measured. */
  readonly byRow?: readonly FixRow[];
  /** Of `same-length-batches`: indices of the samples that go together. */
  readonly batches?: readonly (readonly number[])[];
}

export interface FixRow {
  readonly layer: number | null;
  readonly block: Block | null;
  readonly stage: Stage;
  readonly port: Port;
  readonly maxAbsDiff: JsonNumber;
}

/** The smallest set of fixes that heals, or what to do where none does. */
export interface Recommendation {
  /** Id of the fix result that is recommended; null where none heals. */
  readonly fix: string | null;
  readonly sentence: string;
}

export interface Observer {
  /** Probed and plain run at the same level: outputs equal bit for bit (any NaN equals any NaN). */
  readonly outputsBitEqual: boolean;
  /**
   * All that the report tells, and both of the runs that are compared bit for bit, had every value of this type rounded
   * to it; `userLevel` has not, as the CPU engine computes it in float32. Absent where the model has none.
   */
  readonly roundedTo?: 'float16';
  readonly userLevel: {
    readonly level: EngineLevel;
    readonly sameNanPositions: boolean;
    readonly maxAbsDiff: JsonNumber;
  } | null;
}
