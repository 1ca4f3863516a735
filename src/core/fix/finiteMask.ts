import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema } from 'onnx-buf';
import { uniform } from '../diagnose/rows/maskParts';
import type { GraphNode } from '../onnx/graph';
import { attribute } from '../onnx/graph';
import { bornBy, noMaskedRow, plural, rowsFullyMasked, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import { finiteLowest } from './lowest';
import { fusedMaskedRows, fusedTerm } from './maskSources';
import type { MaskTerm } from './maskTerms';
import { maskTerms } from './maskTerms';
import type { Fix, FixContext } from './types';
import { notFollowed } from './writtenSoftmax';

/**
 * −∞ in masks becomes the lowest number that stays finite when it is added: lowest / (2 · number of masks) of the type,
 * −1.7e38 for one mask in float32, −32752 in float16. The whole lowest (`finfo.min`) would overflow with a second mask.
 *
 * Case 1: an additive mask. Case 2: the fill of a Where. Case 3: the bias of a fused node, or its filter value.
 * Case 4: a flag times −∞, which is NaN where the flag is 0: the factor.
 */
export const finiteMask: Fix = {
  id: 'finite-mask',
  title: 'Use a finite lowest number instead of −inf in masks',
  effect: 'Fully masked rows attend to every key alike instead of NaN; real tokens are not touched.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    const flags = infiniteFactors(context);
    const rows = rowsFullyMasked(context);
    if (!rows && flags.length === 0) return { applies: false, reason: noMaskedRow };
    const plan = new EditPlan(context.graph, 'finite-mask');
    const masks = rows ? boundMasks(context, plan) : 0;
    for (const { node, slot } of flags) {
      const value = node.inputs[slot] ?? '';
      const dtype = context.dtype(value) ?? dtypeOf(context, node.outputs[0] ?? '');
      const block = plan.block();
      const low = finiteLowest(dtype, 1);
      const bounded = block.atMost(block.atLeast(value, dtype, low), dtype, -low);
      plan.insert(node.index, block);
      plan.replace(value, bounded, [{ node: node.outputs[0] ?? '', slot }]);
    }
    if (masks + flags.length === 0) return { applies: false, reason: notFollowed(context) };
    return {
      applies: true,
      edits: plan.edits,
      note: `Bounds ${plural(masks + flags.length, 'mask')} at a finite number that cannot overflow when masks are added.`,
    };
  },
};

/** @returns how many masks were bounded. */
function boundMasks(context: FixContext, plan: EditPlan): number {
  const done = new Map<string, string>();
  let count = 0;
  const bound = (term: MaskTerm, low: number): void => {
    const value = term.kind === 'add' ? term.value : (term.fill ?? '');
    const dtype = context.dtype(value) ?? dtypeOf(context, term.reader.node);
    const slot = term.kind === 'add' ? term.reader.slot : term.keepWhen ? 2 : 1;
    const key = `${value} ${String(low)}`;
    let bounded = done.get(key);
    if (bounded === undefined) {
      const block = plan.block();
      bounded = block.atLeast(value, dtype, low);
      plan.insert((context.graph.producer.get(value)?.index ?? -1) + 1, block);
      done.set(key, bounded);
      count += 1;
    }
    plan.replace(value, bounded, [{ node: term.reader.node, slot }]);
  };
  for (const site of context.sites) {
    const terms = maskTerms(site);
    for (const term of terms) {
      if (term.kind === 'where' && (uniform(context.graph, term.fill ?? '') ?? -Infinity) > -1) continue;
      bound(term, finiteLowest(dtypeOf(context, term.reader.node), terms.length));
    }
  }
  for (const node of fusedMaskedRows(context)) {
    const term = fusedTerm(context, node);
    if (term?.kind === 'add') bound(term, finiteLowest(dtypeOf(context, term.value), 2));
    const filter = attribute(node, 'mask_filter_value');
    if (filter?.f === -Infinity) {
      const f = finiteLowest(dtypeOf(context, node.inputs[0] ?? ''), 2);
      const to = create(AttributeProtoSchema, { ...filter, f, type: AttributeProto_AttributeType.FLOAT });
      plan.attribute(node.outputs[0] ?? '', to);
      count += 1;
    }
  }
  return count;
}

/** Products that gave birth as 0 × ∞, with a constant that is infinite throughout. */
function infiniteFactors(context: FixContext): { readonly node: GraphNode; readonly slot: number }[] {
  return bornBy(context, ['zero-times-inf']).births.flatMap(({ node }) => {
    if (node.op !== 'Mul') return [];
    const slot = node.inputs.findIndex((input) => Math.abs(uniform(context.graph, input) ?? 0) === Infinity);
    return slot < 0 ? [] : [{ node, slot }];
  });
}
