/**
 * The row of a softmax as evidence:
 * ```
 * row: {
 *   sample, position,           // of the example row
 *   keys, negInf, posInf,       // elements of it
 *   by: { causal, padding, both, other, overflow, scores },   // keys that each of them made −inf; `both` is in
 *                               // `causal` and in `padding` too
 *   cells: "bbbc…",             // one character per key, see `CellCode`; `+` is +inf; cut after 4096
 *   parts: { causal, padding, other }   // names of the tensors that masked
 * }
 * ```
 */
import type { RowLook } from '../../probe/inspect/softmaxRows';
import type { Evidence } from '../../report';
import type { RowPlan } from '../rows/rowPlan';
import type { RowStory } from '../rows/rowStory';
import { rowStory } from '../rows/rowStory';
import type { BirthContext } from './types';

const longestRow = 4096;

export function rowEvidence(
  context: Pick<BirthContext, 'sampleOf' | 'positionOf'>,
  plan: RowPlan,
  look: RowLook,
): { readonly evidence: Evidence; readonly story: RowStory } {
  const story = rowStory(plan, look);
  const cells = story.cells.map((code, key) => (look.scores[key] === Infinity ? '+' : code));
  const { causal, padding, other } = story.parts;
  return {
    story,
    evidence: {
      row: {
        sample: context.sampleOf(look.cell),
        position: context.positionOf(look.cell),
        keys: look.scores.length,
        negInf: story.negInf,
        posInf: look.scores.reduce((sum, score) => sum + (score === Infinity ? 1 : 0), 0),
        by: { ...story.by },
        cells: cells.slice(0, longestRow).join(''),
        parts: { causal, padding, other },
      },
    },
  };
}

/** "34 by the causal mask, 30 by the padding mask, 29 of them by both". */
export function madeBy({ by }: RowStory): string {
  const keys: string[] = [];
  if (by.causal > 0) keys.push(`${String(by.causal)} by the causal mask`);
  if (by.padding > 0) keys.push(`${String(by.padding)} by the padding mask`);
  if (by.both > 0) keys.push(`${String(by.both)} of these by both`);
  if (by.other > 0) keys.push(`${String(by.other)} by another mask`);
  if (by.overflow > 0) keys.push(`${String(by.overflow)} by a sum that left the range of the type`);
  if (by.scores > 0) keys.push(`${String(by.scores)} by the scores themselves`);
  return keys.join(', ');
}
