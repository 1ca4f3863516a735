/** Messages between the extension host and the page that lists a stopped program's tensors. Both sides validate. */
import * as z from 'zod';
import type { ErrorPayload } from '../core/errors';
import { guardLevels, type FoundNaN, type GuardView, type WatchedTensor } from '../core/live/guard';
import type { LiveDetail, LiveScope, LiveTensor } from '../core/live/tensor';
import type { TrackedStep, WatchState } from '../core/live/watch';
import { birthMechanisms } from '../core/report';

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

const watchedTensor = z.object({
  name: z.string().nullable(),
  type: z.string(),
  shape: z.array(z.int().min(-1)),
  dtype: z.string(),
  counts: z.object({ nan: count, posInf: count, negInf: count }).nullable(),
  min: number.nullable(),
  max: number.nullable(),
  skipped: z.string().nullable(),
  nanAt: z.array(z.string()).nullable(),
  padding: z.enum(['exactly', 'inside', 'beyond']).nullable(),
}) satisfies z.ZodType<WatchedTensor>;
const foundNaN = z.object({
  level: z.enum(guardLevels),
  op: z.string().nullable(),
  module: z.object({ path: z.string().nullable(), class: z.string(), root: z.string() }).nullable(),
  at: z.object({ file: z.string(), line: count, function: z.string() }).nullable(),
  inputs: z.array(watchedTensor),
  output: watchedTensor,
  mechanism: z.enum(birthMechanisms),
  why: z.string(),
  thread: z.string(),
  pid: count,
  stop: z.enum(['line', 'after']).nullable(),
  session: z.string(),
  sessionName: z.string(),
}) satisfies z.ZodType<FoundNaN>;
const guardView = z.object({
  on: z.boolean(),
  level: z.enum(guardLevels),
  watching: z.array(z.string()),
  hits: z.array(foundNaN),
  status: z
    .object({
      armed: z.boolean(),
      waiting: z.boolean(),
      level: z.enum(guardLevels),
      modes: z.enum(['dispatch', 'function', 'none']).nullable(),
      checked: count,
      errors: count,
      lastError: z.string().nullable(),
      sickInputs: z.object({ count, first: z.string().nullable() }),
      left: count,
    })
    .nullable(),
  problem: z.string().nullable(),
}) satisfies z.ZodType<GuardView>;

/** As the page sees it: an error's code is text to it. */
export type ShownWatch = Omit<WatchState, 'error'> & {
  readonly error: Pick<ErrorPayload, 'message' | 'hint'> | null;
};

export const toTensors = z.object({ type: z.literal('state'), state: watchState, guard: guardView });
export type ToTensors = { readonly type: 'state'; readonly state: WatchState; readonly guard: GuardView };

const path = z.string().max(10_000);
export const fromTensors = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('refresh') }),
  z.strictObject({ type: z.literal('open'), path, index: z.array(count).max(64) }),
  z.strictObject({ type: z.literal('close'), path }),
  z.strictObject({ type: z.literal('track'), path, on: z.boolean() }),
  z.strictObject({ type: z.literal('addToWatch'), path }),
  z.strictObject({ type: z.literal('guard'), on: z.boolean(), level: z.enum(guardLevels) }),
  /** Opens the line in which a session's first NaN began. */
  z.strictObject({ type: z.literal('show'), session: z.string().max(1000) }),
]);
export type FromTensors = z.infer<typeof fromTensors>;
