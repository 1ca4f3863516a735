import type { AttentionSite } from '../diagnose/attentionSites';
import { positionPlace } from '../onnx/axes/types';
import type { GraphNode } from '../onnx/graph';
import { isPacked } from './attentionPlaces';
import { noMaskedRow, plural, rowsFullyMasked, tooOld } from './born';
import { EditPlan, readersOf } from './editPlan';
import { dtypeOf } from './facts';
import { rowsOfMasks } from './maskedRows';
import { fusedAxes, fusedMaskedRows, fusedTerm } from './maskSources';
import type { Made, MaskLayout, MaskTerm, ScoreAxes } from './maskTerms';
import { MaskFlags, maskLayout, maskTerms } from './maskTerms';
import type { NodeBlock } from './nodeBlock';
import type { Fix, FixContext, FixPlan } from './types';
import { notFollowed } from './writtenSoftmax';

/**
 * Rows that may attend to nothing attend to everything, as transformers' `_unmask_unattended` did: their softmax is
 * then defined, their output is meaningless but finite, and nobody reads it.
 *
 * Case 1: one additive mask. A row entirely below the mask threshold becomes 0.
 * Case 2: one boolean mask. A row without an open key becomes open everywhere.
 * Case 3: several masks on the way, which may also overflow together. The scores from before the masks are taken where
 * the masks leave a row no key.
 * Case 4: the bias of a fused node whose kernel makes NaN of such a row.
 */
export const unmaskRows: Fix = {
  id: 'unmask-rows',
  title: 'Attend everywhere in fully masked rows',
  effect: 'Pad queries get an average of all values instead of NaN; real tokens are not touched.',
  plan: (context) => openRows(context, 'unmask-rows', (_, { full }) => full),
};

/** Rows in which something is to be opened. */
export interface Closed {
  /** bool, true for a row that is masked throughout. */
  readonly full: string;
  readonly axes: ScoreAxes;
  /** A value with the queries and keys of the scores on these axes, there before the mask is read. */
  readonly like: string;
  /** Sequences that queries and keys are positions of; null where an axis is merged with another. */
  readonly sequences: { readonly query: number; readonly key: number } | null;
}

type Open = (block: NodeBlock, closed: Closed) => string | { readonly reason: string };

/** @param open the flags of what is to be opened, or half a sentence on why that is not possible. */
export function openRows(context: FixContext, fixId: string, open: Open): FixPlan {
  const old = tooOld(context);
  if (!rowsFullyMasked(context)) return { applies: false, reason: noMaskedRow };
  if (old !== null) return { applies: false, reason: old };
  const masked = context.sites.filter((site) => site.masks.length > 0);
  const fused = fusedMaskedRows(context);
  if (masked.length + fused.length === 0) return { applies: false, reason: notFollowed(context) };
  const opener = new Opener(context, new EditPlan(context.graph, fixId), open);
  for (const site of masked) {
    const reason = opener.site(site);
    if (reason !== null) return { applies: false, reason: `At ${site.softmax.name}: ${reason}.` };
  }
  for (const node of fused) {
    const reason = opener.fused(node);
    if (reason !== null) return { applies: false, reason: `At ${node.name}: ${reason}.` };
  }
  return {
    applies: true,
    edits: opener.plan.edits,
    note: `Changes the mask of ${plural(masked.length + fused.length, 'attention layer')} (${plural(opener.done.size, 'distinct mask')}).`,
  };
}

class Opener {
  readonly done = new Map<string, Made>();
  private readonly flags: MaskFlags;

  constructor(
    private readonly context: FixContext,
    readonly plan: EditPlan,
    private readonly open: Open,
  ) {
    this.flags = new MaskFlags(context, plan);
  }

  /** @returns half a sentence on why not, or null. */
  site(site: AttentionSite): string | null {
    const { context, plan, flags } = this;
    const layout = maskLayout(context, site);
    const [term, ...more] = maskTerms(site);
    const first = site.masks[0];
    if (!layout || !term || !first) return 'between its masks the scores change their layout';
    const rows = rowsOfMasks(context, plan, flags, site, layout);
    const closed = { ...layout, full: rows.full, like: first.scores, sequences: this.sequencesOf(layout) };
    if (more.length === 0 && rows.from === 'masks') return this.mask(term, first.node.index, closed);
    return this.scores(layout.masked, first.scores, closed);
  }

  fused(node: GraphNode): string | null {
    const term = fusedTerm(this.context, node);
    if (!term) return `it has no mask but of keys; finite-mask changes what it fills in`;
    const full = this.flags.fullRows([term], fusedAxes);
    if (typeof full === 'string') return full;
    const of = (slot: number): number | undefined =>
      positionPlace(this.context.axes.of(node.inputs[slot] ?? '') ?? [])?.factor.sequence;
    const [query, key] = [of(0), of(isPacked(node) ? 0 : 1)];
    const sequences = query === undefined || key === undefined ? null : { query, key };
    return this.mask(term, node.index, { full: full.value, axes: fusedAxes, like: term.value, sequences });
  }

  /** In the mask itself. */
  private mask(term: MaskTerm, at: number, closed: Closed): string | null {
    const { plan, done, context } = this;
    const key = `${term.kind} ${String(term.keepWhen)} ${term.value}`;
    const known = done.get(key);
    // Where the first of its readers stands: what is opened may depend on that one's scores.
    if (known && known.at <= at) {
      plan.replace(term.value, known.value, [term.reader]);
      return null;
    }
    const block = plan.block();
    const opened = this.open(block, closed);
    if (typeof opened !== 'string') return opened.reason;
    const value =
      term.kind === 'add'
        ? block.op('Where', [opened, block.scalar(dtypeOf(context, term.value), 0), term.value])
        : term.keepWhen
          ? block.op('Or', [term.value, opened])
          : block.op('And', [term.value, block.op('Not', [opened])]);
    plan.insert(at, block);
    plan.replace(term.value, value, [term.reader]);
    done.set(key, { value, at });
    return null;
  }

  /** In the masked scores: what they were before the masks. */
  private scores(masked: string, first: string, closed: Closed): string | null {
    const { plan, context } = this;
    const before = context.shape(first)?.join();
    if (before === undefined || before !== context.shape(masked)?.join())
      return 'its masks have more axes than its scores';
    const dtype = dtypeOf(context, masked);
    const block = plan.block();
    const opened = this.open(block, closed);
    if (typeof opened !== 'string') return opened.reason;
    const unmasked = context.dtype(first) === dtype ? first : block.cast(first, dtype);
    const value = block.op('Where', [opened, unmasked, masked]);
    const at = (context.graph.producer.get(masked)?.index ?? -1) + 1;
    plan.insert(at, block);
    plan.replace(masked, value, readersOf(context.graph, masked));
    this.done.set(`scores ${masked}`, { value, at });
    return null;
  }

  private sequencesOf({ masked, axes }: MaskLayout): Closed['sequences'] {
    const own = this.context.axes.of(masked);
    if (!own || axes.query === null) return null;
    const [query, key] = [own[axes.query + own.length], own[axes.key + own.length]];
    if (query?.length !== 1 || key?.length !== 1) return null;
    return { query: query[0]?.sequence ?? 0, key: key[0]?.sequence ?? 0 };
  }
}
