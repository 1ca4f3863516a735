/**
 * A comparison as it arrives from outside: a message, a stored run, a saved file. As with reports, unknown fields are
 * ignored and everything that is shown is checked.
 */
// As a namespace: a page's bundle then holds what is used of zod and not its forty languages.
import * as z from 'zod';
import type { Comparison } from '../core/compare/types';
import { birthMechanism, block, count, jsonNumber, ranges, roles, stage } from './reportSchema';

const variant = z.object({
  label: z.string(),
  model: z.string(),
  roles: z.array(roles),
  memoryRoles: z.array(roles).exactOptional(),
  births: z
    .array(
      z.object({
        layer: z.int().nullable(),
        block,
        stage,
        mechanism: birthMechanism,
        op: z.string().nullable(),
        node: z.string().nullable(),
        positions: z.array(ranges).nullable(),
      }),
    )
    .nullable(),
  facts: z.array(z.string()),
  difference: jsonNumber.exactOptional(),
  pattern: count,
  nan: z.enum(['none', 'padding', 'real', 'unplaced']),
});

const cell = z.object({
  nan: count,
  of: count,
  padNan: count,
  pad: count,
  realNan: count,
  real: count,
  nanAt: ranges,
});

const row = z.object({
  layer: z.int().nullable(),
  block,
  stage,
  port: z.enum(['in', 'out']),
  label: z.string(),
  sequence: z.literal('memory').exactOptional(),
  cells: z.array(z.array(cell).nullable()),
  whole: z.array(z.boolean().nullable()).exactOptional(),
  same: z.boolean(),
});

export const comparisonSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('comparison'),
  dimensions: z.array(
    z.enum(['attention', 'padding', 'lengths', 'dtype', 'level', 'model', 'fix', 'sharding', 'pipeline', 'time']),
  ),
  variants: z.array(variant).min(1),
  rows: z.array(row),
  verdict: z.object({
    same: z.boolean(),
    basis: z.enum(['positions', 'tokens', 'kind']),
    firstDifference: count.nullable(),
    sentence: z.string(),
  }),
  notes: z.array(z.string()),
}) satisfies z.ZodType<Comparison>;
