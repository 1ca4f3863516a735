/** The batch bar's fields: from the host's choice, as typed, and back; pure. */
import type { BatchChoice, PanelState } from '../../src/protocol/panel';
import type { BatchDraft } from './ui';

export const draftOf = (batch: BatchChoice): BatchDraft => ({
  kind: batch.kind,
  lengths: batch.lengths.join(', '),
  pad: batch.pad,
  seed: String(batch.seed),
  mask: batch.mask ?? '',
  padId: batch.padId === undefined ? '' : String(batch.padId),
  expandAttention: batch.expandAttention === true,
  level: batch.level,
});

/** Whether there is fused attention to write out, or was before it was written out. */
export const hasFused = ({ batch, report, look }: PanelState): boolean =>
  batch.expandAttention === true ||
  ((report?.model ?? look?.model)?.attention.some(({ kind }) => kind === 'fused') ?? false);

const maxLength = 1_000_000;
const maxSamples = 1024;

/** What is wrong with the lengths as typed, in one sentence with a way out; null when they are fine. */
export function lengthsProblem(text: string): string | null {
  const parts = splitList(text);
  if (parts.length === 0) {
    return 'Give one length per sample, for example 5, 35.';
  }
  const odd = parts.find((part) => !/^\d+$/.test(part));
  if (odd !== undefined) {
    return `“${odd}” is not a whole number: give lengths such as 5, 35.`;
  }
  if (parts.some((part) => Number(part) > maxLength)) {
    return 'A sample can have at most 1,000,000 tokens.';
  }
  if (parts.length > maxSamples) {
    return 'A batch can have at most 1,024 samples.';
  }
  return parts.every((part) => Number(part) === 0) ? 'At least one sample needs a token.' : null;
}

export const seedProblem = (text: string): string | null =>
  /^\d{1,10}$/.test(text.trim()) && Number(text) <= 0xffff_ffff
    ? null
    : 'The seed is a whole number from 0 to 4294967295.';

/** Empty leaves it to the model. */
export const padIdProblem = (text: string): string | null =>
  /^\d{0,10}$/.test(text.trim()) && Number(text) <= 0x7fff_ffff
    ? null
    : 'A pad id is a whole number, such as 0 or 151643.';

/** What the host is asked to run; null while a field is invalid. */
export function batchOf(typed: BatchDraft, known: BatchChoice): BatchChoice | null {
  const { padId: _, expandAttention: __, ...rest } = known;
  const padId = typed.padId.trim();
  const base = {
    ...rest,
    kind: typed.kind,
    pad: typed.pad,
    mask: typed.mask === '' ? null : typed.mask,
    level: typed.level,
    ...(padId === '' ? {} : { padId: Number(padId) }),
    ...(typed.expandAttention ? { expandAttention: true as const } : {}),
  };
  if (padIdProblem(typed.padId) !== null) {
    return null;
  }
  if (typed.kind === 'file') {
    return known.file === null ? null : base;
  }
  if (lengthsProblem(typed.lengths) !== null || seedProblem(typed.seed) !== null) {
    return null;
  }
  return { ...base, lengths: splitList(typed.lengths).map(Number), seed: Number(typed.seed) };
}

const splitList = (text: string): string[] => text.split(/[\s,;]+/).filter((part) => part !== '');
