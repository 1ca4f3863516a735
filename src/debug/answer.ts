/** What the helper answers, checked: it runs inside a program that may have replaced anything. */
import * as z from 'zod';
import { NanoscopeError } from '../core/errors';
import type { LiveDetail, LiveScope, LiveTensor } from '../core/live/tensor';

export const count = z.int().min(0);
export const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
export const text = z.string().max(10_000);
const rows = <T extends z.ZodType>(cell: T): z.ZodArray<z.ZodArray<T>> =>
  z.array(z.array(cell).max(100_000)).max(100_000);

const tensorFields = z.object({
  path: text.nullable(),
  origin: z.enum(['local', 'attribute', 'buffer', 'parameter', 'item']),
  /** Null: no tensor at all. */
  library: text.nullable(),
  type: text,
  dtype: text.default(''),
  /** −1: an axis without one length, as a nested tensor has. */
  shape: z.array(z.int().min(-1)).max(64).default([]),
  device: text.default(''),
  elements: count.default(0),
  requiresGrad: z.boolean().default(false),
  nan: count.optional(),
  posInf: count.optional(),
  negInf: count.optional(),
  min: number.nullish(),
  max: number.nullish(),
  mean: number.nullish(),
  scanned: count.nullish(),
  skipped: text.nullish(),
  error: text.nullish(),
  note: text.nullish(),
  sameAs: text.nullish(),
});

const scopeAnswer = z.object({
  version: z.literal(1),
  ms: z.number().min(0),
  tensors: z.array(tensorFields).max(10_000),
  more: count,
  outOfTime: z.boolean(),
});

const axis = z.int().min(0).max(63).nullable();
const detailAnswer = tensorFields.extend({
  axes: z.object({ sample: axis, position: axis, why: text }).default({ sample: null, position: null, why: '' }),
  counts: z.object({ nan: rows(count), posInf: rows(count), negInf: rows(count) }).nullish(),
  roles: z.object({ from: text, rows: z.array(z.string().regex(/^[pr]*$/)).max(100_000) }).nullish(),
  histogram: z.object({ edges: z.array(z.number()).max(1000), counts: z.array(count).max(1000) }).nullish(),
  /** Complex numbers are text. */
  values: rows(z.union([z.number(), text])).nullish(),
});

export const readScope = (answer: string): LiveScope => {
  const { ms, tensors, more, outOfTime } = parsed(scopeAnswer, answer);
  return { ms, more, outOfTime, tensors: tensors.map(tensorOf) };
};

/**
 * @param index what was asked for
 * @returns null where the helper said that the value is no tensor
 */
export const readDetail = (answer: string, index: readonly number[]): LiveDetail | null => {
  const fields = parsed(detailAnswer, answer);
  if (fields.library === null) return null;
  const { axes, counts, roles, histogram, values } = fields;
  return {
    ...tensorOf(fields),
    axes,
    cells: counts ?? null,
    roles: roles ?? null,
    histogram: histogram ?? null,
    values: values ?? null,
    index,
  };
};

function tensorOf(fields: z.infer<typeof tensorFields>): LiveTensor {
  const { nan, posInf, negInf, min, max, mean, scanned, skipped, error, note, sameAs, ...same } = fields;
  const read = nan !== undefined && posInf !== undefined && negInf !== undefined;
  return {
    path: same.path,
    name: same.path ?? `a ${same.type}`,
    origin: same.origin,
    library: same.library ?? '',
    type: same.type,
    dtype: same.dtype,
    shape: same.shape,
    device: same.device,
    elements: same.elements,
    requiresGrad: same.requiresGrad,
    counts: read ? { nan, posInf, negInf } : null,
    min: min ?? null,
    max: max ?? null,
    mean: mean ?? null,
    scanned: scanned ?? null,
    skipped: skipped ?? error ?? null,
    note: note ?? null,
    sameAs: sameAs ?? null,
  };
}

export function parsed<T>(schema: z.ZodType<T>, answer: string): T {
  try {
    return schema.parse(JSON.parse(answer));
  } catch (cause) {
    throw new NanoscopeError(
      'debugger',
      'The program gave an answer that NaNoscope cannot read.',
      'Continue to another place in the program; if it stays like this, please report it with the log of NaNoscope.',
      { cause },
    );
  }
}
