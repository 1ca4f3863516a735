/** Fused attention written out, so that what happens inside can be measured. */
import type { GraphNode } from '../graph';
import type { Around, Expansion } from './builder';
import { expandMultiHead, expandProjected, groupQueryMasks } from './engineAttention';
import { Refusal } from './refusal';
import { expandAttention } from './standardAttention';

export type { Around, Expansion } from './builder';

/** The plain operators; a reason, half a sentence, where they cannot be written; null for any other operator. */
export function expansionOf(node: GraphNode, around: Around): Expansion | string | null {
  return expandedBy(expander(node), node, around);
}

/**
 * The same where only the masks count: they are known of more operators, and of those nothing but masks may be read.
 */
export function masksOf(node: GraphNode, around: Around): Expansion | string | null {
  if (node.op === 'GroupQueryAttention') return expandedBy(groupQueryMasks, node, around);
  if (isStandard(node)) return expandedBy((own, facts) => expandAttention(own, facts, true), node, around);
  return expandedBy(expander(node), node, around);
}

type Expander = (node: GraphNode, around: Around) => Expansion;

function expandedBy(expand: Expander | string | null, node: GraphNode, around: Around): Expansion | string | null {
  if (expand === null || typeof expand === 'string') return expand;
  try {
    return expand(node, around);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

/** `Attention` of the ONNX standard; the engine has another of that name. */
export const isStandard = (node: GraphNode): boolean => node.op === 'Attention' && node.domain === '';

function expander(node: GraphNode): Expander | string | null {
  if (node.op === 'Attention') return isStandard(node) ? (own, facts) => expandAttention(own, facts) : expandProjected;
  if (node.op === 'MultiHeadAttention') return expandMultiHead;
  if (node.op === 'GroupQueryAttention') return 'its kernel works on a cache with a length for every sample';
  return node.op.endsWith('MultiHeadAttention') ? 'its kernel works on a cache or on packed samples' : null;
}
