/** What the panel's tab of a comparison shows, and what it asks for. */
// As a namespace: a page's bundle then holds what is used of zod and not its forty languages.
import * as z from 'zod';
import type { Comparison } from '../core/compare/types';
import type { ErrorCode, ErrorPayload } from '../core/errors';
import { comparisonSchema } from './comparisonSchema';

export interface ComparisonState {
  /** Another one whenever another comparison is shown: the page then brings its tab to the front, once. */
  readonly id: string;
  /** What is compared, in a few words. */
  readonly title: string;
  readonly phase: 'running' | 'done' | 'error' | 'cancelled';
  readonly progress: { readonly text: string; readonly fraction: number | null } | null;
  /** Labels of the variants that are run, in their order; while running. */
  readonly planned: readonly string[];
  readonly error: ErrorPayload | null;
  readonly comparison: Comparison | null;
}

export const comparisonState = z.object({
  id: z.string(),
  title: z.string(),
  phase: z.enum(['running', 'done', 'error', 'cancelled']),
  progress: z.object({ text: z.string(), fraction: z.number().nullable() }).nullable(),
  planned: z.array(z.string()),
  error: z.object({ code: z.string<ErrorCode>(), message: z.string(), hint: z.string() }).nullable(),
  comparison: comparisonSchema.nullable(),
}) satisfies z.ZodType<ComparisonState>;

export const panelTabs = ['diagnosis', 'comparison'] as const;
export type PanelTab = (typeof panelTabs)[number];

export const exportFormats = ['markdown', 'csv', 'json'] as const;
export type ExportFormat = (typeof exportFormats)[number];
