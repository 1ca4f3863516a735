import type { AttentionSite } from '../diagnose/attentionSites';
import type { Rows } from './maskedRows';
import type { NodeBlock } from './nodeBlock';
import type { Fix, FixContext } from './types';
import { openRows } from './unmaskRows';

/**
 * Rows that may attend to nothing attend to themselves, as newer transformers do: the diagonal is opened in them. Only
 * where queries and keys are the same positions; a cache puts others before, and a memory has positions of its own.
 *
 * Cases: those of `unmask-rows`.
 */
export const unmaskSelf: Fix = {
  id: 'unmask-self',
  title: 'Attend to itself in fully masked rows',
  effect: 'Pad queries get their own value instead of NaN; real tokens are not touched.',
  plan: (context) => openRows(context, 'unmask-self', (block, rows, site) => diagonal(context, block, rows, site)),
};

function diagonal(
  context: FixContext,
  block: NodeBlock,
  rows: Rows,
  site: AttentionSite,
): string | { readonly reason: string } {
  const scores = site.softmax.inputs[0] ?? '';
  const shape = context.shape(scores);
  const axes = context.axes.of(scores);
  const { query, key } = rows.axes;
  if (!shape || !axes || query === null) return { reason: 'which axis of the scores counts queries is not known' };
  const [q, k] = [query + shape.length, key + shape.length];
  const [queries, keys] = [axes[q]?.[0], axes[k]?.[0]];
  if (axes[q]?.length !== 1 || axes[k]?.length !== 1)
    return { reason: 'an axis of its scores is merged with another, and which of them are one position is not told' };
  if (queries?.sequence !== keys?.sequence)
    return {
      reason: 'it attends to another sequence, where no key is the query itself; unmask-rows opens all of them',
    };
  if (shape[q] !== shape[k])
    return {
      reason: `it has ${String(shape[q])} queries and ${String(shape[k])} keys, so a query's own key is not at its place; unmask-rows opens all of them`,
    };
  // The masks may broadcast along either axis: the size is that of the scores before them.
  const source = site.masks[0]?.scores ?? scores;
  const along = (axis: number): string =>
    block.op('Reshape', [
      block.count(source, axis),
      block.ints(Array.from({ length: shape.length - axis }, (_, i) => (i === 0 ? -1 : 1))),
    ]);
  return block.op('And', [rows.full, block.op('Equal', [along(q), along(k)])]);
}
