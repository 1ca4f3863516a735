import type { Evidence } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import { isInfinite } from './family';
import { madeBy, rowEvidence } from './rowEvidence';
import { numberOf } from './read/elements';
import type { BirthContext, BirthRule, Explained } from './types';
import { show, showNumber } from './types';

/**
 * `unknown`: no rule fits. The operands are shown as they are, nothing is guessed; `declined` says why each rule did not
 * hold.
 */
export function unknownBirth(
  context: BirthContext,
  declined: readonly { readonly mechanism: BirthRule['id']; readonly why: string }[],
): Explained {
  const { birth, rows, operands, inputs, lane, where, sampleOf, positionOf } = context;
  const example = operands?.examples[0];
  const shown = example?.inputs.map((value, i) => `${inputs[i] ?? '?'} = ${showNumber(value)}`).join(', ');
  const row = rowOf(context);
  const domain = outsideDomain(context);
  const evidence: Evidence = {
    operands: inputs,
    examples:
      operands?.examples.map((entry) => ({
        sample: sampleOf(entry.cell),
        position: positionOf(entry.cell),
        at: entry.at,
        values: entry.inputs,
      })) ?? [],
    inputCounts: operands?.inputs.map(({ nan, posInf, negInf, elements }) => ({ nan, posInf, negInf, elements })) ?? [],
    softmaxRow: rows?.example
      ? {
          length: rows.example.length,
          negInf: rows.example.negInf,
          posInf: rows.example.posInf,
          scores: rows.example.values,
        }
      : null,
    ...(row?.evidence ?? {}),
    ...(lane
      ? {
          at: lane.at,
          read: lane.operands.map((operand, i) => ({
            tensor: lane.names[i] ?? null,
            first: Array.from(operand.values?.slice(0, 8) ?? [], jsonNumber),
          })),
        }
      : {}),
    declined: declined.map(({ mechanism, why }) => ({ mechanism, why })),
  };
  const first = shown === undefined || shown === '' ? [] : [`first element: ${shown}`];
  const what = row ? row.text : [...(domain === null ? [] : [domain]), ...first].join('; ');
  return {
    evidence,
    explanation:
      `${where}: ${birth.node.op} gives NaN although nothing that it read was NaN` +
      `${what === '' ? '' : ` (${what})`}. No mechanism that NaNoscope knows explains it; the operands are shown.`,
  };
}

function rowOf(context: BirthContext): { readonly evidence: Evidence; readonly text: string } | null {
  const look = context.rows?.looks[0];
  if (!context.plan || !look) return null;
  const { evidence, story } = rowEvidence(context, context.plan, look);
  const by = madeBy(story);
  return {
    evidence,
    text: `of the row's ${String(look.scores.length)} scores ${String(story.negInf)} are −inf${by === '' ? '' : `: ${by}`}`,
  };
}

/** Where an operator that no listed mechanism is about has no value; in words. */
function outsideDomain(context: BirthContext): string | null {
  const { birth, operands, inputs } = context;
  const slots = birth.node.inputs.map((input) => inputs.indexOf(input));
  const group = operands?.groups[0];
  if (!group) return null;
  const [a = NaN, b = NaN] = slots.map((slot) => numberOf(group.inputs[slot]));
  switch (birth.node.op) {
    case 'Acos':
    case 'Asin':
      return Math.abs(a) > 1 ? `${birth.node.op} is defined between −1 and 1 only, and reads ${show(a)}` : null;
    case 'Acosh':
      return a < 1 ? `Acosh is defined from 1 on, and reads ${show(a)}` : null;
    case 'Atanh':
      return Math.abs(a) > 1 ? `Atanh is defined between −1 and 1 only, and reads ${show(a)}` : null;
    case 'Sin':
    case 'Cos':
    case 'Tan':
      return isInfinite(a) ? `${birth.node.op} has no value at ${show(a)}` : null;
    case 'Mod':
      return b === 0 || isInfinite(a) ? `${show(a)} modulo ${show(b)} is not defined` : null;
    default:
      return null;
  }
}

/**
 * NaN of an output that no origin leads to: the node behind the gap is named, since nothing that was measured before
 * it holds any.
 *
 * @param bodies names of the bodies that the node holds.
 */
export const behindAGap = (
  node: { readonly name: string; readonly op: string },
  bodies: readonly string[],
  where: string,
): Explained => ({
  evidence: { boundary: true, bodies },
  explanation: `${where}: ${node.name} (${node.op}) hands on NaN, and nothing that was measured before it holds any; it was born in or before what ${node.name} reads, where it could not be seen.`,
});
