import { shapeOf } from './facts';
import type { NodeBlock } from './nodeBlock';
import type { Fix, FixContext } from './types';
import type { Closed } from './unmaskRows';
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
  plan: (context) => openRows(context, 'unmask-self', (block, closed) => diagonal(context, block, closed)),
};

function diagonal(
  context: FixContext,
  block: NodeBlock,
  { full, axes, like, sequences }: Closed,
): string | { readonly reason: string } {
  const shape = shapeOf(context, like);
  const { query, key } = axes;
  if (!shape || query === null) return { reason: 'which axis of the scores counts queries is not known' };
  if (!sequences)
    return { reason: 'an axis of its scores is merged with another, and which of them are one position is not told' };
  if (sequences.query !== sequences.key)
    return {
      reason: 'it attends to another sequence, where no key is the query itself; unmask-rows opens all of them',
    };
  const [queries, keys] = [shape.at(query), shape.at(key)];
  if (queries !== keys)
    return {
      reason: `it has ${String(queries)} queries and ${String(keys)} keys, so a query's own key is not at its place; unmask-rows opens all of them`,
    };
  const along = (axis: number): string =>
    block.op('Reshape', [
      block.count(like, axis + shape.length),
      block.ints(Array.from({ length: -axis }, (_, i) => (i === 0 ? -1 : 1))),
    ]);
  return block.op('And', [full, block.op('Equal', [along(query), along(key)])]);
}
