import type { Evidence } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import type { RowLook } from '../../probe/inspect/softmaxRows';
import type { RowPlan } from '../rows/rowPlan';
import { positiveInfinity } from '../rows/rowStory';
import { largest } from './family';
import { rowEvidence } from './rowEvidence';
import type { BirthContext, BirthRule } from './types';
import { show, showNumber } from './types';

/** +inf in a softmax's row: exp(+inf − (+inf)) = exp(NaN). Where the +inf came from is read on the way back to Q·Kᵀ. */
export const scoreOverflow: BirthRule = {
  id: 'score-overflow',
  explain(context) {
    const { birth, rows, plan, where } = context;
    if (!plan && birth.node.op !== 'Softmax' && birth.node.op !== 'LogSoftmax') return null;
    if (!rows?.example) return { declines: 'the rows of the softmax could not be read' };
    if (rows.withPosInf === 0) return { declines: 'no row holds +inf' };
    const look = rows.looks.find((entry) => entry.kind === 'overflow');
    const story = plan && look ? rowEvidence(context, plan, look) : null;
    const source = plan && look ? sourceOf(plan, look, context) : null;
    const count = look?.scores.reduce((sum, score) => sum + (score === Infinity ? 1 : 0), 0) ?? rows.example.posInf;
    const keys = look?.scores.length ?? rows.example.length;
    const cell = look?.cell ?? rows.example.cell;
    return {
      evidence: {
        rows: rows.overflowCells,
        rowsInAllHeads: rows.withPosInf,
        keys,
        posInfInRow: count,
        exampleRow: {
          sample: context.sampleOf(cell),
          position: context.positionOf(cell),
          scores: look ? Array.from(look.scores.slice(0, 8), jsonNumber) : rows.example.values,
        },
        ...(source?.evidence ?? {}),
        ...(story?.evidence ?? {}),
        ...(rows.allNegInf > 0 ? { rowsEntirelyNegInf: rows.maskedCells } : {}),
      },
      explanation:
        `${where}: ${String(count)} of the row's ${String(keys)} scores ${count === 1 ? 'is' : 'are'} +inf${source ? `: ${source.text}` : ''}. ` +
        (plan?.like.form === 'over-sum'
          ? 'This softmax is written out: exp(+inf) is +inf, and +inf / +inf = NaN.'
          : "Softmax subtracts the row's maximum: exp(+inf − (+inf)) = exp(NaN). A mask cannot cause this; the scores left the range of the type.") +
        (rows.allNegInf > 0 ? ` ${String(rows.maskedCells)} more rows are −inf throughout instead.` : ''),
    };
  },
};

/** What made the row's first +inf: a sum of products, a scale, a mask. */
function sourceOf(
  plan: RowPlan,
  look: RowLook,
  { dtype }: BirthContext,
): { readonly evidence: Evidence; readonly text: string } | null {
  const found = positiveInfinity(plan, look);
  if (!found) return null;
  if (found.step) {
    const { node } = found.step;
    const values = found.operands.map(jsonNumber);
    const shown = values.map(showNumber).join(', ');
    return {
      evidence: {
        from: { node: node.name, op: node.op, key: found.key, tensors: node.inputs, values, result: 'Infinity' },
      },
      text: `${node.name} (${node.op}) of ${shown} gives +inf at key ${String(found.key)}`,
    };
  }
  const { product } = plan;
  const terms = look.product?.operands.map((operand) => operand.values);
  const [left, right] = terms ?? [];
  if (!product || !left || !right)
    return {
      evidence: { from: { key: found.key, node: null, op: null } },
      text: `it is +inf at key ${String(found.key)} as the scores come`,
    };
  const size = left.length;
  let sum = 0;
  for (let k = 0; k < size; k += 1) sum += (left[k] ?? 0) * (right[k] ?? 0);
  const top = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const infinite = [left, right].map((values) => values.reduce((n, value) => n + (Number.isFinite(value) ? 0 : 1), 0));
  return {
    evidence: {
      from: {
        node: product.node.name,
        op: product.node.op,
        key: found.key,
        tensors: product.operands,
        terms: size,
        maxAbs: [jsonNumber(top(left)), jsonNumber(top(right))],
        infinite,
        sum: jsonNumber(sum),
        largest: largest(dtype),
        result: 'Infinity',
      },
    },
    text:
      `the ${String(size)} products of ${product.node.name} at key ${String(found.key)} add up to ${show(sum)}` +
      ` (largest operands ${show(top(left))} and ${show(top(right))}), and ${dtype} ends at ${show(largest(dtype))}`,
  };
}
