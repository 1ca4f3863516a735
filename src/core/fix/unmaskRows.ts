import type { AttentionSite } from '../diagnose/attentionSites';
import { noMaskedRow, plural, rowsFullyMasked, tooOld } from './born';
import type { EditPlan } from './editPlan';
import { EditPlan as Plan, readersOf } from './editPlan';
import type { Rows } from './maskedRows';
import { rowsOf } from './maskedRows';
import type { Made } from './maskTerms';
import { MaskFlags, maskTerms } from './maskTerms';
import type { NodeBlock } from './nodeBlock';
import type { Fix, FixContext, FixPlan } from './types';

/**
 * Rows that may attend to nothing attend to everything, as transformers' `_unmask_unattended` did: their softmax is
 * then defined, their output is meaningless but finite, and nobody reads it.
 *
 * Case 1: one additive mask. A row entirely below the mask threshold becomes 0.
 * Case 2: one boolean mask. A row without an open key becomes open everywhere.
 * Case 3: several masks on the way, which may also overflow together. The scores from before the masks are taken where
 * the masks leave a row no key.
 */
export const unmaskRows: Fix = {
  id: 'unmask-rows',
  title: 'Attend everywhere in fully masked rows',
  effect: 'Pad queries get an average of all values instead of NaN; real tokens are not touched.',
  plan: (context) => openRows(context, 'unmask-rows', (_, rows) => rows.full),
};

/**
 * @param open from a site's fully masked rows to the flags of what is to be opened in them; null with a reason where
 * that is not possible.
 */
export function openRows(
  context: FixContext,
  fixId: string,
  open: (block: NodeBlock, rows: Rows, site: AttentionSite) => string | { readonly reason: string },
): FixPlan {
  const old = tooOld(context);
  if (!rowsFullyMasked(context)) return { applies: false, reason: noMaskedRow };
  if (old !== null) return { applies: false, reason: old };
  const masked = context.sites.filter((site) => site.masks.length > 0);
  if (masked.length === 0)
    return { applies: false, reason: 'The mask could not be followed from the scores to its source.' };
  const plan = new Plan(context.graph, fixId);
  const flags = new MaskFlags(context, plan);
  const done = new Map<string, Made>();
  for (const site of masked) {
    const rows = rowsOf(context, plan, flags, site);
    const reason = typeof rows === 'string' ? rows : openSite(context, plan, done, site, rows, open);
    if (reason !== null) return { applies: false, reason: `At ${site.softmax.name}: ${reason}.` };
  }
  return {
    applies: true,
    edits: plan.edits,
    note: `Changes the mask of ${plural(masked.length, 'attention layer')} (${plural(done.size, 'distinct mask')}).`,
  };
}

/** @returns half a sentence on why not, or null. */
function openSite(
  context: FixContext,
  plan: EditPlan,
  done: Map<string, Made>,
  site: AttentionSite,
  rows: Rows,
  open: Parameters<typeof openRows>[2],
): string | null {
  const [term, ...more] = maskTerms(site);
  if (!term) return 'its mask could not be followed';
  if (more.length === 0 && rows.from === 'masks') {
    const key = `${term.kind} ${String(term.keepWhen)} ${term.value}`;
    const known = done.get(key);
    // Where the first of them reads it: what is opened may depend on that one's scores.
    const at = site.masks[0]?.node.index ?? 0;
    if (known && known.at <= at) {
      plan.replace(term.value, known.value, [term.reader]);
      return null;
    }
    const block = plan.block();
    const opened = open(block, rows, site);
    if (typeof opened !== 'string') return opened.reason;
    const value =
      term.kind === 'add'
        ? block.op('Where', [opened, block.scalar(context.dtype(term.value) ?? 'float32', 0), term.value])
        : term.keepWhen
          ? block.op('Or', [term.value, opened])
          : block.op('And', [term.value, block.op('Not', [opened])]);
    plan.insert(at, block);
    plan.replace(term.value, value, [term.reader]);
    done.set(key, { value, at });
    return null;
  }
  const first = site.masks[0]?.scores ?? '';
  const scores = site.softmax.inputs[0] ?? '';
  const before = context.shape(first)?.join();
  // Something between the masks and the softmax changed the layout: elements no longer correspond.
  if (before === undefined || before !== context.shape(scores)?.join())
    return 'between the masks and the softmax the scores change their layout';
  const block = plan.block();
  const opened = open(block, rows, site);
  if (typeof opened !== 'string') return opened.reason;
  const dtype = context.dtype(scores) ?? 'float32';
  const unmasked = context.dtype(first) === dtype ? first : block.cast(first, dtype);
  const value = block.op('Where', [opened, unmasked, scores]);
  plan.insert(site.softmax.index, block);
  const own = site.softmax.outputs[0] ?? '';
  plan.replace(
    scores,
    value,
    readersOf(context.graph, scores).filter((reader) => reader.node === own),
  );
  done.set(`scores ${own}`, { value, at: site.softmax.index });
  return null;
}
