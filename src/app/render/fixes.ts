/** Fixes in words, shared by the terminal and the Markdown report. Nothing here is escaped yet. */
import type { FixKind, FixResult, FixRow } from '../../core/report';
import { placeOf } from '../../core/trace/verdict';
import { capitalised, referenceText, verdictMeaning } from './findings';
import { shortNumber, shortRatio } from './numbers';

export interface FixGroups {
  /** What was tried, in the order of the report, which is best first. */
  readonly tried: readonly FixResult[];
  /** What people do that removes NaN and not the error; never to be recommended. */
  readonly warnings: readonly FixResult[];
  readonly declined: readonly FixResult[];
}

export function fixGroups(fixes: readonly FixResult[]): FixGroups {
  const own = fixes.filter(({ kind }) => kind !== 'trap');
  return {
    tried: own.filter(({ verdict }) => verdict !== 'declines'),
    warnings: fixes.filter(({ kind, verdict }) => kind === 'trap' && verdict !== 'declines'),
    declined: own.filter(({ verdict }) => verdict === 'declines'),
  };
}

/** What is changed by a fix, as a column says it. */
export const kindText: Readonly<Record<FixKind, string>> = {
  graph: 'model',
  batch: 'batch',
  combination: 'several',
  trap: 'trap',
};

/** `0`, `30 (pads)`, `35 (5 real)`: positions of the outputs that are still NaN. */
export function nanLeft({ nanAfter, realNanAfter }: FixResult): string {
  if (nanAfter === null) return '–';
  if (nanAfter === 0) return '0';
  return `${String(nanAfter)} (${realNanAfter === 0 ? 'pads' : `${String(realNanAfter ?? '–')} real`})`;
}

/** Figures as a table shows them: NaN left, difference at real tokens, top token, cost. */
export const fixFigures = (fix: FixResult): readonly [string, string, string, string] => [
  nanLeft(fix),
  shortNumber(fix.realMaxAbsDiff),
  fix.topTokenSame === null ? '–' : fix.topTokenSame ? 'same' : 'other',
  shortRatio(fix.costRatio),
];

export const figureTitles = ['NaN left', 'real tokens differ', 'top token', 'cost'] as const;

/** What the figures were compared with; one sentence for each reference that was used. */
export function referenceSentences(fixes: readonly FixResult[]): string[] {
  const seen = new Map<string, FixResult[]>();
  for (const fix of fixes) {
    if (fix.verdict === 'declines' || fix.reference === 'none') continue;
    const key = `${fix.reference} ${String(fix.tolerance)}`;
    seen.set(key, [...(seen.get(key) ?? []), fix]);
  }
  return [...seen.values()].map((own) => {
    const [first] = own;
    const who = seen.size === 1 ? '' : `${own.map(({ id }) => id).join(', ')}: `;
    const tolerance = first?.tolerance ?? null;
    return `${who}compared with ${referenceText[first?.reference ?? 'none']}${tolerance === null ? '' : `, tolerance ${shortNumber(tolerance)}`}.`;
  });
}

/** The first row of the table where real tokens are not those of the reference; null where all are, or none was seen. */
export function firstDifferent({ byRow, tolerance }: FixResult): FixRow | null {
  const limit = tolerance ?? 0;
  return byRow?.find(({ maxAbsDiff }) => typeof maxAbsDiff !== 'number' || maxAbsDiff > limit) ?? null;
}

/** Why a fix is what it is; with `effect`, what it changes too. Sentences. */
export function whyText(fix: FixResult): string {
  const sentences = [fix.reason === '' ? `${capitalised(verdictMeaning[fix.verdict])}.` : capitalised(fix.reason)];
  const row = fix.verdict === 'hides' ? firstDifferent(fix) : null;
  // At the outputs it is the figure itself.
  if (row !== null && row.stage !== 'logits') sentences.push(`They differ from ${placeOf(row)} on.`);
  const shift = shiftText(fix);
  // The reason may have said it with its own figure.
  if (shift !== null && !fix.reason.includes('wrong end')) sentences.push(shift);
  return sentences.map((sentence) => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`)).join(' ');
}

export function shiftText({ paddingShift, tolerance }: FixResult): string | null {
  const shift = paddingShift ?? null;
  if (shift === null || shift <= (tolerance ?? 0)) return null;
  return `Padding alone shifts real tokens by ${shortNumber(shift)}: positions are counted from the wrong end.`;
}

/** `Replace NaN by 0 in the outputs: real tokens differ by 3.7, top token other, NaN left 0. …` */
export function warningText(fix: FixResult): string {
  const harm = {
    hides: `no NaN, and real tokens are wrong by ${shortNumber(fix.realMaxAbsDiff)}${fix.topTokenSame === false ? ', the top token among them' : ''}`,
    fails: `NaN stays at ${positions(fix.realNanAfter, 'real position')}`,
    partial: `NaN stays at ${positions(fix.nanAfter, 'pad position')}`,
    heals: 'real tokens come out right in this batch, and need not in the next',
    unproven: 'no NaN, and nothing says whether the numbers are right',
    declines: 'does not apply',
  }[fix.verdict];
  return `${fix.title}: ${harm}.${fix.effect === undefined ? '' : ` ${fix.effect}`}`;
}

const positions = (count: number | null, noun: string): string =>
  `${String(count ?? 0)} ${noun}${count === 1 ? '' : 's'}`;

/** `batch 1: samples 0, 2; batch 2: sample 1`. */
export const batchesText = (batches: readonly (readonly number[])[]): string =>
  batches
    .map((samples, i) => `batch ${String(i + 1)}: ${samples.length === 1 ? 'sample' : 'samples'} ${samples.join(', ')}`)
    .join('; ');
