import type { InfiniteOperand } from '../diagnose/infinity';
import { infiniteOf } from '../diagnose/infinity';
import { largest } from '../diagnose/births/family';
import type { GraphNode } from '../onnx/graph';
import type { BirthMechanism } from '../report';
import { isElementwise, keepsElementOrder } from '../onnx/axes/rules';
import { uniform } from '../diagnose/rows/maskParts';
import { bornBy, insideBody, plural, repeated, tooOld } from './born';
import { EditPlan } from './editPlan';
import { dtypeOf } from './facts';
import { mostExp, tiny } from './lowest';
import type { NodeBlock } from './nodeBlock';
import type { Fix, FixContext } from './types';

/**
 * What a function reads is kept inside of what it is defined for. The numbers that come out where it had to be moved
 * are new: the model never had any there.
 *
 * Case 1: Log, Sqrt, and Pow with a fraction: not below a small positive number. Case 2: Exp, whose infinity became NaN
 * later: not above what has a finite power. Case 3: Softmax that reads +∞: the largest finite number. Case 4: another
 * node that left the type's range, whose infinity became NaN later: its result is kept at the largest finite number, as
 * is an infinity that is fed. All finite numbers keep their bits.
 */
export const clamp: Fix = {
  id: 'clamp',
  title: 'Keep arguments inside what the function is defined for',
  effect: 'Where an argument was outside, real tokens too get a number that the model never had.',
  plan(context) {
    const old = tooOld(context);
    if (old !== null) return { applies: false, reason: old };
    const { births, inside } = bornBy(context, [...domains, ...overflows]);
    const plan = new EditPlan(context.graph, 'clamp');
    const done = new Map<string, string>();
    const unknown: string[] = [];
    const [fills, damaged] = [new Set<string>(), new Set<string>()];
    for (const { node, origin } of births) {
      const sourced = infiniteOf(origin);
      const sources = domains.includes(origin.mechanism) ? [node] : infiniteSources(context, node, sourced);
      const clamped = sources
        .flatMap((source) => repeated(context, source))
        .filter((own) => keepInside(context, plan, done, own));
      if (clamped.length > 0) continue;
      const made = sourced.filter(({ how }) => how !== 'stored');
      for (const { tensor } of made) keepFinite(context, plan, done, tensor);
      if (made.length > 0) continue;
      for (const { tensor } of sourced) (isFill(context, tensor) ? fills : damaged).add(tensor);
      if (sourced.length === 0) unknown.push(node.name);
    }
    if (done.size > 0) {
      return {
        applies: true,
        edits: plan.edits,
        note: `Bounds the numbers at ${plural(done.size, 'place')}: ${[...done]
          .slice(0, 4)
          .map(([name, how]) => `${name} ${how}`)
          .join(', ')}.`,
      };
    }
    if (damaged.size > 0)
      return {
        applies: false,
        reason: `${[...damaged].join(', ')} is stored with an infinity: load the checkpoint again, or convert it anew.`,
      };
    if (fills.size > 0)
      return { applies: false, reason: `${[...fills].join(', ')} is −inf to mask with: finite-mask is for that.` };
    if (unknown.length > 0)
      return {
        applies: false,
        reason:
          `What ${unknown.join(', ')} reads was infinite before, and not from Exp: scale it down where it is made, or ` +
          'compute that part in a wider type.',
      };
    if (inside.length > 0) return { applies: false, reason: insideBody(inside) };
    return { applies: false, reason: 'No NaN is born in a function outside of what it is defined for.' };
  },
};

const domains: readonly BirthMechanism[] = ['log-of-negative', 'sqrt-of-negative', 'pow-of-negative'];
const overflows: readonly BirthMechanism[] = ['inf-minus-inf', 'inf-over-inf', 'zero-times-inf', 'score-overflow'];

/** A stored −∞ that fills masks: masks have fixes of their own. */
const isFill = ({ graph }: FixContext, value: string): boolean => uniform(graph, value) === -Infinity;

function keepFinite(context: FixContext, plan: EditPlan, done: Map<string, string>, value: string): void {
  const name = context.graph.producer.get(value)?.name ?? value;
  if (done.has(name)) return;
  const dtype = dtypeOf(context, value);
  const limit = largest(dtype);
  plan.filter(value, (block, source) => block.atLeast(block.atMost(source, dtype, limit), dtype, -limit));
  done.set(name, 'finite');
}

/** @returns whether it was bounded, now or before. */
function keepInside(context: FixContext, plan: EditPlan, done: Map<string, string>, node: GraphNode): boolean {
  if (done.has(node.name)) return true;
  const value = node.inputs[0] ?? '';
  const dtype = dtypeOf(context, value);
  const bound = boundOf(node, dtype);
  if (!bound) return false;
  const block = plan.block();
  const bounded = bound.make(block, value);
  plan.insert(node.index, block);
  plan.replace(value, bounded, [{ node: node.outputs[0] ?? '', slot: 0 }]);
  done.set(node.name, bound.how);
  return true;
}

function boundOf(
  { op }: GraphNode,
  dtype: string,
): { readonly how: string; make(block: NodeBlock, value: string): string } | null {
  switch (op) {
    case 'Log':
    case 'Sqrt':
    case 'Pow': {
      const low = tiny(dtype);
      return { how: `not below ${String(low)}`, make: (block, value) => block.atLeast(value, dtype, low) };
    }
    case 'Exp': {
      const high = mostExp(dtype);
      return { how: `not above ${String(high)}`, make: (block, value) => block.atMost(value, dtype, high) };
    }
    case 'Softmax':
    case 'LogSoftmax': {
      const high = largest(dtype);
      // −∞ stays: it is what masks are made of.
      return { how: 'not +∞', make: (block, value) => block.atMost(value, dtype, high) };
    }
    default:
      return null;
  }
}

const furthest = 8;
const through = new Set(['ReduceSum', 'ReduceMean', 'Transpose', 'Concat', 'Slice', 'Gather']);

/**
 * Exp nodes that what a node reads was made of by sums and products; itself where it is a softmax.
 * @param sourced where its infinities first came, empty where that was not measured.
 */
function infiniteSources(
  { graph }: FixContext,
  born: GraphNode,
  sourced: readonly InfiniteOperand[],
): readonly GraphNode[] {
  if (born.op === 'Softmax' || born.op === 'LogSoftmax') return [born];
  if (sourced.length > 0)
    return sourced.flatMap(({ tensor, op }) => (op === 'Exp' ? (graph.producer.get(tensor) ?? []) : []));
  const found = new Set<GraphNode>();
  const seen = new Set<string>();
  const walk = (value: string, depth: number): void => {
    const node = graph.producer.get(value);
    if (!node || depth > furthest || seen.has(value)) return;
    seen.add(value);
    if (node.op === 'Exp') {
      found.add(node);
      return;
    }
    if (!isElementwise(node) && !keepsElementOrder(node) && !through.has(node.op)) return;
    for (const input of node.inputs) walk(input, depth + 1);
  };
  for (const input of born.inputs) walk(input, 0);
  return [...found];
}
