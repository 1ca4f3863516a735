/** What the guard's helper answers, checked: it runs inside a program that may have replaced anything. */
import * as z from 'zod';
import type { GuardHit, GuardStatus, WatchedTensor } from '../core/live/guard';
import { guardLevels } from '../core/live/guard';
import { birthMechanisms } from '../core/report';
import { count, number, parsed, text } from './answer';

const ranges = z
  .string()
  .regex(/^[\d,-]*$/)
  .max(100_000);

const watched = z.object({
  name: text.nullable(),
  type: text,
  shape: z.array(z.int().min(-1)).max(64).default([]),
  dtype: text.default(''),
  nan: count.optional(),
  posInf: count.optional(),
  negInf: count.optional(),
  min: number.nullish(),
  max: number.nullish(),
  skipped: text.nullish(),
  positions: z
    .object({
      nan: z.array(ranges).max(100_000),
      padding: z.enum(['exactly', 'inside', 'beyond']).nullish(),
    })
    .nullish(),
});

const place = z.object({ file: text, line: count, function: text });
const level = z.enum(guardLevels);
const hit = z.object({
  level,
  op: text.nullable(),
  module: z.object({ path: text.nullable(), class: text, root: text }).nullable(),
  at: place.nullable(),
  inputs: z.array(watched).max(1000),
  output: watched,
  mechanism: z.enum(birthMechanisms),
  why: text,
  thread: text,
  pid: count,
  stop: z.enum(['line', 'after']).nullable(),
});
const status = z.object({
  armed: z.boolean(),
  waiting: z.boolean(),
  level,
  modes: z.enum(['dispatch', 'function', 'none']).nullable(),
  checked: count,
  errors: count,
  lastError: text.nullable(),
  sickInputs: z.object({ count, first: text.nullable() }),
  left: count,
  hits: z.array(hit).max(1000),
});

export function readGuardStatus(answer: string): GuardStatus {
  const { hits, ...rest } = parsed(status, answer);
  return {
    ...rest,
    hits: hits.map((one): GuardHit => ({ ...one, inputs: one.inputs.map(tensorOf), output: tensorOf(one.output) })),
  };
}

function tensorOf({
  nan,
  posInf,
  negInf,
  min,
  max,
  skipped,
  positions,
  ...same
}: z.infer<typeof watched>): WatchedTensor {
  const read = nan !== undefined && posInf !== undefined && negInf !== undefined;
  return {
    ...same,
    counts: read ? { nan, posInf, negInf } : null,
    min: min ?? null,
    max: max ?? null,
    skipped: skipped ?? null,
    nanAt: positions?.nan ?? null,
    padding: positions?.padding ?? null,
  };
}
