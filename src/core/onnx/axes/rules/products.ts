/** Matrix products: batch axes meet, one axis of each is summed away. */
import { intAttribute, stringAttribute } from '../../graph';
import type { AxisMap, Rule, RuleContext, RuleResult } from '../rule';
import { broadcast, broadcastMap, nothing } from '../rule';
import type { Axis, TensorAxes } from '../types';
import { axisLabelled, asKey, mergeAxis, positionPlace, withoutKey } from '../types';

export const matmul: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  return product(context, context.axes(0), context.axes(1), shape);
};

/** A[…, M, K] × B[…, K, N]; one-dimensional operands as NumPy's matmul has them. */
function product(context: RuleContext, a: TensorAxes, b: TensorAxes, shape: readonly number[]): RuleResult {
  const rank = shape.length;
  const hasM = a.length > 1;
  const hasN = b.length > 1;
  const batchRank = rank - (hasM ? 1 : 0) - (hasN ? 1 : 0);
  const aBatch = hasM ? a.slice(0, -2) : [];
  const bBatch = hasN ? b.slice(0, -2) : [];
  const out: Axis[] = [...broadcast([aBatch, bBatch], shape.slice(0, batchRank))];
  const m = hasM ? a.at(-2) : undefined;
  const n = hasN ? b.at(-1) : undefined;
  const swapped = context.keyOperand === 0 && m !== undefined && n !== undefined && axisLabelled(m) && axisLabelled(n);
  if (m) out.push(swapped ? asKey(m) : m);
  if (n) {
    const queryKnown = !swapped && positionPlace(out) !== null;
    out.push(queryKnown && axisLabelled(n) ? asKey(n) : n);
  }
  const mapOf = (axes: TensorAxes, batch: TensorAxes, own: 'm' | 'n'): number[] => {
    const map = broadcastMap(batch.length, batchRank);
    if (axes.length === 1) return [-1];
    return own === 'm' ? [...map, batchRank, -1] : [...map, -1, rank - 1];
  };
  const maps: (AxisMap | null)[] = context.node.inputs.map(() => null);
  maps[0] = mapOf(a, aBatch, 'm');
  maps[1] = mapOf(b, bBatch, 'n');
  return { outputs: [out], maps };
}

export const gemm: Rule = (context) => {
  const shape = context.outShape(0);
  if (!shape) return nothing(context);
  const flip = (axes: TensorAxes, name: string): TensorAxes =>
    intAttribute(context.node, name, 0) === 0 ? axes : [...axes].reverse();
  const result = product(context, flip(context.axes(0), 'transA'), flip(context.axes(1), 'transB'), shape);
  const maps = [...result.maps];
  for (const [i, name] of [
    [0, 'transA'],
    [1, 'transB'],
  ] as const) {
    const map = maps[i];
    if (map && map !== 'layout' && intAttribute(context.node, name, 0) !== 0) maps[i] = [...map].reverse();
  }
  if (context.inputCount > 2) maps[2] = broadcastMap(context.axes(2).length, shape.length);
  return { outputs: result.outputs, maps };
};

/** `...` replaced by letters that the equation does not use, right-aligned as broadcasting has them. */
function writtenOut(equation: string, context: RuleContext): string {
  if (!equation.includes('...')) return equation;
  const spare = 'ZYXWVUTSRQPONMLKJIHGFEDCBA'.split('').filter((letter) => !equation.includes(letter));
  const [left = '', right] = equation.split('->');
  if (right === undefined) return equation;
  let longest = 0;
  const terms = left.split(',').map((term, i) => {
    if (!term.includes('...')) return term;
    const length = context.axes(i).length - (term.length - 3);
    longest = Math.max(longest, length);
    return term.replace('...', spare.slice(0, Math.max(0, length)).reverse().join(''));
  });
  return `${terms.join(',')}->${right.replace('...', spare.slice(0, longest).reverse().join(''))}`;
}

export const einsum: Rule = (context) => {
  const shape = context.outShape(0);
  const equation = stringAttribute(context.node, 'equation')?.replaceAll(' ', '');
  if (!shape || !equation) return nothing(context);
  const [left = '', given] = writtenOut(equation, context).split('->');
  if (left.includes('.') || given?.includes('.') === true) return nothing(context);
  const terms = left.split(',');
  const letters = terms.join('');
  const right =
    given ??
    [...new Set(letters)]
      .filter((letter) => letters.split(letter).length === 2)
      .sort()
      .join('');
  if (right.length !== shape.length || terms.length !== context.inputCount) return nothing(context);
  const out: Axis[] = [];
  let queryTerm = -1;
  for (const letter of right) {
    let best: Axis | null = null;
    let from = -1;
    for (const [term, own] of terms.entries()) {
      const axis = context.axes(term)[own.indexOf(letter)];
      if (!own.includes(letter) || !axis) continue;
      if (!best || (!axisLabelled(best) && axisLabelled(axis))) from = term;
      best = best ? mergeAxis(best, axis) : axis;
    }
    if (!best) return nothing(context);
    if (best.some((factor) => factor.kind === 'position')) {
      if (context.keyOperand !== null) best = from === context.keyOperand ? asKey(best) : withoutKey(best);
      else if (queryTerm === -1) queryTerm = from;
      // The second operand of a score product brings the keys, wherever its letter stands in the result.
      else if (from > queryTerm) best = asKey(best);
      else if (from < queryTerm) {
        for (const [i, axis] of out.entries()) out[i] = asKey(axis);
        queryTerm = from;
      }
    }
    out.push(best);
  }
  return { outputs: [out], maps: terms.map((term) => Array.from(term, (letter) => right.indexOf(letter))) };
};
