import type { Check, Explanation } from './types';

/**
 * @param known how the engine is known to differ from what was investigated: then that is what it must give.
 * @param explained what the explanation of the experiment rests on, where the investigation itself says nothing.
 */
export function check(
  what: string,
  expected: string | null,
  measured: string,
  {
    pytorch = null,
    known,
    explained,
  }: { readonly pytorch?: string | null; readonly known?: string; readonly explained?: string | undefined } = {},
): Check {
  return { what, expected, measured, pytorch, verdict: verdictOf(expected, measured, { known, explained }) };
}

function verdictOf(
  expected: string | null,
  measured: string,
  { known, explained }: { readonly known: string | undefined; readonly explained: string | undefined },
): Check['verdict'] {
  if (expected === null) return explained === undefined || measured === explained ? 'measured' : 'disagrees';
  return measured === expected ? 'agrees' : measured === known ? 'differs' : 'disagrees';
}

/** An explanation is written beforehand: it stands only where every outcome is one that it explains. */
export function borneOut(explanation: Explanation, checks: readonly Check[]): Explanation {
  const against = checks.filter(({ verdict }) => verdict === 'disagrees');
  if (against.length === 0) return explanation;
  const came = against.map(({ what, measured }) => `${what} came out as ${measured}`).join('; ');
  return { then: explanation.then, measured: `Not what this run measured: ${came}.`, verdict: 'open' };
}
