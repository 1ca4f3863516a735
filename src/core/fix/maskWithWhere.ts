import type { AttentionSite } from '../diagnose/attentionSites';
import type { GraphNode } from '../onnx/graph';
import { isPacked } from './attentionPlaces';
import { plural, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf, shapeOf } from './facts';
import { finiteLowest } from './lowest';
import { fusedAxes, fusedNodes, fusedTerm, writtenOut } from './maskSources';
import { MaskFlags, maskLayout, maskTerms } from './maskTerms';
import { Padding } from './padding';
import type { Fix, FixContext } from './types';

/**
 * Masked scores are replaced instead of added to: NaN + (−∞) is NaN, and a choice is not. That alone stops NaN in keys
 * but not in values, as 0 × NaN is NaN too; so values of keys that no query may see become 0.
 *
 * Case 1: written out. The masks keep their place (a position bias may be part of them), and a Where behind the last
 * one puts a finite lowest number where any of them masks. Case 2: a fused node: keys and values before it.
 */
export const maskWithWhere: Fix = {
  id: 'mask-with-where',
  title: 'Choose with Where instead of adding the mask, and clean masked values',
  effect:
    'NaN at masked positions can no longer reach other tokens, whatever its cause; fully masked rows attend to every key alike.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    if (context.origins.length === 0) return { applies: false, reason: 'No NaN is born in this batch.' };
    const masked = context.sites.filter((site) => site.masks.length > 0);
    const fused = fusedNodes(context).filter((node) => fusedTerm(context, node) !== null);
    if (masked.length + fused.length === 0)
      return { applies: false, reason: 'No mask could be followed from the scores to its source.' };
    const plan = new EditPlan(context.graph, 'mask-with-where');
    const flags = new MaskFlags(context, plan);
    const padding = new Padding(context, plan);
    const cleaned = new Map<string, string>();
    for (const site of masked) {
      const reason = eager(context, plan, flags, padding, cleaned, site);
      if (reason !== null) return { applies: false, reason: `At ${site.softmax.name}: ${reason}.` };
    }
    for (const node of fused) {
      const reason = cleanFused(context, plan, flags, cleaned, node);
      if (reason !== null) return { applies: false, reason: `At ${node.name}: ${reason}${writtenOut}.` };
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Replaces masked scores in ${plural(masked.length, 'attention layer')} and cleans ${plural(cleaned.size, 'tensor')} of keys or values that nobody may see.`,
    };
  },
};

/** @returns half a sentence on why not, or null. */
function eager(
  context: FixContext,
  plan: EditPlan,
  flags: MaskFlags,
  padding: Padding,
  cleaned: Map<string, string>,
  site: AttentionSite,
): string | null {
  const layout = maskLayout(context, site);
  if (!layout) return 'between its masks the scores change their layout';
  const { masked, axes } = layout;
  const terms = maskTerms(site);
  const blocked = flags.blocked(terms);
  // A bias of positions, which masks nothing.
  if (!blocked) return null;
  const dtype = dtypeOf(context, masked);
  plan.filter(masked, (block, source) =>
    block.op('Where', [blocked.value, block.scalar(dtype, finiteLowest(dtype, 1)), source]),
  );
  const { output, value } = site;
  if (!output || value === null) return 'its product with the values was not found';
  const read = {
    value,
    reader: { node: output.outputs[0] ?? '', slot: output.inputs.indexOf(value) },
    at: output.index,
  };
  const plain = output.op === 'MatMul' && read.reader.slot === 1 && axes.key === -1 && axes.query === -2;
  if (!plain || context.shape(output.inputs[0] ?? '')?.join() !== context.shape(masked)?.join()) {
    // The masks do not fit the values; which keys are padding is told by their input.
    const told = padding.onto(value);
    if ('reason' in told) return told.reason;
    clean(context, plan, cleaned, read, (block) => ({ key: told.flags, flags: block.op('Not', [told.flags]) }));
    return null;
  }
  const dead = flags.deadKeys(terms, axes);
  if (typeof dead === 'string') return dead;
  clean(context, plan, cleaned, read, (block) => {
    const rank = Math.max(...terms.map((term) => shapeOf(context, term.value)?.length ?? 0));
    if (rank < 2) return { key: dead.value, flags: block.unsqueeze(dead.value, [1]) };
    return { key: dead.value, flags: block.op('Transpose', [dead.value], { perm: swapped(rank) }) };
  });
  return null;
}

/** The last two axes change places. */
const swapped = (rank: number): number[] =>
  Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));

interface Read {
  readonly value: string;
  readonly reader: { readonly node: string; readonly slot: number };
  readonly at: number;
}

function clean(
  context: FixContext,
  plan: EditPlan,
  cleaned: Map<string, string>,
  { value, reader, at }: Read,
  make: (block: ReturnType<EditPlan['block']>) => { readonly key: string; readonly flags: string },
): void {
  const block = plan.block();
  const { key, flags } = make(block);
  const known = cleaned.get(`${value} ${key}`);
  if (known !== undefined) {
    plan.replace(value, known, [reader]);
    return;
  }
  const zero = block.scalar(dtypeOf(context, value), 0);
  const own = block.op('Where', [flags, zero, value]);
  plan.insert(at, block);
  plan.replace(value, own, [reader]);
  cleaned.set(`${value} ${key}`, own);
}

function cleanFused(
  context: FixContext,
  plan: EditPlan,
  flags: MaskFlags,
  cleaned: Map<string, string>,
  node: GraphNode,
): string | null {
  const term = fusedTerm(context, node);
  if (!term) return null;
  if (isPacked(node)) return 'its keys and values come in one tensor; zero-pad-hidden cleans what they are made of';
  const mask = shapeOf(context, term.value) ?? [];
  const dead = flags.deadKeys([term], fusedAxes);
  if (typeof dead === 'string') return dead;
  for (const slot of [1, 2]) {
    const value = node.inputs[slot] ?? '';
    const shape = shapeOf(context, value);
    const keys = shape?.at(-2);
    if (!shape || keys !== mask.at(-1)) return 'its mask has other keys than it is given (a cache of keys, say)';
    const reader = { node: node.outputs[0] ?? '', slot };
    clean(context, plan, cleaned, { value, reader, at: node.index }, (block) => {
      const rank = mask.length;
      if (rank < 2) return { key: dead.value, flags: block.unsqueeze(dead.value, [1]) };
      // Heads of keys may be fewer than those of the mask: a key is dead where it is so in all of them.
      const all = rank === 4 ? block.every(dead.value, [1]) : dead.value;
      const turned = block.op('Transpose', [all], { perm: swapped(rank) });
      // [batch, keys, heads · width]
      return { key: dead.value, flags: rank === 4 && shape.length === 3 ? block.squeeze(turned, [1]) : turned };
    });
  }
  return null;
}
