import type { AttentionSite } from '../diagnose/attentionSites';
import { largest } from '../diagnose/births/family';
import type { GraphNode } from '../onnx/graph';
import { intAttribute } from '../onnx/graph';
import { onnxTypeNamed } from '../onnx/tensors';
import { plural, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import { fusedNodes, writtenOut } from './maskSources';
import type { Fix, FixContext } from './types';

/**
 * Scores, masks and softmax in float32 between casts, as most training code has them: float16 ends at 65504, which a
 * sum of products or two masks of `finfo.min` leave.
 */
export const fp32Attention: Fix = {
  id: 'fp32-attention',
  widens: true,
  title: 'Compute attention scores and softmax in float32',
  effect: 'Scores and masks no longer leave the range of the type; real tokens change by rounding only.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    if (context.origins.length === 0) return { applies: false, reason: 'No NaN is born in this batch.' };
    const half = context.sites.filter(({ softmax, scores }) =>
      [softmax, scores].some((node) => isHalf(context, node?.outputs[0] ?? '')),
    );
    if (half.length === 0) {
      const fused = fusedNodes(context).filter((node) => isHalf(context, node.inputs[0] ?? ''));
      return {
        applies: false,
        reason:
          fused.length > 0
            ? `${fused.map(({ name }) => name).join(', ')} computes its scores inside of one kernel${writtenOut}.`
            : 'No attention of the model computes in float16.',
      };
    }
    const plan = new EditPlan(context.graph, 'fp32-attention');
    for (const site of half) {
      const reason = widen(context, plan, site);
      if (reason !== null) return { applies: false, reason: `At ${site.softmax.name}: ${reason}.` };
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Computes ${plural(half.length, 'attention')} from Q·Kᵀ to Softmax in float32, whose largest number is ${largest('float32').toExponential(1)} and not 65504.`,
    };
  },
};

const isHalf = (context: FixContext, value: string): boolean =>
  value !== '' && ['float16', 'bfloat16'].includes(dtypeOf(context, value));

/** @returns half a sentence on why not, or null. */
function widen(context: FixContext, plan: EditPlan, site: AttentionSite): string | null {
  const { graph } = context;
  // Nodes of the site may be those of another view of the model.
  const nodes = [...(site.scores ? [site.scores] : []), ...site.path]
    .map(({ index }) => graph.nodes[index])
    .filter((node): node is GraphNode => node !== undefined);
  const inside = new Set(nodes.flatMap((node) => node.outputs));
  const halfType: number | null = onnxTypeNamed('float16');
  for (const node of nodes) {
    if (node.op === 'CastLike' || (node.op === 'Cast' && intAttribute(node, 'to', 0) === halfType))
      return `${node.name} casts the scores to float16 on their way`;
    const reader = node.outputs[0] ?? '';
    for (const [slot, value] of node.inputs.entries()) {
      if (!isHalf(context, value) || inside.has(value)) continue;
      const block = plan.block();
      const wide = block.cast(value, 'float32');
      plan.insert(node.index, block);
      plan.replace(value, wide, [{ node: reader, slot }]);
    }
  }
  // Types of values may be declared in the file: those that are float32 now get new names, and what reads them from
  // outside gets the old name with the old type.
  for (const node of nodes) {
    for (const value of node.outputs) {
      if (value === '' || !isHalf(context, value)) continue;
      const readers = graph.consumers.get(value) ?? [];
      const wide = plan.name('wide');
      plan.renameOutput(value, wide);
      for (const reader of readers) {
        if (!nodes.includes(reader)) continue;
        for (const [slot, input] of reader.inputs.entries())
          if (input === value) plan.replace(value, wide, [{ node: reader.outputs[0] ?? '', slot }]);
      }
      const outside = readers.some((reader) => !nodes.includes(reader) || reader.captured.includes(value));
      if (!outside && !graph.outputs.includes(value)) continue;
      const block = plan.block();
      block.rename(block.cast(wide, dtypeOf(context, value)), value);
      plan.insert(node.index + 1, block);
    }
  }
  return null;
}
