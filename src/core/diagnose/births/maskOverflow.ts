import { jsonNumber } from '../../trace/jsonNumber';
import type { Overflowed } from '../rows/rowStory';
import { formulaOf, maskedRow } from './fullyMaskedRow';
import { largest } from './family';
import { madeBy, rowEvidence } from './rowEvidence';
import type { BirthRule } from './types';
import { showNumber } from './types';

/**
 * Masks that are finite on purpose (`finfo.min`), so that no row is −inf: but two of them, or one and a negative
 * score, add up past the type's lowest value, and then the row is −inf throughout after all. Also where the lowest
 * float32 is cast to a type that ends earlier. A row whose other keys a mask removed with −inf itself counts: without
 * the overflow it would not be −inf throughout.
 */
export const maskOverflow: BirthRule = {
  id: 'mask-overflow',
  explain(context) {
    const row = maskedRow(context);
    if (!row || 'declines' in row) return row;
    const { look, plan } = row;
    if (!look || !plan) return { declines: 'the masks could not be followed' };
    const { story, evidence } = rowEvidence(context, plan, look);
    const { overflow, by, negInf } = story;
    if (!overflow) return { declines: 'no finite numbers add up to −inf in the row' };
    if (story.cells.includes('s'))
      return { declines: `${String(by.scores)} of the row's scores are −inf before any mask is applied` };
    const { dtype, node } = overflow.step;
    const lowest = -largest(dtype);
    const formula = formulaText(overflow);
    const rest = negInf - by.overflow;
    return {
      evidence: {
        rows: context.rows?.maskedCells ?? 0,
        rowsInAllHeads: context.rows?.allNegInf ?? 0,
        keys: look.scores.length,
        masks: plan.masks.map((mask) => mask.value),
        overflow: {
          node: node.name,
          op: node.op,
          key: overflow.key,
          tensors: node.inputs,
          values: overflow.operands.map(jsonNumber),
          result: '-Infinity',
          dtype,
          lowest: jsonNumber(lowest),
        },
        ...evidence,
      },
      explanation:
        `${context.where}: the masks are finite, but ${formula} in ${dtype}, whose lowest value is ${showNumber(lowest)} (${node.name}). ` +
        `So all ${String(look.scores.length)} scores of the row are −inf (${madeBy(story)})` +
        `${rest > 0 ? `; ${String(rest)} of them a mask removed with −inf itself` : ''}. ${formulaOf(plan)}`,
    };
  },
};

function formulaText({ step, operands }: Overflowed): string {
  const shown = operands.map((value) => showNumber(jsonNumber(value)));
  const bracketed = shown.map((text) => (text.startsWith('−') ? `(${text})` : text));
  switch (step.node.op) {
    case 'Cast':
    case 'CastLike':
      return `${shown[0] ?? '?'} becomes −inf`;
    case 'Sub':
      return `${bracketed.join(' − ')} = −inf`;
    case 'Mul':
      return `${bracketed.join(' × ')} = −inf`;
    case 'Div':
      return `${bracketed.join(' / ')} = −inf`;
    default:
      return `${bracketed.join(' + ')} = −inf`;
  }
}
