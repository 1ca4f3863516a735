/** Fused attention written out, so that what happens inside can be measured. */
import type { GraphNode } from '../graph';
import type { Body } from '../splice';
import type { Around } from './builder';
import { expandMultiHead, expandProjected } from './engineAttention';
import { Refusal } from './refusal';
import { expandAttention } from './standardAttention';

export type { Around } from './builder';

/** The plain operators; a reason, half a sentence, where they cannot be written; null for any other operator. */
export function expansionOf(node: GraphNode, around: Around): Body | string | null {
  const expand = expander(node);
  if (expand === null || typeof expand === 'string') return expand;
  try {
    return expand(node, around);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

function expander(node: GraphNode): ((node: GraphNode, around: Around) => Body) | string | null {
  const standard = node.domain === '' || node.domain === 'ai.onnx';
  if (node.op === 'Attention') return standard ? expandAttention : expandProjected;
  if (node.op === 'MultiHeadAttention') return expandMultiHead;
  if (node.op === 'GroupQueryAttention') return 'its kernel works on a cache with a length for every sample';
  return node.op.endsWith('MultiHeadAttention') ? 'its kernel works on a cache or on packed samples' : null;
}
