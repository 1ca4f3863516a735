/** Tensors of a stopped program, as its frame holds them: figures only, the elements stay where they are. */
import type { JsonNumber } from '../report';

export interface LiveTensor {
  /** Expression that gives the tensor in its frame, `self.layers[0].weight`; null where no expression does. */
  readonly path: string | null;
  /** For the screen; equals `path` where there is one. */
  readonly name: string;
  readonly origin: 'local' | 'attribute' | 'buffer' | 'parameter' | 'item';
  readonly library: string;
  /** Name of its class. */
  readonly type: string;
  /** `float32`, `bfloat16`, as the library says it. */
  readonly dtype: string;
  /** −1: an axis without one length, as a nested tensor has. */
  readonly shape: readonly number[];
  readonly device: string;
  readonly elements: number;
  readonly requiresGrad: boolean;
  /** Elements; null where it was not read, and `skipped` or `error` says why. */
  readonly counts: { readonly nan: number; readonly posInf: number; readonly negInf: number } | null;
  /** Over finite elements; null where there are none. */
  readonly min: JsonNumber | null;
  readonly max: JsonNumber | null;
  readonly mean: JsonNumber | null;
  /** Elements looked at, where the time did not allow all. */
  readonly scanned: number | null;
  /** Why there are no figures. */
  readonly skipped: string | null;
  /** What the figures are of, where it is not the whole tensor. */
  readonly note: string | null;
  /** Path of the same object, told before. */
  readonly sameAs: string | null;
}

export interface LiveScope {
  /** In the order of the frame: locals first, what is deep last. */
  readonly tensors: readonly LiveTensor[];
  /** Tensors beyond the most that are read at a stop. */
  readonly more: number;
  readonly outOfTime: boolean;
  /** What the reading took inside the program, milliseconds. */
  readonly ms: number;
}

/** One tensor, close up. */
export interface LiveDetail extends LiveTensor {
  /** Which axes are sample and position, and how that is known. */
  readonly axes: { readonly sample: number | null; readonly position: number | null; readonly why: string };
  /** Elements per [sample][position]; null without axes, or where there are more cells than can be shown. */
  readonly cells: {
    readonly nan: readonly (readonly number[])[];
    readonly posInf: readonly (readonly number[])[];
    readonly negInf: readonly (readonly number[])[];
  } | null;
  /** `p` or `r` per position, one string per sample, from a mask in the same frame. */
  readonly roles: { readonly from: string; readonly rows: readonly string[] } | null;
  /** `edges` has one entry more than `counts`. */
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] } | null;
  /** A corner of the last two axes; numbers that JSON lacks, and complex ones, are text. */
  readonly values: readonly (readonly (number | string)[])[] | null;
  /** Coordinates of `values` on the axes before the last two. */
  readonly index: readonly number[];
}

/** How badly off: NaN, then Inf that no mask explains, then not read, then clean. */
export type Condition = 'nan' | 'inf' | 'unread' | 'clean';

export function conditionOf(tensor: LiveTensor): Condition {
  const { counts } = tensor;
  if (counts === null) return 'unread';
  if (counts.nan > 0) return 'nan';
  return counts.posInf > 0 || (counts.negInf > 0 && !isAdditiveMask(tensor)) ? 'inf' : 'clean';
}

/** Only 0 and −inf: what an additive attention mask holds. */
function isAdditiveMask({ counts, min, max }: LiveTensor): boolean {
  return counts !== null && counts.posInf === 0 && (min === null || min === 0) && (max === null || max === 0);
}

const rank: Readonly<Record<Condition, number>> = { nan: 0, inf: 1, unread: 2, clean: 2 };

/** Sick ones first; within the same condition the order of the frame. */
export const sickFirst = <T extends LiveTensor>(tensors: readonly T[]): T[] =>
  tensors
    .map((tensor, place) => ({ tensor, place }))
    .sort((a, b) => rank[conditionOf(a.tensor)] - rank[conditionOf(b.tensor)] || a.place - b.place)
    .map(({ tensor }) => tensor);

const shortDtypes: Readonly<Record<string, string>> = {
  float16: 'f16',
  float32: 'f32',
  float64: 'f64',
  bfloat16: 'bf16',
  int8: 'i8',
  int16: 'i16',
  int32: 'i32',
  int64: 'i64',
  uint8: 'u8',
  complex64: 'c64',
  complex128: 'c128',
};

/** `f32[2,35,64]` */
export const typeOf = ({ dtype, shape }: Pick<LiveTensor, 'dtype' | 'shape'>): string =>
  `${shortDtypes[dtype] ?? dtype}[${shape.map((size) => (size < 0 ? '?' : String(size))).join(',')}]`;

/** `NaN 12 · −Inf 3`; empty where all is finite. Elements. */
export function sickness({ counts }: LiveTensor): string {
  if (counts === null) return '';
  return [['NaN', counts.nan] as const, ['+Inf', counts.posInf] as const, ['−Inf', counts.negInf] as const]
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${word} ${count.toLocaleString('en')}`)
    .join(' · ');
}

/** Positions with at least one NaN over all samples, and how many positions there are; null where axes are unknown. */
export function nanPositions({ cells }: LiveDetail): { readonly nan: number; readonly of: number } | null {
  if (cells === null) return null;
  const all = cells.nan.flat();
  return { nan: all.filter((count) => count > 0).length, of: all.length };
}
