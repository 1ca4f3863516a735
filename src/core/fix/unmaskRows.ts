import type { AttentionSite, MaskStep } from '../diagnose/attentionSites';
import { maskedBelow } from '../diagnose/maskPlane';
import { keyPlace } from '../onnx/axes/types';
import { EditPlan, outputOf, readersOf } from './editPlan';
import type { Fix, FixContext } from './types';

/**
 * Rows that may attend to nothing attend to everything, as transformers' `_unmask_unattended` did: their softmax is
 * then defined, their output is meaningless but finite, and nobody reads it.
 *
 * Case 1: one additive mask. A row entirely below the mask threshold becomes 0.
 * Case 2: one boolean mask. A row without an open key becomes open everywhere.
 * Case 3: several masks on the way. The scores from before the masks are taken where the masked row is entirely low.
 */
export const unmaskRows: Fix = {
  id: 'unmask-rows',
  title: 'Attend everywhere in fully masked rows',
  effect: 'Pad queries get an average of all values instead of NaN; real tokens are not touched.',
  plan(context) {
    const { graph } = context;
    const masked = context.sites.filter((site) => site.masks.length > 0);
    const wanted = [...context.origins, ...context.silent].some(
      (finding) => finding.mechanism === 'fully-masked-row' || finding.evidence.bornAs === 'fully-masked-row',
    );
    if (!wanted) return { applies: false, reason: 'No row of any attention is fully masked in this batch.' };
    if (graph.opset < 9)
      return { applies: false, reason: `Where does not exist in opset ${String(graph.opset)}; it needs 9 or newer.` };
    if (masked.length === 0)
      return { applies: false, reason: 'The mask could not be followed from the scores to its source.' };
    const plan = new EditPlan(graph, 'unmask-rows');
    const done = new Map<string, string>();
    for (const site of masked) {
      const step = site.masks[0];
      if (!step) continue;
      const axis = keyAxis(context, step);
      const ok =
        axis !== null &&
        (site.masks.length === 1 && spansKeys(context, step, axis)
          ? unmaskMask(context, plan, done, step, axis)
          : unmaskScores(context, plan, site, axis));
      if (!ok)
        return { applies: false, reason: `The mask of ${site.softmax.name} has a form that this fix does not know.` };
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Changes the mask of ${String(masked.length)} attention layers (${String(done.size)} distinct masks).`,
    };
  },
};

/** The key axis of the scores, counted from the end. */
function keyAxis(context: FixContext, step: MaskStep): number | null {
  const axes = context.axes.of(step.node.outputs[0] ?? '');
  const key = axes ? keyPlace(axes) : null;
  return axes && key ? key.axis - axes.length : null;
}

/** A mask that is broadcast along the keys says nothing about a row. */
function spansKeys(context: FixContext, step: MaskStep, axis: number): boolean {
  const shape = context.shape(step.mask) ?? context.graph.initializers.get(step.mask)?.dims.map(Number);
  return (shape?.at(axis) ?? 1) > 1;
}

function unmaskMask(
  context: FixContext,
  plan: EditPlan,
  done: Map<string, string>,
  step: MaskStep,
  axis: number,
): boolean {
  const { graph } = context;
  const reader = { node: step.node.outputs[0] ?? '', slot: step.node.inputs.indexOf(step.mask) };
  const known = done.get(step.mask);
  if (known !== undefined) {
    plan.replace(step.mask, known, [reader]);
    return true;
  }
  // Right after the mask is made: the first layer and all others read the same corrected one.
  const at = (graph.producer.get(step.mask)?.index ?? -1) + 1;
  if (step.kind === 'add') {
    const dtype = context.dtype(step.mask) ?? 'float32';
    const limit = plan.scalar(dtype, maskedBelow);
    const zero = plan.scalar(dtype, 0);
    const row = plan.reduce('ReduceMax', step.mask, axis);
    const full = plan.op('Less', [row.output, outputOf(limit)]);
    const open = plan.op('Where', [outputOf(full), outputOf(zero), step.mask]);
    plan.insert(at, [limit, zero, ...row.nodes, full, open]);
    done.set(step.mask, outputOf(open));
  } else {
    const half = plan.scalar('float32', 0.5);
    const cast = plan.op('Cast', [step.mask], { to: 1 });
    const row = plan.reduce(step.keepWhen ? 'ReduceMax' : 'ReduceMin', outputOf(cast), axis);
    const some = plan.op('Greater', [row.output, outputOf(half)]);
    const not = plan.op('Not', [outputOf(some)]);
    const open = plan.op(step.keepWhen ? 'Or' : 'And', [step.mask, outputOf(not)]);
    plan.insert(at, [half, cast, ...row.nodes, some, not, open]);
    done.set(step.mask, outputOf(open));
  }
  plan.replace(step.mask, done.get(step.mask) ?? '', [reader]);
  return true;
}

function unmaskScores(context: FixContext, plan: EditPlan, site: AttentionSite, axis: number): boolean {
  const first = site.masks[0];
  const masked = site.softmax.inputs[0] ?? '';
  if (!first) return false;
  const before = context.shape(first.scores);
  const after = context.shape(masked);
  // Something between the masks and the softmax changed the layout: elements no longer correspond.
  if (!before || !after || before.join() !== after.join()) return false;
  const dtype = context.dtype(masked) ?? 'float32';
  const limit = plan.scalar(dtype, maskedBelow);
  const row = plan.reduce('ReduceMax', masked, axis);
  const full = plan.op('Less', [row.output, outputOf(limit)]);
  const open = plan.op('Where', [outputOf(full), first.scores, masked]);
  plan.insert(site.softmax.index, [limit, ...row.nodes, full, open]);
  plan.replace(
    masked,
    outputOf(open),
    readersOf(context.graph, masked).filter((reader) => reader.node === site.softmax.outputs[0]),
  );
  return true;
}
