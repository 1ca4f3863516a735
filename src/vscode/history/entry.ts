/** A run that was kept: what a list says of it. */
import { z } from 'zod';
import { batchText } from '../../app/render/batch';
import { verdictSentence } from '../../core/trace/verdict';
import type { Saved } from '../savedReport';

export const entrySchema = z.object({
  id: z.uuid(),
  /** Milliseconds since 1970. */
  at: z.number().min(0).max(8.64e15),
  kind: z.enum(['report', 'comparison']),
  /** As the person called it; `null` until somebody does. */
  name: z.string().max(200).nullable(),
  model: z.string(),
  /** The batch of a diagnosis in words, the variants of a comparison. */
  about: z.string(),
  verdict: z.string(),
  /** Of the run itself. */
  bytes: z.int().min(0),
});
export type HistoryEntry = z.infer<typeof entrySchema>;

export function entryOf(saved: Saved, id: string, at: number, bytes: number): HistoryEntry {
  const { model, about, verdict } = factsOf(saved);
  const clip = (text: string): string => text.slice(0, longest);
  return {
    id,
    at,
    kind: saved.kind,
    name: null,
    bytes,
    model: clip(model),
    about: clip(about),
    verdict: clip(verdict),
  };
}

/** Names come from files, and nobody reads more of a line. */
const longest = 1000;

function factsOf(saved: Saved): Pick<HistoryEntry, 'model' | 'about' | 'verdict'> {
  if (saved.kind === 'report') {
    const { report } = saved;
    return { model: report.model.name, about: batchText(report.batch), verdict: verdictSentence(report) };
  }
  const { variants, verdict } = saved.comparison;
  return {
    model: [...new Set(variants.map(({ model }) => model))].join(', '),
    about: variants.map(({ label }) => label).join(' · '),
    verdict: verdict.sentence,
  };
}
