import { kindOf } from '../batch/layout';
import { batchPlace, heldPositions, positionPlace } from '../onnx/axes/types';
import { isElementwise } from '../onnx/axes/rules';
import type { GraphNode } from '../onnx/graph';
import { plural } from './born';
import { EditPlan, readersOf } from './editPlan';
import { Padding } from './padding';
import type { Fix, FixContext } from './types';

/**
 * Learned positions are looked up by a token's place among the real tokens, `cumsum(mask) − 1`, and not by its column.
 * It clears no NaN; it is what is left to mend where a batch is wrong without any.
 */
export const positionIdsFromMask: Fix = {
  id: 'position-ids-from-mask',
  title: 'Count positions over real tokens (position ids from the mask)',
  effect: 'Real tokens get the positions that they have without padding; pad tokens get the first one.',
  plan(context) {
    const { graph } = context;
    if (graph.opset < 11)
      return {
        applies: false,
        reason: `CumSum does not exist in opset ${String(graph.opset)}; it needs 11 or newer.`,
      };
    const lookups = graph.nodes.filter((node) => looksUpColumns(context, node));
    if (lookups.length === 0) {
      const fed = graph.inputs.find(
        (name) => kindOf({ name, dtype: context.dtype(name) ?? '', dims: null }) === 'positions',
      );
      return {
        applies: false,
        reason:
          fed === undefined
            ? 'The model looks no position up by its column: its positions are counted from the mask, or are not learned.'
            : `The model is fed its positions: feed ${fed} counted from the mask, (mask.cumsum(-1) - 1).clamp(min=0) in PyTorch.`,
      };
    }
    const plan = new EditPlan(graph, 'position-ids-from-mask');
    const padding = new Padding(context, plan);
    for (const node of lookups) {
      const looked = node.outputs[0] ?? '';
      const readers = readersOf(graph, looked);
      const sums = graph.consumers.get(looked) ?? [];
      const [other] = sums.flatMap((sum) => sum.inputs.filter((input) => input !== looked && isBatch(context, input)));
      // What is looked up gets a batch axis: whoever reads it must take that from its other operand already.
      if (
        other === undefined ||
        sums.some((sum) => !isElementwise(sum) || !sum.inputs.some((input) => isBatch(context, input)))
      )
        return { applies: false, reason: `What ${node.name} looks up is not added to the hidden states right away.` };
      const own = context.axes.of(other);
      if (own && heldPositions(own) !== null)
        return {
          applies: false,
          reason: `At ${node.name}: positions go on where the cache ends, which was made with its own.`,
        };
      const told = padding.onto(other);
      if ('reason' in told) return { applies: false, reason: `At ${node.name}: ${told.reason}.` };
      const [table = '', columns = ''] = node.inputs;
      const block = plan.block();
      const real = block.squeeze(told.flags, [2]);
      const counted = block.op('CumSum', [block.cast(real, 'int64'), block.scalar('int64', 1)]);
      const before = block.op('Sub', [counted, block.scalar('int64', 1)]);
      // Padding before the first real token has counted nothing yet. Clip and Max take integers since opset 12.
      const place = block.op('Where', [
        block.op('Less', [before, block.scalar('int64', 0)]),
        block.scalar('int64', 0),
        before,
      ]);
      const inOrder = block.op('Reshape', [columns, block.ints([-1])]);
      const ids = block.op('Gather', [inOrder, place], { axis: 0 });
      const rows = block.op('Gather', [table, ids], { axis: 0 });
      plan.insert(node.index + 1, block);
      plan.replace(looked, rows, readers);
    }
    return {
      applies: true,
      edits: plan.edits,
      note: `Looks ${plural(lookups.length, 'table')} of positions up by cumsum(mask) − 1, as ${[...padding.inputs].join(', ')} says.`,
    };
  },
};

/** Hidden states: samples, positions, features. */
function isBatch({ axes }: FixContext, value: string): boolean {
  const own = axes.of(value);
  return (
    own?.length === 3 &&
    batchPlace(own)?.axis === 0 &&
    positionPlace(own)?.axis === 1 &&
    own[0]?.length === 1 &&
    own[1]?.length === 1
  );
}

/** A stored table, read by positions that are the same for every sample and depend on no input's elements. */
function looksUpColumns({ graph, axes }: FixContext, node: GraphNode): boolean {
  if (node.op !== 'Gather' || !graph.isConstant(node.inputs[0] ?? '')) return false;
  const columns = node.inputs[1] ?? '';
  const own = axes.of(columns);
  const looked = axes.of(node.outputs[0] ?? '');
  const place = own ? positionPlace(own) : null;
  if (
    !own ||
    !place ||
    place.axis !== own.length - 1 ||
    own.slice(0, -1).some((axis) => axis.some(({ size }) => size > 1))
  )
    return false;
  const features = looked?.at(-1)?.every(({ kind }) => kind === 'other') ?? false;
  return features && looked?.length === own.length + 1 && !readsElements(graph, columns, new Set());
}

/** Whether elements of an input of the model, and not only its shape, have a part in a value. */
function readsElements(graph: FixContext['graph'], value: string, seen: Set<string>): boolean {
  if (seen.has(value) || value === '' || graph.isConstant(value)) return false;
  seen.add(value);
  const node = graph.producer.get(value);
  if (!node) return true;
  if (node.op === 'Shape' || node.op === 'Size') return false;
  return node.inputs.some((input) => readsElements(graph, input, seen));
}
