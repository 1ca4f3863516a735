import type { Evidence } from '../../report';
import { jsonNumber } from '../../trace/jsonNumber';
import { outsideDomain } from './elementwise';
import { madeBy, rowEvidence } from './rowEvidence';
import type { BirthContext, BirthRule, Explained } from './types';
import { showNumber } from './types';

/** No rule fits: the operands are shown as they are, nothing is guessed; `declined` says why each rule did not hold. */
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
