/** Fixes of the side that padding is on. */
import { enclosing, everyNode } from '../syntax';
import { replaced, type Place, type SourceFix } from './source';

export const rightPadding = (place: Place): SourceFix | null =>
  place.text(place.node).includes('left')
    ? {
        ...replaced('right-padding', 'Pad on the right', place.node, place.text(place.node).replace('left', 'right')),
        warning: 'generation then continues behind the padding',
      }
    : null;

/** Positions counted from the mask, where the function has one. */
export function positionsFromMask(place: Place): SourceFix | null {
  const scope = enclosing(place.node, ['function_definition', 'module']);
  const mask =
    scope && [...everyNode(scope)].find((node) => node.type === 'identifier' && place.text(node) === 'attention_mask');
  return mask
    ? replaced(
        'position-ids-from-mask',
        'Count positions from attention_mask',
        place.node,
        '(attention_mask.long().cumsum(-1) - 1).clamp(min=0)',
      )
    : null;
}
