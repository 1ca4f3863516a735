/** The preview of a fix as it crosses to the page. `satisfies` refuses a field that the page would not get. */
// As a namespace: a page's bundle then holds what is used of zod and not its forty languages.
import * as z from 'zod';
import type { FixPreview } from '../core/preview/types';

const same = z.object({ count: z.int().min(0), layers: z.string() });

const value = z.object({
  name: z.string(),
  from: z.enum(['input', 'weight', 'constant', 'node', 'omitted']),
  node: z.string().nullable(),
  dtype: z.string().nullable(),
  shape: z.array(z.number()).nullable(),
  text: z.string().nullable(),
  isOutput: z.boolean(),
});

const node = z.object({
  id: z.string(),
  name: z.string(),
  op: z.string(),
  state: z.enum(['kept', 'changed', 'added', 'removed']),
  layer: z.int().nullable(),
  inputs: z.array(value),
  outputs: z.array(value),
  attributes: z.array(z.string()),
  changes: z.array(z.string()),
  more: same,
});

const graph = z.object({ nodes: z.array(node) });

export const fixPreviewSchema = z.object({
  fixId: z.string(),
  steps: z.array(
    z.object({
      fixId: z.string(),
      title: z.string(),
      effect: z.string(),
      note: z.string(),
      edits: z.int().min(0),
      places: z.array(z.object({ label: z.string(), layer: z.int().nullable(), same, before: graph, after: graph })),
    }),
  ),
  notes: z.array(z.string()),
}) satisfies z.ZodType<FixPreview>;
