import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema } from 'onnx-buf';
import { floatAttribute, normalizations } from '../diagnose/rows/lanesOf';
import { softmaxLike } from '../diagnose/rows/softmaxLike';
import { uniform } from '../diagnose/rows/maskParts';
import type { GraphNode } from '../onnx/graph';
import type { Birth } from './born';
import { bornBy, insideBody, plural, repeated, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import { tiny } from './lowest';
import type { Fix, FixContext } from './types';

/**
 * Nothing divides by 0: where a divisor is exactly 0, a small number stands for it, and every other divisor keeps its
 * bits. 0 / 0 is then 0.
 *
 * Case 1: Div. Case 2: a product with a reciprocal that is infinite (`x · 1/√variance`): the reciprocal's divisor.
 * Case 3: a normalization that is one node: its epsilon, so small that it changes no row that is not all the same.
 * Case 4: the sum of a written-out softmax whose row is masked throughout.
 */
export const eps: Fix = {
  id: 'eps',
  title: 'Keep divisors away from 0',
  effect: 'Where a divisor is 0 the result is 0 instead of NaN; all other numbers keep their bits.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    const { births, inside } = bornBy(context, [
      'zero-over-zero',
      'zero-times-inf',
      'sqrt-of-negative',
      'fully-masked-row',
      'mask-overflow',
    ]);
    const plan = new EditPlan(context.graph, 'eps');
    const done = new Set<string>();
    const found = births.filter((birth) => concerns(context, birth));
    for (const { origin, node } of found) {
      for (const own of repeated(context, node))
        keepAway(context, plan, done, own, origin.mechanism === 'sqrt-of-negative');
    }
    if (done.size > 0) {
      return { applies: true, edits: plan.edits, note: `Guards ${plural(done.size, 'divisor')}: ${shown([...done])}.` };
    }
    if (inside.length > 0 && births.length === 0) return { applies: false, reason: insideBody(inside) };
    return { applies: false, reason: 'No NaN is born in a division by 0.' };
  },
};

const shown = (names: readonly string[]): string =>
  names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${String(names.length - 4)} more` : names.join(', ');

/** A vector of zeros is no birth for LpNormalization, which has none: the engine leaves it as it is. */
const hasEpsilon = ({ op }: GraphNode): boolean => normalizations.has(op) && op !== 'LpNormalization';

function concerns(context: FixContext, { node, origin }: Birth): boolean {
  switch (origin.mechanism) {
    case 'zero-over-zero':
      return node.op === 'Div' || hasEpsilon(node);
    case 'sqrt-of-negative':
      return hasEpsilon(node);
    case 'zero-times-inf':
      return node.op === 'Mul' && reciprocalOf(context, node) !== null;
    default:
      return node.op === 'Div' && softmaxLike(context.graph, node)?.form === 'over-sum';
  }
}

function keepAway(context: FixContext, plan: EditPlan, done: Set<string>, node: GraphNode, negative: boolean): void {
  if (done.has(node.name)) return;
  if (hasEpsilon(node)) {
    const half = context.dtype(node.inputs[0] ?? '') === 'float16';
    const f = negative ? 1e-5 : half ? 1e-7 : 1e-12;
    if (floatAttribute(node, 'epsilon', 1e-5) >= f) return;
    const type = AttributeProto_AttributeType.FLOAT;
    plan.attribute(node.outputs[0] ?? '', create(AttributeProtoSchema, { name: 'epsilon', type, f }));
    done.add(node.name);
    return;
  }
  const divided = node.op === 'Div' ? node : reciprocalOf(context, node);
  if (!divided || done.has(divided.name)) return;
  const slot = divided.op === 'Div' ? 1 : 0;
  const divisor = divided.inputs[slot] ?? '';
  const dtype = dtypeOf(context, divisor);
  const block = plan.block();
  const guarded = block.op('Where', [block.isZero(divisor), block.scalar(dtype, tiny(dtype)), divisor]);
  plan.insert(divided.index, block);
  plan.replace(divisor, guarded, [{ node: divided.outputs[0] ?? '', slot }]);
  done.add(divided.name);
}

const copies = new Set(['Identity', 'Cast', 'Unsqueeze', 'Squeeze', 'Expand', 'Reshape']);

/** The reciprocal among a product's operands, seen through copies: `1 / x`, `Reciprocal`, or a negative power. */
function reciprocalOf({ graph }: FixContext, product: GraphNode): GraphNode | null {
  for (const input of product.inputs) {
    let node = graph.producer.get(input);
    while (node && copies.has(node.op)) node = graph.producer.get(node.inputs[0] ?? '');
    if (!node) continue;
    if (node.op === 'Reciprocal' || node.op === 'Div') return node;
    if (node.op === 'Pow' && (uniform(graph, node.inputs[1] ?? '') ?? 0) < 0) return node;
  }
  return null;
}
