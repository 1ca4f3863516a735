/** Messages between the extension host and the page that lists a stopped program's tensors. Both sides validate. */
import * as z from 'zod';
import type { ErrorPayload } from '../core/errors';
import type { LiveDetail, LiveScope, LiveTensor } from '../core/live/tensor';
import type { TrackedStep, WatchState } from '../core/live/watch';

const count = z.int().min(0);
const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
const rows = z.array(z.array(count));

const tensorShape = {
  path: z.string().nullable(),
  name: z.string(),
  origin: z.enum(['local', 'attribute', 'buffer', 'parameter', 'item']),
  library: z.string(),
  type: z.string(),
  dtype: z.string(),
  shape: z.array(z.int().min(-1)),
  device: z.string(),
  elements: count,
  requiresGrad: z.boolean(),
  counts: z.object({ nan: count, posInf: count, negInf: count }).nullable(),
  min: number.nullable(),
  max: number.nullable(),
  mean: number.nullable(),
  scanned: count.nullable(),
  skipped: z.string().nullable(),
  note: z.string().nullable(),
  sameAs: z.string().nullable(),
};
const tensor = z.object(tensorShape) satisfies z.ZodType<LiveTensor>;
const scope = z.object({
  tensors: z.array(tensor),
  more: count,
  outOfTime: z.boolean(),
  ms: z.number(),
}) satisfies z.ZodType<LiveScope>;
const detail = z.object({
  ...tensorShape,
  axes: z.object({ sample: count.nullable(), position: count.nullable(), why: z.string() }),
  cells: z.object({ nan: rows, posInf: rows, negInf: rows }).nullable(),
  roles: z.object({ from: z.string(), rows: z.array(z.string()) }).nullable(),
  histogram: z.object({ edges: z.array(z.number()), counts: z.array(count) }).nullable(),
  values: z.array(z.array(z.union([z.number(), z.string()]))).nullable(),
  index: z.array(count),
}) satisfies z.ZodType<LiveDetail>;
const step = z.object({
  place: z.string().nullable(),
  condition: z.enum(['nan', 'inf', 'unread', 'clean']).nullable(),
  sickness: z.string(),
}) satisfies z.ZodType<TrackedStep>;
const error = z.object({ code: z.string(), message: z.string(), hint: z.string() });

const watchState = z.object({
  phase: z.enum(['idle', 'reading', 'read', 'none', 'unsupported', 'failed']),
  session: z.string().nullable(),
  place: z.string().nullable(),
  scope: scope.nullable(),
  error: error.nullable(),
  open: z.record(z.string(), detail.nullable()),
  tracked: z.record(z.string(), z.array(step)),
});

/** As the page sees it: an error's code is text to it. */
export type ShownWatch = Omit<WatchState, 'error'> & {
  readonly error: Pick<ErrorPayload, 'message' | 'hint'> | null;
};

export const toTensors = z.object({ type: z.literal('state'), state: watchState });
export type ToTensors = { readonly type: 'state'; readonly state: WatchState };

const path = z.string().max(10_000);
export const fromTensors = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('refresh') }),
  z.strictObject({ type: z.literal('open'), path, index: z.array(count).max(64) }),
  z.strictObject({ type: z.literal('close'), path }),
  z.strictObject({ type: z.literal('track'), path, on: z.boolean() }),
]);
export type FromTensors = z.infer<typeof fromTensors>;
