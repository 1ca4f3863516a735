/** Every mask that an attention of the graph reads: on the way of scores that are written out, or at a fused node. */
import { fusedOps } from '../diagnose/census';
import type { GraphNode } from '../onnx/graph';
import { shapeOf } from './facts';
import type { MaskTerm, ScoreAxes } from './maskTerms';
import type { FixContext } from './types';

/** Where the additive or boolean mask of scores stands among the inputs of a fused operator. */
function slotOf(node: GraphNode): number | null {
  if (node.op === 'Attention') return node.domain === '' ? 3 : 5;
  if (node.op === 'MultiHeadAttention') return 5;
  return node.op === 'GroupQueryAttention' ? 10 : null;
}

/** Fused masks broadcast to [batch, heads, queries, keys]. */
export const fusedAxes: ScoreAxes = { query: -2, key: -1 };

export const fusedNodes = ({ graph }: FixContext): GraphNode[] => graph.nodes.filter((node) => fusedOps.has(node.op));

/** The mask of scores that a fused node reads; null where it has none. */
export function fusedTerm(context: FixContext, node: GraphNode): MaskTerm | null {
  const slot = slotOf(node);
  const value = slot === null ? '' : (node.inputs[slot] ?? '');
  if (slot === null || value === '' || shapeOf(context, value) === null) return null;
  return {
    value,
    kind: context.dtype(value) === 'bool' ? 'where' : 'add',
    keepWhen: true,
    fill: null,
    reader: { node: node.outputs[0] ?? '', slot },
  };
}

/** Fused nodes where a fully masked row became NaN; the others make such rows zeros themselves. */
export function fusedMaskedRows(context: FixContext): GraphNode[] {
  const born = new Set(
    context.origins
      .filter(({ mechanism }) => mechanism === 'fully-masked-row' || mechanism === 'mask-overflow')
      .map(({ node }) => node),
  );
  const own = fusedNodes(context);
  // NaN that comes in from one layer hides that the next would give birth as well.
  const kinds = new Set(own.filter(({ name }) => born.has(name)).map(({ op, domain }) => `${domain}:${op}`));
  return own.filter(({ op, domain }) => kinds.has(`${domain}:${op}`));
}

/** What to do where a kernel holds what would have to be changed. */
export const writtenOut = '; diagnose it written out in plain operators (--expand-attention)';
